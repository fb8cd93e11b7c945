package traffic

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

// certainlyNotWritten are the codes of the problems that say so.
var certainlyNotWritten = []string{"kafka-unavailable", "rooms-unavailable"} //nolint:gochecknoglobals // a constant list

func (r *Report) answered(send Send, text string, message wire.Message, err error) {
	var problem *client.Problem
	switch {
	case err == nil:
	case errors.As(err, &problem):
		send.Failure = problem.Code
	default:
		send.Failure = "no answer"
	}
	r.Sends[text] = send
	switch {
	case err == nil:
		r.Acknowledged[text] = Message{Room: send.Room, ID: message.ID, Text: text, Position: message.Position}
		return
	case slices.Contains(certainlyNotWritten, send.Failure):
		r.Refused[text] = true
	default:
		r.Unknown[text] = true
	}
	r.Failures[send.Failure]++
}

// nameFaults are the messages with names that were given up, or acknowledged as two.
func (r Report) nameFaults() []string {
	var faults []string
	for _, text := range slices.Sorted(maps.Keys(r.Sends)) {
		if send := r.Sends[text]; send.Named && send.Failure != "" {
			faults = append(faults, fmt.Sprintf("%q has a name and was never acknowledged: %s", text, send.Failure))
		}
	}
	for _, text := range r.Twofold {
		faults = append(faults, fmt.Sprintf("%q was acknowledged as two messages", text))
	}
	return faults
}

// orderFaults are the messages that stand before one that had been acknowledged when they were begun.
func (r Report) orderFaults() []string {
	var faults []string
	for _, history := range r.History {
		var behind string          // of what stands behind, the one that was acknowledged first
		var acknowledged time.Time // when that was
		for _, m := range slices.Backward(history) {
			send, known := r.Sends[m.Text]
			if !known {
				continue
			}
			if behind != "" && acknowledged.Before(send.Begun) {
				faults = append(faults, fmt.Sprintf("%q stands before %q, which had been acknowledged when it was begun", m.Text, behind))
			}
			if send.Failure == "" && (behind == "" || send.Answered.Before(acknowledged)) {
				behind, acknowledged = m.Text, send.Answered
			}
		}
	}
	return faults
}

// holes are the messages that pages lack.
func (r Report) holes() []string {
	var faults []string
	for _, page := range r.Pages {
		for _, m := range slices.Backward(r.History[page.Room]) {
			if m.Position < page.Oldest {
				break
			}
			send, known := r.Sends[m.Text]
			said := page.CompleteBefore != "" && m.Position >= page.CompleteBefore
			if known && send.Failure == "" && send.Answered.Before(page.Begun) && !page.IDs[m.ID] && !said {
				faults = append(faults, fmt.Sprintf("a page lacks %q at %s, which had been acknowledged %s before it was asked for, at try %d; it goes from %q to %q, and was answered by node %d",
					m.Text, m.Position, page.Begun.Sub(send.Answered), send.Tries, page.Oldest, page.Newest, page.Node))
			}
		}
	}
	return faults
}
