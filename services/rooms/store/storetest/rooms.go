package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

func usersAreAddedAndChanged(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...))
	for _, user := range []store.User{
		{ID: users[1], DisplayName: "Bob 🐙"},
		{ID: users[1], DisplayName: "Bob 🐙"},
	} {
		if err := s.PutUser(t.Context(), user, start()); err != nil {
			t.Fatalf("change a user: %v", err)
		}
		bob := members(t, s, room.ID)[users[1]]
		if bob.DisplayName != user.DisplayName || bob.ProfilePicture != nil {
			t.Errorf("after the change bob is %+v", bob)
		}
	}
	alice := members(t, s, room.ID)[users[0]]
	if alice.DisplayName != "alice" || alice.ProfilePicture == nil || *alice.ProfilePicture != "https://example.com/alice.png" {
		t.Errorf("alice became %+v", alice)
	}
}

func newestTokenCounts(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob") // by tokens that do not say when they were issued
	room := create(t, s, newRoom(wire.Group, "Lunch", start(), users...))
	picture := "https://example.com/new.png"
	for i, step := range []struct {
		name    string
		picture *string
		issued  time.Time
		want    string
	}{
		{"any token", nil, time.Time{}, "any token"},
		{"first with a time", nil, start(), "first with a time"},
		{"older by a microsecond", &picture, after(-time.Microsecond), "first with a time"},
		{"without a time", &picture, time.Time{}, "first with a time"},
		{"of the same time", nil, start(), "of the same time"},
		{"newer", &picture, after(time.Hour), "newer"},
		{"in between", nil, after(time.Minute), "newer"},
		{"newer", &picture, after(3 * time.Hour), "newer"}, // it says the same
		{"older than that", nil, after(2 * time.Hour), "newer"},
	} {
		if err := s.PutUser(t.Context(), store.User{ID: users[1], DisplayName: step.name, Picture: step.picture}, step.issued); err != nil {
			t.Fatal(err)
		}
		bob := members(t, s, room.ID)[users[1]]
		if pictured := bob.ProfilePicture != nil; bob.DisplayName != step.want || pictured != (step.want == "newer") {
			t.Errorf("after step %d bob is %q with a picture: %t; want %q", i, bob.DisplayName, pictured, step.want)
		}
	}
	if alice := members(t, s, room.ID)[users[0]]; alice.DisplayName != "alice" {
		t.Errorf("alice became %+v", alice)
	}
}

// TakesAnyToken holds a user whose token was not kept, as of an older schema, to being renamed by any.
func TakesAnyToken(t *testing.T, s store.Store, user uuid.UUID) {
	t.Helper()
	room := create(t, s, newRoom(wire.Group, "", start(), user, addUsers(t, s, "bob")[0])).ID
	if name := members(t, s, room)[user].DisplayName; name != "alice" {
		t.Errorf("from the older schema comes %q", name)
	}
	if err := s.PutUser(t.Context(), store.User{ID: user, DisplayName: "Alice"}, start().AddDate(-10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if name := members(t, s, room)[user].DisplayName; name != "Alice" {
		t.Errorf("a token made %q of it", name)
	}
}

func groupIsCreated(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	room := newRoom(wire.Group, "Lunch", start(), users...)
	created := create(t, s, room)
	name, preview := "Lunch", wire.NewRoomPreview()
	want := wire.Room{
		ID: room.ID, Type: wire.Group, Name: &name, CreatedAt: wire.At(start()), LatestMessage: wire.At(start()), Unread: true, LatestMessageText: &preview,
	}
	if !reflect.DeepEqual(created, want) {
		t.Errorf("created %+v, want %+v", created, want)
	}
	for _, user := range users {
		if got := get(t, s, room.ID, user); !reflect.DeepEqual(got, want) {
			t.Errorf("a member sees %+v, want %+v", got, want)
		}
	}
	membership, err := s.Membership(t.Context(), room.ID)
	if err != nil {
		t.Fatalf("get the membership: %v", err)
	}
	if membership.Version != 1 || len(membership.Members) != 3 {
		t.Fatalf("membership %+v", membership)
	}
	for i, member := range membership.Members {
		if member.ID != users[i] || member.Status != wire.Joined || !member.JoinedAt.Equal(start()) || member.LastReadAt != nil {
			t.Errorf("member %d is %+v", i, member)
		}
	}
	nameless := create(t, s, newRoom(wire.Group, "", start(), users[0], users[1]))
	if got := get(t, s, nameless.ID, users[0]); nameless.Name != nil || got.Name != nil {
		t.Errorf("a group without a name is named %v, %v", nameless.Name, got.Name)
	}
}

func singleRoomIsEachOthers(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Single, "", start(), users...))
	for i, other := range []string{"bob", "alice"} {
		seen := get(t, s, room.ID, users[i])
		if seen.Name == nil || *seen.Name != other || seen.ImageURL == nil || *seen.ImageURL != "https://example.com/"+other+".png" {
			t.Errorf("%s's room is seen as %v with %v", other, seen.Name, seen.ImageURL)
		}
		if i == 0 && !reflect.DeepEqual(seen, room) {
			t.Errorf("created %+v, found %+v", room, seen)
		}
	}
	if err := s.PutUser(t.Context(), store.User{ID: users[1], DisplayName: "robert"}, start()); err != nil {
		t.Fatal(err)
	}
	if listed := list(t, s, users[0]); len(listed) != 1 || *listed[0].Name != "robert" || listed[0].ImageURL != nil {
		t.Errorf("after bob's change alice lists %+v", listed)
	}
}

