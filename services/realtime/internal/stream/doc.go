// Package stream decides what is written to one event stream, when the client counts as too slow, and when the stream ends. It knows
// no connection, no clock, no timer, no goroutine and no lock: a connection layer tells it what happens and at what time, and asks it
// what to write next. So a layer can be replaced without touching what a client sees.
//
// # State and who may touch it
//
// A [Stream] is not safe for concurrent use. Its layer calls it from one goroutine or under one lock, which it must not hold while it
// writes: a [Chunk] stays valid while frames are offered. What waits for the client is in three stages, written in this order: text of
// the stream's own (the opening, a keep-alive, the last lines), the batch that is being written (at first the backlog of a resume), and the
// queue of what has been offered since. A stream whose client has everything holds no memory for any of them. It is kept small for that: there
// are many streams, and most are idle.
//
// # Lifecycle
//
//	New ──▶ Open ──▶ { Next ─▶ Wrote }, Offer, Tick at Due ──▶ Close, or the token's expiry ──▶ ended
//
// Frames may be offered from New on: they are written behind the backlog. A keep-alive, the token's expiry and a Close each add a notice:
// everything that was offered before is written first, then the notice. After the notice of an expiry or a Close, the stream's last lines, it
// ends, in the next call of [Stream.Next]. So a layer calls Next until there is nothing to write, and then asks [Stream.Ended].
//
// # Invariants
//
//   - Frames are written in the order in which they are offered, behind the backlog, each once.
//   - A position is announced only when everything up to it is written: the layer reads the position when everything up to it has been
//     offered, then hands it over, and only after that is the queue emptied for the notice.
//   - The queue holds at most [Config.QueueEvents] frames and [Config.QueueBytes] bytes, more bytes only for a single frame. As many
//     again may be in the batch.
//   - One chunk is under way at a time, of at most [maxChunkBytes] unless one frame is larger. It has [Config.WriteTimeout] to be
//     written to its last byte.
//   - A stream ends once and keeps its first reason; once [Stream.Close] has been called that is the reason given there, whatever goes wrong.
//
// # Failures
//
//   - The client does not read: the queue overflows, or the chunk's deadline passes. The stream ends as [Slow], and the client resumes
//     behind the last event that it got.
//   - The connection breaks: [Stream.Wrote] gets the error, and the stream ends as [Gone].
//   - Nothing that was queued is kept when a stream ends: the ring has it.
package stream
