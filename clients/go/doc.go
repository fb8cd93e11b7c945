// Package client is a Go client of ISM's HTTP API and event stream, for backends, bots, tests and load generators.
//
// # What it promises
//
// [Client.Follow] gives a user's events, each once and in order, over whatever connections that takes.
//   - A stream that breaks is opened again behind the last event that was read whole: an id counts at the blank line that ends its event, so half an
//     event comes again. [Follower.LastEventID] resumes in another process.
//   - It waits any time up to half a second, which doubles up to 20 s while nothing is heard, behind what `retry:` or Retry-After says.
//   - A connection that says nothing for 45 s, where the server writes every 15 s, is given up.
//   - What the stream cannot give is an event of type Resync: at a start without an id, where the server's memory does not reach back, and for an event that
//     cannot be read. The stream is open then, so what REST gives from there on, by [Client.CatchUp] and [Client.Rooms], and what the stream
//     gives miss nothing between them. They may overlap: know messages by their ids, changes by their positions.
//   - An event of a type that is not known is given as it is.
//
// [Client.SendOnce] sends a message once, however often that is tried: each attempt has the same Idempotency-Key and clientMsgId. Where the context ends before the
// outcome is known the error says so, and has the name with which to go on: [NotConfirmed].
//
// [Client.KeepingToken] keeps the access token, and asks for another shortly before it expires and once when it is refused, never twice at a time.
//
// Errors say what is the matter: [Problem] is the server's word, with code, status and trace id, [BadAnswer] an answer that is not ISM's (a login page, a 204,
// a redirect, half a body), anything else the network's or the context's. [Temporary] says whether to try again, [RetryIn] when. Nothing is read without a bound: 4 MiB of an
// event, 64 MiB of an answer.
//
// All other calls are one attempt each, as plain as HTTP: wrap them where they are to be tried again.
//
// # What it does not
//
// It keeps nothing: what has been read, sent and acknowledged is the caller's to store. Messages that are sent side by side arrive in any order. Names of sends are known to the server for
// a day.
package client
