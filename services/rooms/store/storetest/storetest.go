// Package storetest holds every backend of the rooms store to what package store says.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus/epochstest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Run runs the suite. Open gives an empty store that is running, see [Start].
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"users are added and changed", usersAreAddedAndChanged},
		{"the newest token says what a user is named", newestTokenCounts},
		{"a group is created", groupIsCreated},
		{"a Single room is each other's", singleRoomIsEachOthers},
		{"a pair has one Single room", pairHasOneSingleRoom},
		{"unknown users are named", unknownUsersAreNamed},
		{"names are in an event where they fit", namesAreInTheEventWhereTheyFit},
		{"rooms are listed by their latest message", roomsAreListed},
		{"outsiders find nothing", outsidersFindNothing},
		{"messages are taken in order of position", messagesAreTaken},
		{"senders are shown as they are", sendersAreShownAsTheyAre},
		{"a message that has expired is not shown", expiredMessagesAreNotShown},
		{"edits and deletions are shown", revisionsAreShown},
		{"many at once revise", manyRevise},
		{"messages of many rooms are taken at once", messagesOfManyRoomsAreTaken},
		{"read marks only move on", readMarksMoveOn},
		{"a transaction that fails leaves nothing", failedTransactionLeavesNothing},
		{"a transaction sees what it has written, others do not", transactionSeesItself},
		{"users are read in the order asked for", usersAreReadInOrder},
		{"unknown rooms and members are said", unknownRowsAreSaid},
		{"what cannot be stored is said", unstorableIsSaid},
		{"read marks never go back", marksNeverGoBack},
		{"messages of others are counted", messagesAreCounted},
		{"changes of members count where an installation says so", changesCountByRule},
		{"a mark names a message", marksNameMessages},
		{"a mark as unread goes back", marksGoBack},
		{"a mark that changes nothing writes nothing", idleMarks},
		{"what is older than is known counts at least", forgottenPositions},
		{"who joins begins at its own message", joinersBegin},
		{"what is sent again counts once", messagesSentAgain},
		{"marks are told once", marksAreToldOnce},
		{"receipts are private where somebody says so", receiptsArePrivate},
		{"the list comes in pages", listComesInPages},
		{"progress never goes back", progressNeverGoesBack},
		{"the log may be taken again", logIsTakenAgain},
		{"what a client counts is what the store counts", clientsCountTheSame},
		{"a room of the same pair is waited for", pairIsWaitedFor},
		{"a locked room is waited for", roomsAreLocked},
		{"a refused change leaves nothing in the outbox", refusedLeavesNothing},
		{"the outbox has every event in order", outboxHasEveryEvent},
		{"an incarnation of the log keeps its epoch", func(t *testing.T, s store.Store) { epochstest.LogKeepsItsEpoch(t, s) }},
		{"many at once find the same epochs", func(t *testing.T, s store.Store) { epochstest.ParallelEpochs(t, s) }},
		{"the rows of a membership", rowsOfAMembership},
		{"a user joins a Group", userJoins},
		{"who leaves is a former member", memberLeaves},
		{"a Single room ends for both, and its pair is free", singleRoomEnds},
		{"a Group ends with its last member", groupEnds},
		{"a large room is told in parts", largeRoomIsToldInParts},
		{"a room becomes large", roomBecomesLarge},
		{"invitations that are refused change nothing", refusedInvitationsChangeNothing},
		{"a change of members is taken once", changesAreTakenOnce},
		{"a room's name and picture are set", nameAndPictureAreSet},
		{"a Group is renamed", groupIsRenamed},
		{"a large room is renamed by reference", largeRoomIsRenamedByReference},
		{"it is restricted who may draw whom into a room", invitesAreRestricted},
		{"all leave at once", allLeave},
		{"a room is ended", roomIsEnded},
		{"a large room is ended by reference", largeRoomIsEnded},
		{"how far a rewrite is is kept", rewritesAreKept},
		{"snapshots of large rooms are written anew", snapshotsAreRewritten},
		{"what is left of large rooms that have ended is removed", endedRoomsAreRemoved},
		{"a large room ends with its last member", largeRoomEndsWithItsLastMember},
		{"a rewrite that is killed goes on", rewriteGoesOn},
		{"backends see rooms", backendsSeeRooms},
		{"a backend fills rooms", backendFillsRooms},
		{"stays are listed", staysAreListed},
		{"a user is deleted", userIsDeleted},
		{"a deleted user is put again", deletedUserIsPutAgain},
		{"others finish their part of an erasure", othersFinishTheirPart},
		{"budgets are spent", budgetsAreSpent},
		{"changes are charged", changesAreCharged},
		{"50 at once stay within a budget", budgetsHold},
		{"rooms stay within a tenant", roomsStayWithinATenant},
		{"the events of a room tell its tenant", eventsTellTheTenant},
		{"50 at once invite up to the limit", parallelInvitations},
		{"a rewrite meets changes", rewriteMeetsChanges},
		{"100 at once rewrite", parallelRewrites},
		{"leaving meets inviting", leaveMeetsInvite},
		{"100 at once create one Single room", parallelSingleRooms},
		{"100 at once add one user", parallelUsers},
		{"100 at once mark and apply", parallelMarksAndMessages},
		{"100 at once fill the outbox", parallelOutbox},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
	t.Run("outbox", func(t *testing.T) {
		outboxtest.Run(t, func(t *testing.T) outboxtest.Store { return outboxOf{open(t)} })
	})
}

