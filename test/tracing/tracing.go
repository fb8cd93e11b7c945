// Package tracing says what the trace of a request must look like, and checks it: on spans as a collector receives them, and
// as Jaeger gives them back. What comes later into the trace of a request joins its table in expected.go, and is checked and
// shown in docs/operations.md from then on.
package tracing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Span is what a check wants to know of a span.
type Span struct {
	TraceID    string // hexadecimal, as are the ids of spans
	ID         string
	Parent     string // "" for a root
	Service    string // the resource's service.name
	Name       string
	Kind       string // server, client, producer, consumer or internal
	Attributes map[string]string
}

// Connected reports whether spans are one whole trace: of one id, with one root, and with every parent among them.
func Connected(spans []Span) error {
	if len(spans) == 0 {
		return errors.New("the trace has no spans")
	}
	known := map[string]bool{}
	for _, span := range spans {
		known[span.ID] = true
	}
	var faults []error
	roots := 0
	for _, span := range spans {
		if span.TraceID != spans[0].TraceID {
			faults = append(faults, fmt.Errorf("%s is in trace %s, not %s", span, span.TraceID, spans[0].TraceID))
		}
		switch {
		case span.Parent == "":
			roots++
		case !known[span.Parent]:
			faults = append(faults, fmt.Errorf("%s is an orphan: its parent %s is not in the trace", span, span.Parent))
		}
	}
	if roots != 1 {
		faults = append(faults, fmt.Errorf("the trace has %d roots", roots))
	}
	return errors.Join(faults...)
}

func (s Span) String() string { return fmt.Sprintf("%q of %s", s.Name, s.Service) }

// Expectation is a kind of span that a trace must have, with what must be below it.
type Expectation struct {
	Service string
	Name    string
	Kind    string
	Group   string   // the consumer group; "" for what has none
	Keys    []string // of the attributes that it has
	// Each says that there is one below each span of the expectation above, not only below one of them.
	Each     bool
	Optional bool // it depends on what was in memory
	Engines  bool // it is there where stores are engines and services are processes of their own, not in the one process
	Below    []Expectation
}

// Gateway is the service that may have the root above everything else.
const Gateway = "gateway"

// Check reports whether a trace is connected and has all that is expected. Where a span must have an attribute that is in
// about, it must have that value.
func Check(spans []Span, want Expectation, about map[string]string) error {
	if err := Connected(spans); err != nil {
		return err
	}
	c := checker{below: map[string][]Span{}, about: about}
	for _, span := range spans {
		c.below[span.Parent] = append(c.below[span.Parent], span)
	}
	root := c.below[""][0]
	parents := []Span{{}}
	if root.Service == Gateway && want.Service != Gateway {
		parents = []Span{root}
	}
	c.check(want, parents, "")
	return errors.Join(c.faults...)
}

type checker struct {
	below  map[string][]Span // by the id of their parent
	about  map[string]string
	faults []error
}

func (c *checker) check(want Expectation, parents []Span, path string) {
	path = strings.TrimPrefix(path+" > "+want.Name, " > ")
	var found []Span
	for _, parent := range parents {
		matching := slices.DeleteFunc(slices.Clone(c.below[parent.ID]), func(s Span) bool { return !want.names(s) })
		if want.Each && len(matching) == 0 {
			c.fault(path, "%s has none of %s below it", parent, want.Service)
		}
		found = append(found, matching...)
	}
	if len(found) == 0 {
		if !want.Optional && !want.Each {
			c.fault(path, "there is none of %s", want.Service)
		}
		return
	}
	for _, span := range found {
		for _, key := range want.Keys {
			got, has := span.Attributes[key]
			if expected, known := c.about[key]; !has || known && got != expected {
				c.fault(path, "%s has %s %q", span, key, got)
			}
		}
	}
	for _, below := range want.Below {
		c.check(below, found, path)
	}
}

func (c *checker) fault(path, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(path+": "+format, args...))
}

func (e Expectation) names(s Span) bool {
	return s.Service == e.Service && s.Name == e.Name && s.Kind == e.Kind && s.Attributes[group] == e.Group
}

// InOneProcess is the same where all services are in one process, called ism, that asks no other and whose stores are files.
func (e Expectation) InOneProcess() Expectation {
	e.Service = "ism"
	var below []Expectation
	for _, b := range e.Below {
		if !b.Engines {
			below = append(below, b.InOneProcess())
		}
	}
	e.Below = below
	return e
}

// Picture draws what is expected as a tree, for people.
func (e Expectation) Picture() string {
	var lines [][2]string
	var draw func(e Expectation, first, rest string)
	draw = func(e Expectation, first, rest string) {
		service := e.Service
		switch {
		case e.Group != "":
			service += ", " + e.Group
		case e.Optional:
			service += " (not always)"
		}
		lines = append(lines, [2]string{first + e.Name, service})
		for i, below := range e.Below {
			if i == len(e.Below)-1 {
				draw(below, rest+"└─ ", rest+"   ")
			} else {
				draw(below, rest+"├─ ", rest+"│  ")
			}
		}
	}
	draw(e, "", "")
	width := 0
	for _, line := range lines {
		width = max(width, len([]rune(line[0])))
	}
	var picture strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&picture, "%-*s  %s\n", width, line[0], line[1])
	}
	return picture.String()
}
