package traffic

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Message is a message as somebody sees it. Its text is nobody else's.
type Message struct {
	Room     uuid.UUID
	ID       uuid.UUID
	Text     string
	Position string
}

// Delivery is what a stream has had: a message, or a Resync with its reason.
type Delivery struct {
	Message Message
	Resync  string
}

// Send is what its sender knows of a send.
type Send struct {
	Room            uuid.UUID
	Begun, Answered time.Time
	Failure         string // the problem's code, or "no answer"; "" of one that was acknowledged
	Named           bool   // it was tried again until it was acknowledged
	Tries           int    // of one that is named
}

// Page is the newest page of a room, as somebody saw it while others sent.
type Page struct {
	Room           uuid.UUID
	Begun          time.Time // when it was asked for
	Node           int       // of [deployment.User.At]
	IDs            map[uuid.UUID]bool
	Oldest, Newest string // the positions of its messages at both ends; the oldest is "" where the page has the whole timeline
	CompleteBefore string // the position from which on it may lack some, as it says itself; "" where it lacks none
}

// Report is what was said of each message, and what became of it.
type Report struct {
	Acknowledged map[string]Message // by text
	Refused      map[string]bool    // texts of messages that were said not to be written
	Unknown      map[string]bool    // texts of those of which nothing was said
	Sends        map[string]Send    // all of them, by text
	Failures     map[string]int     // by the problem's code, or "no answer"
	History      map[uuid.UUID][]Message
	Streams      map[string][]Delivery // by user
	Pages        []Page
	Twofold      []string // texts of named messages that were acknowledged as two messages
}

func newReport() Report {
	return Report{
		Acknowledged: map[string]Message{}, Refused: map[string]bool{}, Unknown: map[string]bool{}, Sends: map[string]Send{}, Failures: map[string]int{},
		History: map[uuid.UUID][]Message{}, Streams: map[string][]Delivery{},
	}
}

// String counts.
func (r Report) String() string {
	stored, late, delivered := 0, 0, 0
	resyncs := map[string]int{} // by reason
	for _, history := range r.History {
		stored += len(history)
		for _, m := range history {
			if r.Unknown[m.Text] {
				late++
			}
		}
	}
	for _, stream := range r.Streams {
		for _, d := range stream {
			if d.Resync != "" {
				resyncs[d.Resync]++
			} else {
				delivered++
			}
		}
	}
	named, again := 0, 0
	for _, send := range r.Sends {
		if send.Named {
			named++
			again += min(1, send.Tries-1)
		}
	}
	return fmt.Sprintf("%d acknowledged, %d refused, %d unknown (%d of them written) %v, %d stored, %d delivered to %d streams with Resyncs %v; %d had names, %d of these were tried again; %d pages",
		len(r.Acknowledged), len(r.Refused), len(r.Unknown), late, r.Failures, stored, delivered, len(r.Streams), resyncs, named, again, len(r.Pages))
}

