package storetest

import (
	"errors"
	"flag"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Model runs random sequences of what users do to their rooms, on a running store, and compares each answer, and what the store has then, with a
// small model in memory. Of a sequence that differs it prints the shortest. There are so many sequences, of some thirty steps each, or as many as the
// flag -rapid.checks says.
func Model(t *testing.T, s store.Store, sequences int) {
	settings := map[string]string{"rapid.checks": strconv.Itoa(sequences), "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(settings, f.Name) })
	for name, value := range settings {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) { newWorld(t, s).play(t) })
}

const (
	inhabitants = 4
	mostMembers = 3
)

// modelRoom is what the model knows of a room.
type modelRoom struct {
	kind    wire.RoomType
	members map[int]wire.MembershipStatus
	version int64
	ended   bool
	preview wire.Preview
	newest  int64 // offset
	taken   int64 // membership version
}

func (r *modelRoom) joined() (users []int) {
	for user, status := range r.members {
		if status == wire.Joined {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	return users
}

func (r *modelRoom) has(user int) bool { return r.members[user] == wire.Joined }

// world is a store and the model of what is in it.
type world struct {
	store   store.Store
	changes *changes.Changes
	people  *relationships.Relationships
	users   []uuid.UUID
	ids     []uuid.UUID
	rooms   []*modelRoom
	blocks  map[[2]int]bool // who has blocked whom
	offset  int64
	pending []changes.Posted // changes of members that are in the log
	at      time.Time
}

func newWorld(t *rapid.T, s store.Store) *world {
	propagator := telemetry.Discard(nil).Propagator
	w := &world{store: s, changes: changes.New(s, propagator), blocks: map[[2]int]bool{}, at: start()}
	w.people = relationships.New(s, relationships.Default(), propagator, w.changes.LeaveSingleRoom)
	for range inhabitants {
		id := uuid.New()
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody"}, time.Time{}); err != nil {
			t.Fatalf("add a user: %v", err)
		}
		w.users = append(w.users, id)
	}
	return w
}

func (w *world) play(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"create a Single room": w.createSingle,
		"create a Group":       w.createGroup,
		"invite":               w.invite,
		"leave":                w.leave,
		"take messages":        w.takeMessages,
		"take changes again":   w.takeChanges,
		"block":                w.block,
		"unblock":              w.unblock,
		"":                     w.agrees,
	})
}

func someone(t *rapid.T, label string) int { return rapid.IntRange(0, inhabitants-1).Draw(t, label) }

// someRoom gives a room; skips the step where there is none.
func (w *world) someRoom(t *rapid.T) int {
	if len(w.rooms) == 0 {
		t.Skip("no room")
	}
	return rapid.IntRange(0, len(w.rooms)-1).Draw(t, "room")
}

func (w *world) isBlocked(a, b int) bool { return w.blocks[[2]int{a, b}] || w.blocks[[2]int{b, a}] }

// now is later than all before.
func (w *world) now() time.Time {
	w.at = w.at.Add(time.Second)
	return w.at
}

func (w *world) create(t *rapid.T, kind wire.RoomType, users []int, want error) {
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: kind, Creator: w.users[users[0]], At: w.now()}
	for _, user := range users {
		room.Users = append(room.Users, w.users[user])
	}
	_, _, err := w.changes.CreateRoom(t.Context(), room)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("create a %s of %v: %v, want %v", kind, users, err, want)
	}
	if err != nil {
		return
	}
	made := &modelRoom{kind: kind, members: map[int]wire.MembershipStatus{}, version: 1, taken: 1, preview: wire.NewRoomPreview(), newest: -1}
	for _, user := range users {
		if kind == wire.Single || !w.isBlocked(users[0], user) {
			made.members[user] = wire.Joined
		}
	}
	w.rooms, w.ids = append(w.rooms, made), append(w.ids, room.ID)
}

