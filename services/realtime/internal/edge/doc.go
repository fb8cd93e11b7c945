// Package edge reads the logs and hands what happens in them to the open streams of those who may see it.
//
// # State and who may touch it
//
// An [Edge] has one ring, which knows the cut that the edge has reached, and the newest membership of the rooms in which something has
// happened lately. Both are under the edge's lock. The reader of the logs calls [Edge.Begin], [Edge.Ingest] and [Edge.Jumped], the records of one partition in
// order and never two calls side by side; streams call [Edge.Attach], [Edge.Detach] and [Edge.Position] from anywhere. [stream.Subscriber.Offer] is
// called under the lock: it must neither wait nor call the edge. [Edge.Position] takes no lock. Nothing is on disk.
//
// # Lifecycle
//
//	New ─▶ Open, with the logs ─▶ Begin, once a partition ─▶ Ingest, Jumped … ─▶ CaughtUp ─▶ Attach, Position, Detach
//
// A starting edge reads back as far as its ring reaches, and is ready once it has caught up with what was written before its start. [Edge.Run]
// lets old events fall out also where no new ones come.
//
// # Invariants
//
//   - Package cut has the argument why a client that changes from edge to edge sees each event once, and those of a room in order.
//   - A replay and the live events behind it are one sequence without gap or repeat: both are taken under one lock.
//   - All events before [Edge.Position] have been offered to the streams.
//   - An event is offered to a stream at most once. A subscriber that refuses one gets no more.
//   - Who gets an event is decided by the newest membership of the room that the edge has seen in its log, the event's own included. A sender uses no
//     membership that it has not confirmed within a bounded time, far below the ring's window: so what the edge reads back at its start is enough.
//   - Events of a large room name nobody. Package large knows who is in it, and was as of any version of the ring's window: an entry of the ring has
//     the version, and who resumes is asked for when it does.
//
// # Failures
//
//   - A record is of a type that is not for streams: it is counted and passed over, and the cut moves on.
//   - A record cannot be decoded, or not be encoded for streams: its audience is told to resync in its place, or else the room's, and where nobody
//     knows the room, all streams are, and nobody resumes from before it. The consumer groups of the log put it into the dead letters.
//   - It is not known who is in a large room: nobody resumes from before its events. Its members are told to resync once they are known, and all
//     streams if they are not after some seconds, and then again.
//   - An event comes so late that it may be a repeat whose id is forgotten: its audience is told to resync in its place.
//   - A log does not go on where it was read: the reader says so by [Edge.Jumped], and all streams are told to resync.
//   - A client comes with the id of records that a log has lost, whichever edge has read them: its stream begins with a Resync event.
//   - A record is in a partition that did not exist at the start: it is logged as an error, until all processes are restarted.
//   - A client resumes from a cut that this edge has not reached: it waits three seconds at most, then its stream begins with a Resync event. So it
//     does at once where the cut has fallen out of the ring, is of other logs, or is none.
//   - Kafka is down: streams stay open, and get what was written once it can be read again.
//   - The edge dies: its clients resume at another one, which has the same events in its ring.
package edge