// Faults are the differences between what was said and what became of it:
//
//   - what was acknowledged is in the history once, with its id, and what was refused is not;
//   - nothing is twice in the history or on a stream;
//   - what has a name was acknowledged in the end, as one message;
//   - what was begun when another message of its room had been acknowledged stands behind it in the history;
//   - a page has all that had been acknowledged when it was asked for, from its oldest message on to where it says that it may lack some;
//   - a stream has a room's messages in the order of the history, and where it leaves some out, a Resync stands there.
func (r Report) Faults(options Options) []string {
	var faults []string
	index := map[uuid.UUID]int{} // in its room's history, by id
	for _, history := range r.History {
		texts := map[string]Message{}
		for i, m := range history {
			if before, twice := texts[m.Text]; twice {
				faults = append(faults, fmt.Sprintf("the history has %q twice, as %s at %s and as %s at %s; its sender knows it as %s at %s", m.Text,
					before.ID, before.Position, m.ID, m.Position, r.Acknowledged[m.Text].ID, r.Acknowledged[m.Text].Position))
			} else if _, twice := index[m.ID]; twice {
				faults = append(faults, fmt.Sprintf("the history has %s twice, the second time as %q", m.ID, m.Text))
			}
			index[m.ID], texts[m.Text] = i, m
			if r.Refused[m.Text] {
				faults = append(faults, fmt.Sprintf("%q was said not to be written and is in the history", m.Text))
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(r.Acknowledged)) {
		if _, stored := index[r.Acknowledged[text].ID]; !stored {
			faults = append(faults, fmt.Sprintf("%q was acknowledged and is not in the history", text))
		}
	}
	faults = append(faults, r.nameFaults()...)
	faults = append(faults, r.orderFaults()...)
	faults = append(faults, r.holes()...)
	for _, user := range slices.Sorted(maps.Keys(r.Streams)) {
		for _, fault := range r.streamFaults(r.Streams[user], index, options) {
			faults = append(faults, fmt.Sprintf("the stream of %s %s", user, fault))
		}
	}
	return faults
}

func (r Report) streamFaults(stream []Delivery, index map[uuid.UUID]int, options Options) []string {
	var faults []string
	next := map[uuid.UUID]int{}       // by room, the index that comes next
	announced := map[uuid.UUID]bool{} // rooms of which a Resync has announced a gap since their last message
	texts := map[string]bool{}
	had := map[string]bool{} // texts from before a Resync of an edge that is behind
	for _, d := range stream {
		if d.Resync != "" {
			if options.Behind && d.Resync == "unknown-position" {
				had = maps.Clone(texts)
			}
			for room := range r.History {
				announced[room] = true
			}
			if !options.Resync {
				faults = append(faults, "has a Resync: "+d.Resync)
			}
			continue
		}
		at, stored := index[d.Message.ID]
		room := d.Message.Room
		switch {
		case had[d.Message.Text]:
			delete(had, d.Message.Text) // once
			continue
		case texts[d.Message.Text]:
			faults = append(faults, fmt.Sprintf("has %q twice", d.Message.Text))
			continue
		case !stored:
			faults = append(faults, fmt.Sprintf("has %q, which is not in the history", d.Message.Text))
			continue
		case at < next[room]:
			faults = append(faults, fmt.Sprintf("has %q behind what comes later in the history", d.Message.Text))
		case at > next[room] && !announced[room]:
			faults = append(faults, fmt.Sprintf("lacks %d messages before %q, and was not told", at-next[room], d.Message.Text))
		}
		texts[d.Message.Text] = true
		next[room], announced[room] = max(next[room], at+1), false
	}
	for room, history := range r.History {
		if lacks := len(history) - next[room]; lacks > 0 && !announced[room] {
			faults = append(faults, fmt.Sprintf("lacks the last %d messages of a room, and was not told", lacks))
		}
	}
	return faults
}

// Hasty are the failures that came too soon, where the messenger waits for so long before it gives a stalled partition up: a refusal although
// something was acknowledged that was sent to the same room less than that before, or an unknown outcome in less than that. Partitions
// acknowledge in their order, so both are told from the senders' clocks, however slow the machine is.
func (r Report) Hasty(stall time.Duration) []string {
	var hasty []string
	for _, text := range slices.Sorted(maps.Keys(r.Sends)) {
		failed := r.Sends[text]
		switch failed.Failure {
		case "outcome-unknown":
			if took := failed.Answered.Sub(failed.Begun); took < stall {
				hasty = append(hasty, fmt.Sprintf("nobody knew of %q after only %s", text, took))
			}
		case "kafka-unavailable":
			for other, send := range r.Sends {
				if send.Failure == "" && send.Room == failed.Room && send.Begun.After(failed.Answered.Add(-stall)) && send.Answered.Before(failed.Begun) {
					hasty = append(hasty, fmt.Sprintf("%q was refused, though %q had just been acknowledged", text, other))
					break
				}
			}
		}
	}
	return hasty
}