func (w *world) createSingle(t *rapid.T) {
	a := someone(t, "creator")
	b := (a + rapid.IntRange(1, inhabitants-1).Draw(t, "other")) % inhabitants
	var want error
	switch {
	case w.isBlocked(a, b):
		want = people.ErrBlocked
	case w.single(a, b) >= 0:
		want = store.ErrRoomExists
	}
	w.create(t, wire.Single, []int{a, b}, want)
}

// single is the Single room of two, or -1.
func (w *world) single(a, b int) int {
	return slices.IndexFunc(w.rooms, func(r *modelRoom) bool { return r.kind == wire.Single && !r.ended && r.has(a) && r.has(b) })
}

func (w *world) createGroup(t *rapid.T) {
	users := rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "users")[:rapid.IntRange(2, mostMembers).Draw(t, "how many")]
	in := slices.DeleteFunc(slices.Clone(users), func(user int) bool { return w.isBlocked(users[0], user) })
	var want error
	if len(in) < 2 {
		want = people.ErrBlocked
	}
	w.create(t, wire.Group, users, want)
}

func (w *world) invite(t *rapid.T) {
	number, by, user := w.someRoom(t), someone(t, "by"), someone(t, "user")
	room := w.rooms[number]
	var want error
	switch {
	case room.ended || !room.has(by):
		want = store.ErrRoomNotFound
	case room.kind == wire.Single:
		want = store.ErrSingleRoom
	case room.has(user):
		want = store.ErrAlreadyMember
	case len(room.joined()) >= mostMembers:
		want = store.ErrRoomFull
	case w.isBlocked(by, user):
		want = people.ErrBlocked
	}
	_, err := w.changes.Invite(t.Context(), changes.Invitation{RoomID: w.ids[number], By: changes.Member(w.users[by]), User: w.users[user], At: w.now(), MaxMembers: mostMembers})
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("%d invites %d into room %d: %v, want %v", by, user, number, err, want)
	}
	if err == nil {
		room.members[user] = wire.Joined
		w.changed(number, user, wire.Join)
	}
}

// changed counts a change of members, which will be taken from the log.
func (w *world) changed(number, user int, change wire.Change) {
	room := w.rooms[number]
	room.version++
	w.offset++
	w.pending = append(w.pending, changes.Posted{
		RoomID: w.ids[number], SenderID: w.users[user], At: w.at, Preview: wire.RoomChangePreview("somebody", change),
		Position: events.Position{Offset: w.offset}, Version: room.version,
	})
}

func (w *world) leave(t *rapid.T) {
	number, user := w.someRoom(t), someone(t, "user")
	room := w.rooms[number]
	var want error
	if !room.has(user) {
		want = store.ErrRoomNotFound
	}
	if _, err := w.changes.Leave(t.Context(), w.ids[number], w.users[user], w.now()); !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("%d leaves room %d: %v, want %v", user, number, err, want)
	}
	if want == nil {
		w.left(number, user)
	}
}

func (w *world) left(number, user int) {
	room := w.rooms[number]
	room.members[user] = wire.Left
	if room.kind == wire.Single {
		for other := range room.members {
			room.members[other] = wire.Left
		}
	}
	room.ended = len(room.joined()) == 0
	w.changed(number, user, wire.Leave)
}

// take takes messages and changes into the store and the model, as the consumer of the log does.
func (w *world) take(t *rapid.T, all []changes.Posted) {
	if err := w.changes.ApplyMessages(t.Context(), all); err != nil {
		t.Fatalf("take messages: %v", err)
	}
	inOrder := slices.SortedStableFunc(slices.Values(all), func(a, b changes.Posted) int { return a.Position.Compare(b.Position) })
	for _, posted := range inOrder {
		room := w.rooms[slices.Index(w.ids, posted.RoomID)]
		if posted.Position.Offset <= room.newest || posted.Version > 0 && posted.Version <= room.taken {
			continue
		}
		room.newest, room.preview, room.taken = posted.Position.Offset, posted.Preview, max(room.taken, posted.Version)
	}
}

