package tracing

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// spansOf makes the spans that are expected, one of each, with the values that they must have.
func spansOf(e Expectation, parent string, about map[string]string, spans []Span) []Span {
	span := Span{
		TraceID: "t", ID: strconv.Itoa(len(spans) + 1), Parent: parent, Service: e.Service, Name: e.Name, Kind: e.Kind,
		Attributes: map[string]string{group: e.Group},
	}
	for _, key := range e.Keys {
		span.Attributes[key] = about[key]
	}
	spans = append(spans, span)
	for _, below := range e.Below {
		spans = spansOf(below, span.ID, about, spans)
	}
	return spans
}

var about = map[string]string{MessageID: "a message", RoomID: "a room"}

func TestWhatIsExpectedPasses(t *testing.T) {
	for name, e := range map[string]Expectation{
		"send": Send(), "send in one process": Send().InOneProcess(), "create": CreateRoom(), "create in one process": CreateRoom().InOneProcess(),
	} {
		spans := spansOf(e, "", about, nil)
		if err := Check(spans, e, about); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		behind := slices.Clone(spans)
		behind[0].Parent = "gateway's"
		behind = append(behind, Span{TraceID: "t", ID: "gateway's", Service: Gateway, Name: "messages"})
		if err := Check(behind, e, about); err != nil {
			t.Errorf("%s behind the gateway: %v", name, err)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	e := Send()
	whole := spansOf(e, "", about, nil)
	if len(whole) < 12 {
		t.Fatalf("%d spans are expected", len(whole))
	}
	parent := func(spans []Span, id string) bool {
		return slices.ContainsFunc(spans, func(s Span) bool { return s.Parent == id })
	}
	optional := []string{"GET /internal/rooms/:room_id/members"}
	for i, span := range whole {
		if i == 0 || parent(whole, span.ID) || slices.Contains(optional, span.Name) || span.Name == "store append" {
			continue
		}
		less := slices.Delete(slices.Clone(whole), i, i+1)
		if err := Check(less, e, about); err == nil || !strings.Contains(err.Error(), span.Name) {
			t.Errorf("without %s: %v", span, err)
		}
	}
	for what, change := range map[string]func(spans []Span) []Span{
		"another message": func(s []Span) []Span { s[0].Attributes[MessageID] = "another"; return s },
		"no room":         func(s []Span) []Span { delete(s[0].Attributes, RoomID); return s },
		"another trace":   func(s []Span) []Span { s[3].TraceID = "u"; return s },
		"a second root":   func(s []Span) []Span { return append(s, Span{TraceID: "t", ID: "x", Name: "x"}) },
		"an orphan":       func(s []Span) []Span { return append(s, Span{TraceID: "t", ID: "x", Name: "x", Parent: "y"}) },
		"nothing":         func([]Span) []Span { return nil },
		"a record that a group reads in place of the edge": func(s []Span) []Span {
			i := slices.IndexFunc(s, func(s Span) bool { return s.Service == "realtime" && s.Name == "process ism.rooms" })
			s[i].Attributes[group] = "ism.rooms.previews"
			return s
		},
		"a record that no edge reads": func(s []Span) []Span {
			i := slices.IndexFunc(s, func(s Span) bool { return s.Name == "send ism.rooms" })
			return append(s, Span{
				TraceID: "t", ID: "x", Parent: s[i].Parent, Service: s[i].Service, Name: s[i].Name, Kind: s[i].Kind, Attributes: s[i].Attributes,
			})
		},
	} {
		if err := Check(change(spansOf(e, "", about, nil)), e, about); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

// TestTheDocumentationShowsWhatIsChecked keeps the picture in docs/operations.md.
func TestTheDocumentationShowsWhatIsChecked(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if picture := Send().Picture(); !strings.Contains(string(document), picture) {
		t.Errorf("docs/operations.md does not have the picture of a send:\n%s", picture)
	}
}
