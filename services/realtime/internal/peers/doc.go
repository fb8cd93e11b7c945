// Package peers is what the edges of an installation tell each other, over the log ism.edges: which tickets there are, which are used up,
// and whose streams are to end.
//
// # Tickets
//
// A browser's EventSource cannot send a token. So it asks for a ticket first, with its token, and opens the stream with the ticket in the URL,
// where it may be logged on the way: it is therefore good for one stream and a short time. Any edge may be shown it, also two at once. Each
// appends a claim, and waits until it has read the ticket's first claim: if that is its own, the stream opens. The log has one partition, so all
// edges agree on which claim is the first.
//
// # State and who may touch it
//
// [Peers] has the tickets that have not expired, under its lock. The reader of the log calls [Peers.Handle]; requests call the rest.
//
// # Failures
//
//   - Kafka is down: no ticket is issued or taken, and no user is disconnected; the caller is told.
//   - An edge starts: it reads back what may still be valid before it takes requests.
//   - An edge dies between its claim and the stream: the ticket is used up, and the client asks for another.
//   - Somebody makes up tickets: each costs a wait of [awaitTicket] and nothing else.
package peers
