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
// # A log that does not go on
//
// A broker may lose what some edges have read and others have not, and an edge may miss what retention has removed.
//
//   - A lost claim has opened a stream already, and an edge that has not read it would take the next one for the first. A log that has lost records
//     goes on under another leader epoch. So a claim opens nothing where its record has another than the ticket's: a leader that changes
//     within the seconds between the two costs the client another ticket, and none ever opens two streams.
//   - An edge that has missed records may have missed claims and ends of streams that are open there. No ticket that it knows opens anything any more, and all of
//     its streams end: their clients come back, and resume.
//   - Whoever asks for the end of a user's streams is answered once the edge that was asked has read it in the log. So should the log lose it, that edge
//     notices, and tells it again. It is lost only where that edge ends at the same time.
//
// # State and who may touch it
//
// [Peers] has the tickets that have not expired, and what it has told within an hour, under its lock. The reader of the log calls [Peers.Handle] and
// [Peers.Jumped]; requests call the rest. [Peers.Run] tells again what the log has lost.
//
// # Failures
//
//   - Kafka is down: no ticket is issued or taken, and no user is disconnected; the caller is told.
//   - An edge starts: it reads back what may still be valid before it takes requests.
//   - An edge dies between its claim and the stream: the ticket is used up, and the client asks for another.
//   - Somebody makes up tickets: each costs a wait of [awaitTicket] and nothing else.
package peers