func pairHasOneSingleRoom(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	room := create(t, s, newRoom(wire.Single, "", start(), users[0], users[1]))
	for _, pair := range [][]uuid.UUID{{users[0], users[1]}, {users[1], users[0]}} {
		_, _, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Single, "", start(), pair...))
		var exists store.RoomExistsError
		if !errors.As(err, &exists) || exists.RoomID != room.ID || !errors.Is(err, store.ErrRoomExists) {
			t.Errorf("a second room of the pair: %v", err)
		}
		if found, err := s.SingleRoom(t.Context(), pair[0], pair[1]); err != nil || found != room.ID {
			t.Errorf("the pair's room is %s, %v", found, err)
		}
	}
	if _, err := s.SingleRoom(t.Context(), users[0], users[2]); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("the room of a pair without one: %v", err)
	}
	create(t, s, newRoom(wire.Group, "", start(), users[0], users[1]))
	create(t, s, newRoom(wire.Single, "", start(), users[2], users[0]))
}

func unknownUsersAreNamed(t *testing.T, s store.Store) {
	known, strangers := addUsers(t, s, "alice"), []uuid.UUID{uuid.New(), uuid.New()}
	_, _, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Group, "", start(), known[0], strangers[0], strangers[1]))
	var unknown store.UnknownUsersError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.IDs, strangers) || !errors.Is(err, store.ErrUnknownUsers) {
		t.Errorf("a room with strangers: %v", err)
	}
	if rooms := list(t, s, known[0]); len(rooms) != 0 {
		t.Errorf("it left %+v", rooms)
	}
}

// longNamed adds users with names that make an event large.
func longNamed(t *testing.T, s store.Store, count int) []uuid.UUID {
	t.Helper()
	users := make([]uuid.UUID, count)
	picture := "https://example.com/?" + strings.Repeat("&", 2000)
	for i := range users {
		users[i] = uuid.New()
		if err := s.PutUser(t.Context(), store.User{ID: users[i], DisplayName: strings.Repeat("🐙", 255), Picture: &picture}, start()); err != nil {
			t.Fatal(err)
		}
	}
	return users
}

// namesAreInTheEventWhereTheyFit tells the event of a room from that of one whose names would not fit into the log.
func namesAreInTheEventWhereTheyFit(t *testing.T, s store.Store) {
	users := longNamed(t, s, 1000)
	for _, count := range []int{2, len(users)} {
		create(t, s, newRoom(wire.Group, "", start(), users[:count]...))
	}
	created := slices.DeleteFunc(decoded(t, outboxtest.Lead(t, s)), func(data events.Data) bool { return data.EventName() != "room.created" })
	if len(created) != 2 {
		t.Fatalf("the outbox has %d events of creations", len(created))
	}
	for i, named := range []bool{true, false} {
		for _, member := range created[i].(events.RoomCreated).Members {
			if (member.DisplayName != "") != named {
				t.Fatalf("of room %d a member is named %q", i, member.DisplayName)
			}
		}
	}
}

// decoded gives the events that are in the outbox, and takes them out of it.
func decoded(t *testing.T, lead outbox.Lead) (all []events.Data) {
	t.Helper()
	for _, row := range outboxtest.Drain(t, lead) {
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, event.Data)
	}
	return all
}

func roomsAreListed(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	if rooms := list(t, s, users[0]); rooms == nil || len(rooms) != 0 {
		t.Errorf("without rooms the list is %v", rooms)
	}
	var created []uuid.UUID
	for i := range 300 {
		room := create(t, s, newRoom(wire.Group, "", after(time.Duration(i)*time.Second), users...))
		created = append(created, room.ID)
	}
	apply(t, s, posted(created[7], users[1], "wake up", after(time.Hour), 4), posted(created[8], users[1], "too", after(2*time.Hour), 5))
	rooms := list(t, s, users[0])
	if len(rooms) != len(created) {
		t.Fatalf("%d rooms", len(rooms))
	}
	if rooms[0].ID != created[8] || rooms[1].ID != created[7] || rooms[2].ID != created[299] {
		t.Errorf("the first rooms are %s, %s, %s", rooms[0].ID, rooms[1].ID, rooms[2].ID)
	}
	sorted := slices.IsSortedFunc(rooms, func(a, b wire.Room) int { return b.LatestMessage.Compare(a.LatestMessage.Time) })
	if !sorted {
		t.Error("the list is not in order")
	}
	if !reflect.DeepEqual(rooms[0], get(t, s, created[8], users[0])) {
		t.Errorf("listed %+v, found %+v", rooms[0], get(t, s, created[8], users[0]))
	}
}

func outsidersFindNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	room := create(t, s, newRoom(wire.Group, "Private", start(), users[0], users[1])).ID
	for name, id := range map[string]uuid.UUID{"foreign": room, "unknown": uuid.New()} {
		if _, err := s.Room(t.Context(), id, users[2]); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("eve gets a %s room: %v", name, err)
		}
		if _, err := flow(s).MarkRead(t.Context(), changes.Mark{RoomID: id, UserID: users[2], At: start()}); !errors.Is(err, store.ErrRoomNotFound) {
			t.Errorf("eve marks a %s room: %v", name, err)
		}
	}
	if _, err := s.Membership(t.Context(), uuid.New()); !errors.Is(err, store.ErrRoomNotFound) {
		t.Errorf("members of an unknown room: %v", err)
	}
	if rooms := list(t, s, users[2]); len(rooms) != 0 {
		t.Errorf("eve lists %+v", rooms)
	}
}

func messagesAreTaken(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	expect := func(what, text string, at time.Time) {
		t.Helper()
		for i, user := range users {
			seen := get(t, s, room, user)
			if !seen.LatestMessage.Equal(at) || seen.LatestMessageText.Text != text || seen.Unread != (i == 1) {
				t.Errorf("%s: user %d sees %+v with preview %+v", what, i, seen, seen.LatestMessageText)
			}
		}
	}
	first, second := posted(room, users[0], "one", after(time.Second), 10), posted(room, users[0], "two", after(2*time.Second), 12)
	apply(t, s, first)
	expect("first", "one", first.At)
	apply(t, s, second, first)
	expect("second", "two", second.At)
	apply(t, s, first)
	expect("an old one again", "two", second.At)
	slow := posted(room, users[0], "by a slow clock", after(1500*time.Millisecond), 13)
	apply(t, s, slow)
	expect("a later position with an earlier time", "by a slow clock", slow.At)
	epoch := posted(room, users[0], "anew", after(3*time.Second), 0)
	epoch.Position.Epoch = 1
	apply(t, s, epoch)
	expect("a new epoch", "anew", epoch.At)
	if read := members(t, s, room)[users[0]].LastReadAt; read == nil || !read.Equal(epoch.At) {
		t.Errorf("the sender has read up to %v", read)
	}
	apply(t, s)
	apply(t, s, posted(uuid.New(), users[0], "of no room", after(time.Hour), 99))
	expect("a message of an unknown room", "anew", epoch.At)
}

func messagesOfManyRoomsAreTaken(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	var rooms []uuid.UUID
	var batch []changes.Posted
	for i := range 20 {
		room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
		rooms = append(rooms, room)
		for j := range 5 {
			batch = append(batch, posted(room, users[j%2], strings.Repeat("x", j+1), after(time.Duration(i*10+j+1)*time.Second), int64(j)))
		}
	}
	slices.Reverse(batch)
	apply(t, s, batch...)
	for i, room := range rooms {
		seen := get(t, s, room, users[1])
		if seen.LatestMessageText.Text != "xxxxx" || !seen.LatestMessage.Equal(after(time.Duration(i*10+5)*time.Second)) || !seen.Unread {
			t.Errorf("room %d is %+v", i, seen)
		}
		marks := members(t, s, room)
		for user, second := range map[int]int{0: 5, 1: 4} {
			if read := marks[users[user]].LastReadAt; read == nil || !read.Equal(after(time.Duration(i*10+second)*time.Second)) {
				t.Errorf("in room %d user %d has read up to %v", i, user, read)
			}
		}
		if marks[users[2]].LastReadAt != nil {
			t.Errorf("in room %d the third has read", i)
		}
	}
}

func readMarksMoveOn(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	expect := func(what string, at time.Time, unread bool) {
		t.Helper()
		read := members(t, s, room)[users[1]].LastReadAt
		if read == nil || !read.Equal(at) {
			t.Errorf("%s: read up to %v, want %v", what, read, at)
		}
		if seen := get(t, s, room, users[1]); seen.Unread != unread {
			t.Errorf("%s: unread is %v", what, seen.Unread)
		}
	}
	markRead(t, s, room, users[1], after(time.Second))
	expect("marked", after(time.Second), false)
	apply(t, s, posted(room, users[0], "by a fast clock", after(time.Minute), 1))
	expect("a message", after(time.Second), true)
	markRead(t, s, room, users[1], after(2*time.Second))
	expect("marked before the message's time", after(time.Minute), false)
	markRead(t, s, room, users[1], after(3*time.Second))
	expect("marked again", after(time.Minute), false)
	apply(t, s, posted(room, users[0], "by a slow clock", after(time.Second), 2))
	expect("another", after(time.Minute), true)
	markRead(t, s, room, users[1], after(time.Hour))
	expect("marked late", after(time.Hour), false)
	if read := members(t, s, room)[users[0]].LastReadAt; read == nil || !read.Equal(after(time.Minute)) {
		t.Errorf("the sender has read up to %v", read)
	}
}
