// Package ring keeps the newest events that streams are given, so that a client can resume from any cut that is not too old.
//
// # State and who may touch it
//
// A [Ring] has the cut that the edge has reached, the entries in the order in which the edge took their records, for each partition the
// offset behind which everything is kept (its floor), and the users who have entries or open streams. Each entry knows, for each of its users, that
// user's entry before it: so a replay walks along the user's own entries and touches nobody else's. It also has the ids of the newest
// events, by which repeats are found. It is not safe for concurrent use; the edge's lock guards it. It knows no clock: the time is handed in.
//
// # Lifecycle
//
// [Ring.Begin] sets where a partition is read from. Each record is announced by [Ring.Take], in the order of its partition, and its entries
// are added by [Ring.Add] if [Ring.First] says that the event is no repeat. What exceeds the [Limits] falls out, the oldest first, at each
// Add and at [Ring.Evict].
//
// # Invariants
//
//   - In each partition offsets only grow, and the floor is never above the cut.
//   - Every entry at or above its partition's floor and below the cut is kept. So a replay from anywhere between the two is complete.
//   - After Add and Evict no limit is exceeded. Ids are remembered for [Limits.Margin] longer than entries are kept, at most twice as many as
//     [Limits.Records].
//   - A user with neither entries nor streams is forgotten.
//
// # Failures
//
//   - A producer writes an event to its log again after a crash: its id tells.
//   - A partition is read again from an older offset: what is below the cut is not taken again.
//   - A client's cut is below a floor, or the edge has not reached it: [ErrExpired], [ErrAhead], never a part of what it missed.
package ring
