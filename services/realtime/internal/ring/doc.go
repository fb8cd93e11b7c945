// Package ring keeps the newest deliveries of one partition, so that a client can resume behind any of them.
//
// # State and who may touch it
//
// A [Ring] has the deliveries in the order of their offsets, the newest offset read (its position), the offset behind which
// everything is kept (its floor), and what it needs to find repeats: which of the newest offsets of each origin's partition have been
// delivered, and the ids of the events. It is not safe for concurrent use; the edge's lock of the partition guards it. It knows no clock:
// the time is handed in.
//
// # Lifecycle
//
// [New] begins at the offset from which the partition is read. Each record is given to [Ring.Add] or [Ring.Skip], in order. What exceeds
// the [Limits] falls out, the oldest first, at each Add and at [Ring.Evict].
//
// # Invariants
//
//   - Offsets only grow; the floor is never above the position.
//   - Every delivery above the floor and up to the position is kept, but for repeats. So a replay from anywhere between the two is complete.
//   - After Add and Evict no limit is exceeded. Ids are remembered for [Limits.Margin] longer than deliveries are kept, at most twice as
//     many as [Limits.Records].
//   - Within a partition an event is delivered once, as long as its offset or its id is remembered. Offsets below those that are known one by one
//     count as delivered.
//
// # Failures
//
//   - The fan-out writes a batch again after a crash, also out of order: the origin's offsets tell.
//   - A producer writes an event to its log again: its id tells.
//   - The partition is read again from an older offset: what is not above the position is no delivery.
//   - A client's position is below the floor or above the position: [ErrExpired], [ErrAhead], never a part of what it missed.
package ring
