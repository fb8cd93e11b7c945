// Package ring keeps the newest events that streams are given, so that a client can resume from any cut that is not too old.
//
// # State and who may touch it
//
// A [Ring] has the cut that the edge has reached, the entries in the order in which the edge took their records, for each partition the
// offset behind which everything is kept (its floor) with the leader epochs of its records from there on, and the users who have entries or open streams. Each entry knows, for each of its users, that
// user's entry before it: so a replay walks along the user's own entries and touches nobody else's. It also has the ids of the newest
// events, by which repeats are found, and of each partition the time of the youngest event whose id it has forgotten. It is not safe for
// concurrent use; the edge's lock guards it. It knows no clock: the time is handed in.
//
// # Lifecycle
//
// [Ring.Begin] sets where a partition is read from. Each record is announced by [Ring.Take], in the order of its partition, and its entries
// are added by [Ring.Add] if [Ring.Sight] says that the event is no repeat. What exceeds the [Limits] falls out, the oldest first, at each
// Add and at [Ring.Evict]. [Ring.Tear] says that a record can be given to nobody, [Ring.Jump] that a partition goes on elsewhere.
//
// # Invariants
//
//   - In each partition offsets only grow, but where a log has become shorter, and the floor is never above the cut.
//   - Every entry at or above its partition's floor and below the cut is kept. So a replay from anywhere between the two is complete.
//   - Of each point between the two it is known whether it is one of the log's, see package cut.
//   - After Add and Evict no limit is exceeded. Ids are remembered for the window and [Limits.Margin] after their events were taken, at most
//     twice as many as [Limits.Records].
//   - An event is sighted as [First] at most once. Where that cannot be known it is [Late].
//   - A user with neither entries nor streams is forgotten.
//
// # Failures
//
//   - A producer writes an event to its log again after a crash: its id tells. Once the id is forgotten, the event's own time tells that nobody can.
//   - A partition is read again from an older offset: what is below the cut is not taken again.
//   - A partition goes on elsewhere, or a record in it can be given to nobody: a [GapError] for every cut from before.
//   - A client's cut is below a floor, or the edge has not reached it: [ErrExpired], [ErrAhead], never a part of what it missed.
//   - A client's cut is of records that the log has lost, whoever has read them: [ErrForked].
package ring
