// Package edge keeps the newest deliveries of every partition and hands them to the open streams of their recipients.
//
// # State and who may touch it
//
// An [Edge] has, for each partition of ism.deliveries, a ring and the subscribers of the users whose events are in that partition. Both
// are under the partition's lock. The reader of the deliveries calls [Edge.Begin] and [Edge.Ingest], the records of one partition in order
// and not side by side; streams call [Edge.Attach], [Edge.Detach] and [Edge.Position] from anywhere. [Subscriber.Offer] is called under
// the lock: it must neither wait nor call the edge. Nothing is on disk.
//
// # Lifecycle
//
//	New ─▶ Open, with the number of partitions ─▶ Begin, once a partition ─▶ Ingest … ─▶ CaughtUp ─▶ Attach, Position, Detach
//
// A starting edge reads back as far as its ring reaches, and is ready once it has caught up with what was written before its start. [Edge.Run]
// lets old deliveries fall out also where no new ones come.
//
// # Invariants
//
//   - A user's events are in one partition, the same at every edge: [events.UserPartition]. So an id is understood by every edge.
//   - A replay and the live events behind it are one sequence without gap or repeat: both are taken under one lock.
//   - All events up to [Edge.Position] have been offered to the user's streams.
//   - An event is offered to a stream at most once. A subscriber that refuses one gets no more.
//
// # Failures
//
//   - A record cannot be decoded, or is of a type that is not for edges: it is counted and passed over, and the position moves on.
//   - A record is in a partition that did not exist at the start: it is logged as an error, until all processes are restarted.
//   - A client resumes from a position that this edge has not reached: it waits a second at most, then its stream begins with a Resync event. So it
//     does at once where the position has fallen out of the ring, is of another partition, or is none.
//   - Kafka is down: streams stay open, and get what was written once it can be read again.
//   - The edge dies: its clients resume at another one, which has the same deliveries in its ring.
package edge
