// Package signouts knows who has been signed out, so that the tokens from before are refused and their streams end.
//
// # State
//
// What counts is in the log: [events.UserSignedOut] and [events.UserDeleted], in [events.TopicUsers]. A [SignOuts] is a view of it in memory. Of each
// user that was signed out, each session that was, and each user of whom a session was, it has the latest time that a sign-out gives. Tokens
// from then or before are good no longer. Times are compared by the second, as iat has no more: a token of the same second is refused, too.
//
// A token that does not say of which session it is counts for any of its user's. One that does not say when it was issued counts as from before.
//
// # Lifecycle
//
// Run reads the log from as long ago as a token may be valid, and on until its process ends. Until it has come to where the log ended at its start nobody
// can say who is signed out: [SignOuts.Await] waits for that. From then on what is known counts, however far behind the reader is: while the brokers are
// away nobody is refused for that. A process has one, whatever it runs.
//
// # Invariants
//
//   - A sign-out is known here before those are told who asked to be told ([SignOuts.Tell]). So whoever enters a stream into its books, and asks
//     afterwards, misses none.
//   - An entry lives for as long as a token from before it may be valid. Then it goes, as such a token is refused for its age.
//   - There are at most maxEntries, all of one size. One more lets that go whose tokens expire first, which is logged and counted.
//   - The order of events makes no difference, nor does one that comes twice: of two times the later counts.
package signouts
