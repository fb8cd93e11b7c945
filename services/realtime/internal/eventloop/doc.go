// Package eventloop carries event streams on the connections of their requests, which it takes over from the HTTP server. What is written to a
// stream is decided by package stream; here it is written, many streams by one goroutine: an idle stream has no goroutine and no buffer.
//
// # State and who may touch it
//
// A [Server] has a registry of all streams, under its lock, from their requests' admission to their end. A connection's stream is under the
// connection's own lock, which is held for no call that waits, and not while the source is called. Whatever changes a stream (an offered event, an end,
// a drain) calls wake: it puts the connection on the list of its loop, which has no lock, and wakes the loop if that waits. All else of a connection
// (its socket, its place in the wheel of what is due, whether its client has room) is its loop's alone. Locks are taken in this order: the source's,
// the registry's, a connection's.
//
// Each loop waits for its sockets with an epoll, edge-triggered for everything, so that a connection costs one system call at its start and none until
// something happens. A loop waits for its epoll in the poller of Go's runtime: it holds no thread while it waits, and waking it takes no system
// call. Elsewhere than on Linux, and with the build tag ism_goroutines, each connection has two goroutines instead. The tests hold both to
// the same.
//
// # Lifecycle
//
//	Serve: admit ─▶ the HTTP server hands over ─▶ take the socket ─▶ Attach ─▶ begin ─▶ the loop writes … ─▶ ended ─▶ close, Detach, release
//
// The descriptor is duplicated and the original closed by the HTTP server, so that Go's runtime keeps nothing for it. Loops start with the first
// stream and end with [Server.Drain].
//
// # Invariants
//
//   - A write never waits. What the socket does not take waits in the stream, which bounds it, until the client has read.
//   - A loop does a bounded amount for one connection, and for one kind of work, before it looks at the others.
//   - What is due by time happens at most [wheelTick] late, and never early.
//   - A stream counts for the limits until its descriptor is closed.
//   - Of a user there are at most [Config.MaxPerUser] streams that are not about to end, and as many that are.
//
// # Failures
//
//   - The client closes, or its machine resets: seen at once, the slot is free.
//   - The client's machine vanishes: what is written, a keep-alive at the latest, is not acknowledged for [Config.Silent].
//   - The client does not read: the kernel takes some 64 KB, the stream's queue its share, then the stream ends.
//   - The client sends: a little is thrown away, then it is cut.
//   - There are no descriptors: the start says so, and streams are refused before that happens.
package eventloop
