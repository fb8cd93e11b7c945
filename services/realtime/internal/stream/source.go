package stream

import "github.com/ism-chat/ism/services/realtime/internal/sse"

// Subscriber is a stream as the edge sees it.
type Subscriber interface {
	// Offer hands over a frame. It must neither wait nor call the edge. It reports false where the stream cannot take it: the stream has ended
	// itself then, and gets no more.
	Offer(frame sse.Frame) bool
}

// Attachment is what a stream of an edge begins with.
type Attachment struct {
	Opening []byte      // text to write first: the id line and a blank line, or a Resync event
	Seq     uint64      // of the position in Opening, 0 where that is the client's own
	Backlog []sse.Frame // what the client has missed, each with its own id and Seq 0
}
