// Package stream decides what is written to one event stream, when the client counts as too slow, and when the stream ends. It knows
// no connection, no clock, no timer, no goroutine and no lock: a connection layer tells it what happens and at what time, and asks it
// what to write next. So a layer can be replaced without touching what a client sees.
//
// # State and who may touch it
//
// A [Stream] is not safe for concurrent use. Its layer calls it from one goroutine or under one lock, which it must not hold while it
// writes: a [Chunk] stays valid while frames are offered. What waits for the client is in three stages, written in this order: text of
// the stream's own (the opening, a keep-alive, the last lines), the batch that is being written (at first the backlog of a resume), and the
// queue of what has been offered since. A stream whose client has everything holds no memory for any of them.
//
// # Lifecycle
//
//	New ──▶ Open ──▶ { Next ─▶ Wrote }, Offer, Tick at Due ──▶ Drain, or the token's expiry ──▶ ended
//
// Frames may be offered from New on: they are written behind the backlog. At a keep-alive, at the token's expiry and at a drain a notice
// is added: everything that was offered before is written first, then the notice, and after the last two the stream ends. [Stream.Next]
// is where a stream notices that it has ended, so a layer calls it until there is nothing to write, and then asks [Stream.Ended].
//
// # Invariants
//
//   - Frames are written in the order in which they are offered, behind the backlog, each once.
//   - A position is announced only when everything up to it is written. The layer reads the position before it hands it over,
//     everything up to it has been offered by then, and the queue is emptied after that.
//   - The queue holds at most [Config.QueueEvents] frames and [Config.QueueBytes] bytes, more bytes only for a single frame. As many
//     again may be in the batch.
//   - One chunk is under way at a time, of at most [maxChunkBytes] unless one frame is larger. It has [Config.WriteTimeout] to be
//     written to its last byte.
//   - A stream ends once and keeps its first reason; once [Stream.Drain] has been called that is [Drained], whatever goes wrong.
//
// # Failures
//
//   - The client does not read: the queue overflows, or the chunk's deadline passes. The stream ends as [Slow], and the client resumes
//     behind the last event that it got.
//   - The connection breaks: [Stream.Wrote] gets the error, and the stream ends as [Gone].
//   - Nothing that was queued is kept when a stream ends: the ring has it.
package stream