func (w *world) takeMessages(t *rapid.T) {
	var all []changes.Posted
	for range rapid.IntRange(1, 3).Draw(t, "how many") {
		number := w.someRoom(t)
		w.offset++
		offset := w.offset - rapid.Int64Range(0, min(3, w.offset-1)).Draw(t, "again") // some come late, or again
		all = append(all, changes.Posted{
			RoomID: w.ids[number], SenderID: w.users[someone(t, "sender")], At: w.at.Add(time.Duration(offset)), Preview: wire.TextPreview("somebody", "text"),
			Position: events.Position{Offset: offset},
		})
	}
	w.take(t, all)
}

// takeChanges takes the changes of members that are in the log, some again at positions behind.
func (w *world) takeChanges(t *rapid.T) {
	if len(w.pending) == 0 {
		t.Skip("no change")
	}
	from := rapid.IntRange(0, len(w.pending)-1).Draw(t, "from")
	again := slices.Clone(w.pending[from:])
	if rapid.Bool().Draw(t, "appended twice") {
		for i := range again {
			w.offset++
			again[i].Position.Offset = w.offset
		}
	}
	w.take(t, again)
}

func (w *world) block(t *rapid.T) {
	a := someone(t, "who")
	b := (a + rapid.IntRange(1, inhabitants-1).Draw(t, "whom")) % inhabitants
	if _, err := w.people.Block(t.Context(), people.Viewer{ID: w.users[a]}, w.users[b], w.now()); err != nil {
		t.Fatalf("%d blocks %d: %v", a, b, err)
	}
	w.blocks[[2]int{a, b}] = true
	if number := w.single(a, b); number >= 0 {
		w.left(number, a)
	}
}

func (w *world) unblock(t *rapid.T) {
	a := someone(t, "who")
	b := (a + rapid.IntRange(1, inhabitants-1).Draw(t, "whom")) % inhabitants
	if _, err := w.people.Unblock(t.Context(), people.Viewer{ID: w.users[a]}, w.users[b], w.now()); err != nil {
		t.Fatalf("%d unblocks %d: %v", a, b, err)
	}
	delete(w.blocks, [2]int{a, b})
}

// agrees compares what the store has with the model.
func (w *world) agrees(t *rapid.T) {
	lists := make([]int, inhabitants)
	for number, room := range w.rooms {
		membership, err := w.store.Membership(t.Context(), w.ids[number])
		if err != nil || membership.Version != room.version || len(membership.Members) != len(room.members) {
			t.Fatalf("room %d is %+v, %v; want version %d of %v", number, membership, err, room.version, room.members)
		}
		for _, member := range membership.Members {
			if user := slices.Index(w.users, member.ID); room.members[user] != member.Status {
				t.Fatalf("in room %d user %d is %q, want %q", number, user, member.Status, room.members[user])
			}
		}
		for _, user := range room.joined() {
			lists[user]++
			seen, err := w.store.Room(t.Context(), w.ids[number], w.users[user])
			if err != nil || *seen.LatestMessageText != room.preview {
				t.Fatalf("room %d shows %+v to user %d, %v; want %+v", number, seen.LatestMessageText, user, err, room.preview)
			}
		}
	}
	for a := range inhabitants {
		rooms, err := w.store.Rooms(t.Context(), w.users[a], store.RoomQuery{Limit: 1000})
		if err != nil || len(rooms) != lists[a] {
			t.Fatalf("user %d lists %d rooms, %v; want %d", a, len(rooms), err, lists[a])
		}
		for b := range a {
			found, err := w.store.SingleRoom(t.Context(), w.users[a], w.users[b])
			switch number := w.single(a, b); {
			case number < 0 && errors.Is(err, store.ErrRoomNotFound):
			case number >= 0 && err == nil && found == w.ids[number]:
			default:
				t.Fatalf("the Single room of %d and %d is %s, %v; want room %d", a, b, found, err, number)
			}
		}
	}
}