// WorksAtAll holds an empty store that is running to a part of the suite that writes each table. It is for tests of what a store runs on.
func WorksAtAll(t *testing.T, s store.Store) {
	t.Helper()
	t.Run("the outbox", func(t *testing.T) { outboxHasEveryEvent(t, s) })
	t.Run("members", func(t *testing.T) { memberLeaves(t, s) })
	t.Run("epochs", func(t *testing.T) { epochstest.LogKeepsItsEpoch(t, s) })
}

// flow is the changes that the service makes, on the store under test.
func flow(s store.Store) *changes.Changes {
	return changes.New(s, telemetry.Discard(nil).Propagator).With(changes.Rules{ErasedBy: []string{"messages"}})
}

// Start runs a store until the test ends, and waits until it answers.
func Start(t testing.TB, s store.Store) store.Store {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run the store: %v", err)
		}
	})
	deadline := time.After(time.Minute)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		err := s.Ping(ctx)
		if err == nil {
			return s
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("ping: %v", err)
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("the store does not answer: %v", err)
		}
	}
}

// start is when the tests' rooms are created.
func start() time.Time { return time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC) }

func after(d time.Duration) time.Time { return start().Add(d) }

// addUsers adds users with the given names.
func addUsers(t testing.TB, s store.Store, names ...string) []uuid.UUID {
	t.Helper()
	return addUsersOf(t, s, "", names...)
}

func addUsersOf(t testing.TB, s store.Store, tenant string, names ...string) []uuid.UUID {
	t.Helper()
	ids := make([]uuid.UUID, len(names))
	for i, name := range names {
		ids[i] = uuid.New()
		picture := "https://example.com/" + name + ".png"
		if err := s.PutUser(t.Context(), store.User{ID: ids[i], DisplayName: name, Picture: &picture, Tenant: tenant}, time.Time{}); err != nil {
			t.Fatalf("add %s: %v", name, err)
		}
	}
	return ids
}

func newRoom(kind wire.RoomType, name string, at time.Time, users ...uuid.UUID) changes.NewRoom {
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: kind, Creator: users[0], Users: users, At: at}
	if name != "" {
		room.Name = &name
	}
	return room
}

// create creates a room and gives it as the creator, the first user, sees it.
func create(t testing.TB, s store.Store, room changes.NewRoom) wire.Room {
	t.Helper()
	created, _, err := flow(s).CreateRoom(t.Context(), room)
	if err != nil {
		t.Fatalf("create a room: %v", err)
	}
	return created
}

func get(t testing.TB, s store.Store, room, user uuid.UUID) wire.Room {
	t.Helper()
	found, err := s.Room(t.Context(), room, user)
	if err != nil {
		t.Fatalf("get a room: %v", err)
	}
	return found
}

func members(t testing.TB, s store.Store, room uuid.UUID) map[uuid.UUID]wire.Member {
	t.Helper()
	membership, err := s.Membership(t.Context(), room)
	if err != nil {
		t.Fatalf("get a membership: %v", err)
	}
	byID := map[uuid.UUID]wire.Member{}
	for _, member := range membership.Members {
		byID[member.ID] = member
	}
	return byID
}

func posted(room, sender uuid.UUID, text string, at time.Time, offset int64) changes.Posted {
	return changes.Posted{
		RoomID: room, MessageID: uuid.New(), SenderID: sender, At: at, Preview: wire.TextPreview("sender", text), Position: events.Position{Offset: offset},
	}
}

func apply(t testing.TB, s store.Store, messages ...changes.Posted) {
	t.Helper()
	if err := flow(s).ApplyMessages(t.Context(), messages); err != nil {
		t.Fatalf("apply messages: %v", err)
	}
}

func markRead(t testing.TB, s store.Store, room, user uuid.UUID, at time.Time) {
	t.Helper()
	mark(t, s, changes.Mark{RoomID: room, UserID: user, At: at})
}

// mark reports whether it has changed anything.
func mark(t testing.TB, s store.Store, asked changes.Mark) bool {
	t.Helper()
	changed, err := flow(s).MarkRead(t.Context(), asked)
	if err != nil {
		t.Fatalf("mark %+v: %v", asked, err)
	}
	return changed
}

// tell tells of all marks, in which an error ends the test.
func tell(t testing.TB, s store.Store) {
	t.Helper()
	tellBy(t, flow(s))
}

func tellBy(t testing.TB, by *changes.Changes) {
	t.Helper()
	for range 10 {
		more, err := by.TellMarks(t.Context(), after(24*time.Hour), after(24*time.Hour))
		if err != nil {
			t.Fatalf("tell of marks: %v", err)
		}
		if !more {
			return
		}
	}
	t.Fatal("there are always more marks to tell of")
}

// list gives all rooms of a user.
func list(t testing.TB, s store.Store, user uuid.UUID) []wire.Room {
	t.Helper()
	rooms, err := s.Rooms(t.Context(), user, store.RoomQuery{Limit: 1000})
	if err != nil {
		t.Fatalf("list rooms: %v", err)
	}
	return rooms
}
