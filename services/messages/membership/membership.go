// Package membership tells the messages service who is in a room.
//
// rooms owns that knowledge. A [Cache] asks it ([Client], or directly in the one process) and keeps the answer, and it follows the log of
// the rooms to drop an answer as soon as a newer version of the membership passes by.
//
// # State
//
// Of each room the cache keeps at most one [events.Membership], which names at most a hundred users or is a large room's, and of users whether they are
// in a large room; all within a bound of bytes, the least recently used ones out first, and none for longer than the configured time. A question to rooms that is under way is a flight: all who ask for the same room meanwhile
// share it.
//
// # Who may call what
//
// [Cache.Of], [Cache.Standing] and [Cache.Room] are for any number of requests at once. [Cache.Follow], [Cache.CaughtUp] and [Cache.Jumped] are the log reader's. [Cache.Run] ends last: it
// waits for the flights.
//
// # Invariants
//
//   - Nothing is kept before the log has been read to its end once: until then a change could have passed by unseen.
//   - What is kept is at least as new as the newest version that has passed in the log since it was asked for. A flight that brings an
//     older answer asks again, and keeps none if the last one is old, too.
//   - What is answered from memory was true at most the configured time ago: when rooms was asked, or when the room's creation was written.
//     Neither how long rooms took to answer nor a log that stands still or is read late makes it more. Readers of the log rely on it: they
//     need not remember changes that are older.
//   - What a timeline is read by was true at most a second ago, unless rooms cannot be asked.
//   - A refusal is never taken from memory, nor from a flight that began before the request: whoever has just joined is in. Who insists, and is
//     refused for the third time within a second, is not asked for again in that second, unless the log says that it has joined.
//
// # Failures
//
//   - rooms is down: who is kept as a member can go on sending until the time is over; everything else is [ErrUnavailable], and nothing is
//     written.
//   - The log stands still, or is read late: a change is noticed when the time is over, and by the message's readers, who use the newest membership in
//     the room's log.
//   - The log does not go on where it was read: everything that is kept is forgotten, and what was asked for before is not kept.
//   - A record is malformed: it is passed over here. The consumer group that heals timelines sends it to the dead letters.
package membership

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

var (
	// ErrRoomNotFound says that there is no such room.
	ErrRoomNotFound = errors.New("room not found")
	// ErrUnavailable says that rooms cannot be asked now.
	ErrUnavailable = errors.New("rooms is unavailable")
)

// Rooms is what is asked who is in a room, and how a user stands to one that it is in or has been in. Errors: [ErrRoomNotFound]; any other
// means that it cannot be said now.
type Rooms interface {
	Membership(ctx context.Context, room uuid.UUID) (events.Membership, error)
	Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error)
}
