package sse

import (
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Event is what every stream of its audience writes: shared by them, and never changed.
type Event struct {
	Data []byte    // the data line and the blank line behind it
	At   time.Time // when the event happened
	// Parent is the span under which the writes are traced; nil where they are not.
	Parent *trace.SpanContext
	Resync string // the reason of a Resync event, "" of all others
}

// Frame is an event as one stream writes it: with the id that says where the stream is once it is written. Live streams share their ids,
// a stream that replays has its own.
type Frame struct {
	ID    []byte // the id line
	Seq   uint64 // of the live event, see [Position]; 0 while a stream replays
	Event *Event
}

// Size is how many bytes the frame takes on a stream.
func (f Frame) Size() int { return len(f.ID) + len(f.Event.Data) }

// Position is where an edge is.
type Position struct {
	Seq uint64 // counts the records that the edge has taken, so that two positions of one edge can be compared
	ID  []byte // the id line of the edge's cut
}

// Text is the id without its line.
func (p Position) Text() string { return IDOf(p.ID) }
