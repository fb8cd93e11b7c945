// Package membership tells the messages service who is in a room.
//
// rooms owns that knowledge. A [Cache] asks it ([Client], or directly in the one process) and keeps the answer. It follows the log of
// the rooms: what is kept goes as soon as a newer version of the membership passes by, and a change of members that passes takes its place.
//
// # State
//
// Of each room the cache keeps at most one [events.Membership], which names at most a hundred users or is a large room's, and of users whether they are
// in a large room; all within a bound of bytes, the least recently used ones out first. Each has the time as of which it was true for certain, and that of
// its last use. A question to rooms that is under way is a flight: all who ask for the same room meanwhile share it. Beside that the cache knows as of when all
// of the log has been followed, and whether rooms has left its last question unanswered.
//
// # Who may call what
//
// [Cache.Of], [Cache.Standing] and [Cache.Room] are for any number of requests at once. [Cache.Follow], [Cache.CaughtUp], [Cache.FollowedAsOf] and
// [Cache.Jumped] are the log reader's. [Cache.Run] ends last: it waits for the flights.
//
// # Invariants
//
//   - Nothing is kept before the log has been read to its end once: until then a change could have passed by unseen.
//   - What is kept is at least as new as the newest version that has passed in the log since it was asked for. A flight that brings an
//     older answer asks again, and keeps none if the last one is old, too.
//   - What is answered from memory was true at most the configured time ago: when rooms was asked, or when a record that says it was written, the room's
//     creation or a change. Neither how long rooms took to answer nor a log that stands still or is read late makes it more.
//   - While rooms does not answer, what is kept may be used for longer if it has been used within the hour, and if all that the log had 15 s ago
//     has been followed. Since what is kept goes with the first record that says otherwise, it was true then, as far as the log says.
//   - So the log has each change that a message is sent without for a minute at most before the message. Readers of the log rely on it: they need not remember
//     changes that are older.
//   - What a timeline is read by was true at most a second ago, unless rooms did not answer when it was asked last.
//   - A refusal is never taken from memory, nor from a flight that began before the request: whoever has just joined is in. Who insists, and is
//     refused for the third time within a second, is not asked for again in that second, unless the log says that it has joined.
//
// # Failures
//
//   - A connection to rooms hangs: the question is asked again after 250 ms, and after 500 ms more, see tries.
//   - rooms is down: it is waited for once, 1.5 s. From then on who is kept as a member goes on at once, and rooms is asked once a second whether it answers
//     again. Everything else is [ErrUnavailable], and nothing is written. What rooms has committed and the log has not does not count meanwhile.
//   - The log stands still, or is read late: a change is noticed when the time is over, and by the message's readers, who use the newest membership in
//     the room's log. If rooms is down as well, members can go on until the time is over.
//   - The log does not go on where it was read: everything that is kept is forgotten, and what was asked for before is not kept.
//   - A record cannot be read: what is kept of its room is forgotten, and who is in large rooms. The consumer group that heals timelines sends what is
//     malformed to the dead letters.
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
	// ErrUserNotFound says that there is no such user.
	ErrUserNotFound = errors.New("user not found")
	// ErrUnavailable says that rooms cannot be asked now.
	ErrUnavailable = errors.New("rooms is unavailable")
)

// Rooms is what is asked who is in a room, and how a user stands to one that it is in or has been in. Errors: [ErrRoomNotFound]; any other
// means that it cannot be said now. So are the tenant and the name of a user, or [ErrUserNotFound], also of one that was deleted.
type Rooms interface {
	Membership(ctx context.Context, room uuid.UUID) (events.Membership, error)
	Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error)
	User(ctx context.Context, user uuid.UUID) (events.UserAnswer, error)
}
