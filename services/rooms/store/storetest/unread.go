package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
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

// unread expects how many messages of a room are unread for users, and what is so of all of each one's rooms if it has no other.
func unread(t testing.TB, s store.Store, what string, room uuid.UUID, want map[uuid.UUID]int) {
	t.Helper()
	for user, count := range want {
		if seen := get(t, s, room, user); seen.UnreadCount != count || count > 0 && !seen.Unread {
			t.Errorf("%s: for %s are %d unread (%t), want %d", what, members(t, s, room)[user].DisplayName, seen.UnreadCount, seen.Unread, count)
		}
	}
}

// talk has messages of senders, one after the other, at offsets from a first one.
func talk(room uuid.UUID, first int64, senders ...uuid.UUID) (messages []changes.Posted) {
	for i, sender := range senders {
		offset := first + int64(i)
		messages = append(messages, posted(room, sender, fmt.Sprint("at ", offset), after(time.Duration(offset)*time.Second), offset))
	}
	return messages
}

func messagesAreCounted(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	alice, bob, carol := users[0], users[1], users[2]
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	for _, user := range users {
		if seen := get(t, s, room, user); !seen.Unread || seen.UnreadCount != 0 || seen.UnreadAsOf != "" {
			t.Errorf("a new room is %+v", seen)
		}
	}
	apply(t, s, talk(room, 5, alice, alice, bob, alice)...)
	unread(t, s, "four messages", room, map[uuid.UUID]int{alice: 0, bob: 1, carol: 4})
	if seen := get(t, s, room, carol); seen.UnreadAsOf != (events.Position{Offset: 8}).String() {
		t.Errorf("counted up to %q", seen.UnreadAsOf)
	}
	change := posted(room, carol, "", after(time.Minute), 9)
	change.Version, change.Preview = 2, wire.RoomChangePreview("carol", wire.Leave)
	apply(t, s, change)
	unread(t, s, "a change of members", room, map[uuid.UUID]int{alice: 0, bob: 1, carol: 4})
	if seen := get(t, s, room, alice); seen.UnreadAsOf != (events.Position{Offset: 9}).String() || seen.Unread {
		t.Errorf("after a change of members alice sees %+v", seen)
	}
	markRead(t, s, room, carol, after(time.Hour))
	unread(t, s, "carol has read", room, map[uuid.UUID]int{alice: 0, bob: 1, carol: 0})
	epoch := talk(room, 0, bob, bob)
	for i := range epoch {
		epoch[i].Position.Epoch = 1
	}
	apply(t, s, epoch...)
	unread(t, s, "in a new epoch", room, map[uuid.UUID]int{alice: 2, bob: 0, carol: 2})
	other := create(t, s, newRoom(wire.Single, "", start(), alice, carol)).ID
	apply(t, s, talk(other, 7, alice, alice, alice)...)
	for user, want := range map[uuid.UUID]store.Totals{alice: {Rooms: 1, Messages: 2}, bob: {}, carol: {Rooms: 2, Messages: 5}, uuid.New(): {}} {
		if totals, err := s.Unread(t.Context(), user); err != nil || totals != want {
			t.Errorf("in all are %+v unread, %v; want %+v", totals, err, want)
		}
	}
}

func changesCountByRule(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	change := posted(room, users[1], "", after(time.Minute), 9)
	change.Version = 2
	counting := flow(s).With(changes.Rules{CountChanges: true})
	for range 2 {
		if err := counting.ApplyMessages(t.Context(), []changes.Posted{change}); err != nil {
			t.Fatal(err)
		}
		change.Position.Offset++ // it is in the log twice
	}
	unread(t, s, "a change", room, map[uuid.UUID]int{users[0]: 1})
}

func marksNameMessages(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	alice, bob := users[0], users[1]
	room := create(t, s, newRoom(wire.Group, "", start(), alice, bob)).ID
	foreign := create(t, s, newRoom(wire.Group, "", start(), alice, users[2])).ID
	messages, elsewhere := talk(room, 10, alice, alice, alice, alice), talk(foreign, 20, alice)
	messages[1].Position.Offset, messages[2].Position.Offset, messages[3].Position.Offset = 12, 14, 16
	apply(t, s, append(messages, elsewhere...)...)
	at := func(offset int64) *events.Position { return &events.Position{Offset: offset} }
	by := func(target changes.Mark) changes.Mark {
		target.RoomID, target.UserID, target.At = room, bob, after(time.Hour)
		return target
	}
	if !mark(t, s, by(changes.Mark{MessageID: &messages[1].MessageID})) {
		t.Error("it changes nothing")
	}
	unread(t, s, "up to the second", room, map[uuid.UUID]int{bob: 2})
	if read := members(t, s, room)[bob].LastReadAt; read == nil || !read.Equal(messages[1].At) {
		t.Errorf("read up to %v", read)
	}
	for name, target := range map[string]changes.Mark{
		"the second again": {MessageID: &messages[1].MessageID}, "the first": {MessageID: &messages[0].MessageID}, "the first by position": {Position: at(10)},
	} {
		if mark(t, s, by(target)) {
			t.Errorf("%s: it goes back", name)
		}
		unread(t, s, name, room, map[uuid.UUID]int{bob: 2})
	}
	nobodys := uuid.New()
	for name, target := range map[string]changes.Mark{
		"a foreign message": {MessageID: &elsewhere[0].MessageID}, "an unknown one": {MessageID: &nobodys}, "a foreign position": {Position: at(20)},
		"one between two": {Position: at(15)}, "one before all": {Position: at(3)}, "one to come": {Position: at(17)}, "another epoch": {Position: &events.Position{Epoch: 1}},
		"a foreign one, as unread": {MessageID: &elsewhere[0].MessageID, Unread: true},
	} {
		if changed, err := flow(s).MarkRead(t.Context(), by(target)); !errors.Is(err, store.ErrMessageNotFound) || changed {
			t.Errorf("%s: %t, %v", name, changed, err)
		}
		unread(t, s, name, room, map[uuid.UUID]int{bob: 2})
	}
	mark(t, s, by(changes.Mark{Position: at(14)}))
	unread(t, s, "up to the third", room, map[uuid.UUID]int{bob: 1})
	mark(t, s, by(changes.Mark{}))
	unread(t, s, "all", room, map[uuid.UUID]int{bob: 0})
}

func marksGoBack(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	alice, bob := users[0], users[1]
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start()})
	if mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true}) {
		t.Error("a room without messages is marked as unread")
	}
	messages := talk(room, 0, alice, bob, alice, bob, alice, alice)
	apply(t, s, messages...)
	unread(t, s, "before", room, map[uuid.UUID]int{bob: 2, alice: 0})
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start()})
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true})
	unread(t, s, "the newest of others", room, map[uuid.UUID]int{bob: 1})
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true, MessageID: &messages[0].MessageID})
	unread(t, s, "from the first on, own ones between them", room, map[uuid.UUID]int{bob: 4})
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), MessageID: &messages[2].MessageID})
	unread(t, s, "forward a bit", room, map[uuid.UUID]int{bob: 2})
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true, MessageID: &messages[1].MessageID})
	unread(t, s, "from an own one on", room, map[uuid.UUID]int{bob: 3})
	apply(t, s, talk(room, 6, alice, alice)...)
	unread(t, s, "two more", room, map[uuid.UUID]int{bob: 5})
	apply(t, s, talk(room, 8, bob)...)
	unread(t, s, "bob sends", room, map[uuid.UUID]int{bob: 0, alice: 1})
	apply(t, s, messages...) // once more
	unread(t, s, "the log again", room, map[uuid.UUID]int{bob: 0, alice: 1})
	if read := members(t, s, room)[bob].LastReadAt; read == nil || !read.Equal(after(8*time.Second)) {
		t.Errorf("the time has gone back to %v", read)
	}
}

func idleMarks(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	lead := outboxtest.Lead(t, s)
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	messages := talk(room, 0, users[0], users[0])
	apply(t, s, messages...)
	asked := changes.Mark{RoomID: room, UserID: users[1], At: after(time.Minute)}
	if !mark(t, s, asked) {
		t.Error("the first mark changes nothing")
	}
	tell(t, s)
	outboxtest.Drain(t, lead)
	asked.At = after(time.Hour)
	for range 3 {
		if mark(t, s, asked) {
			t.Error("a mark of what is read changes something")
		}
	}
	asked.MessageID = &messages[0].MessageID
	if mark(t, s, asked) {
		t.Error("an older mark changes something")
	}
	asked.MessageID, asked.UserID = nil, users[0]
	if mark(t, s, asked) {
		t.Error("a mark of what the user has sent changes something")
	}
	tell(t, s)
	if rows := outboxtest.Drain(t, lead); len(rows) != 0 {
		t.Errorf("the outbox has %d rows", len(rows))
	}
}

func forgottenPositions(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	const all = store.KeptPositions + 250
	senders := make([]uuid.UUID, all)
	for i := range senders {
		senders[i] = users[0]
	}
	messages := talk(room, 100, senders...)
	for batch := range slices.Chunk(messages, 113) { // so that a batch crosses where messages are forgotten
		apply(t, s, batch...)
	}
	unread(t, s, "all of them", room, map[uuid.UUID]int{users[0]: 0, users[1]: all})
	for name, id := range map[string]uuid.UUID{"the first": messages[0].MessageID, "the last that is forgotten": messages[249].MessageID} {
		_, err := flow(s).MarkRead(t.Context(), changes.Mark{RoomID: room, UserID: users[1], At: start(), MessageID: &id})
		if !errors.Is(err, store.ErrMessageNotFound) {
			t.Errorf("%s is known: %v", name, err)
		}
	}
	mark(t, s, changes.Mark{RoomID: room, UserID: users[1], At: start(), Position: &messages[3].Position})
	unread(t, s, "up to one that is forgotten", room, map[uuid.UUID]int{users[1]: store.KeptPositions})
	mark(t, s, changes.Mark{RoomID: room, UserID: users[1], At: start(), MessageID: &messages[250].MessageID})
	unread(t, s, "up to the oldest that is known", room, map[uuid.UUID]int{users[1]: store.KeptPositions - 1})
	mark(t, s, changes.Mark{RoomID: room, UserID: users[2], At: start(), MessageID: &messages[all-2].MessageID})
	unread(t, s, "up to the last but one", room, map[uuid.UUID]int{users[2]: 1})
}

// joinersBegin lets a user join, leave and join again, with messages of before, between and after in the log, and the changes there more than once.
func joinersBegin(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	alice, carol := users[0], users[2]
	lead := outboxtest.Lead(t, s)
	room := create(t, s, newRoom(wire.Group, "", start(), users[:2]...)).ID
	outboxtest.Drain(t, lead)
	join := func(offset int64) changes.Posted {
		t.Helper()
		invite(t, s, room, alice, carol)
		return changeAt(lastChange(t, lead), offset)
	}
	apply(t, s, talk(room, 0, alice, alice)...)
	first := join(4)
	unread(t, s, "before its joining is taken", room, map[uuid.UUID]int{carol: 0})
	apply(t, s, talk(room, 2, alice, alice)...)
	unread(t, s, "what stands before it", room, map[uuid.UUID]int{carol: 0})
	if seen := get(t, s, room, carol); !seen.Unread {
		t.Error("the room is not new to carol")
	}
	behind := talk(room, 5, alice, alice)
	apply(t, s, append([]changes.Posted{first}, behind...)...)
	unread(t, s, "what stands behind it", room, map[uuid.UUID]int{carol: 2})
	mark(t, s, changes.Mark{RoomID: room, UserID: carol, At: start(), MessageID: &behind[0].MessageID})
	again := first
	again.Position.Offset = 7
	apply(t, s, again)
	unread(t, s, "its joining in the log again", room, map[uuid.UUID]int{carol: 1})
	leave(t, s, room, carol, after(time.Hour))
	left := changeAt(lastChange(t, lead), 8)
	back := join(10)
	mark(t, s, changes.Mark{RoomID: room, UserID: carol, At: start()})
	apply(t, s, append([]changes.Posted{left}, talk(room, 9, alice)...)...)
	unread(t, s, "before it is back", room, map[uuid.UUID]int{carol: 0})
	apply(t, s, append([]changes.Posted{back}, talk(room, 11, alice, alice, alice)...)...)
	unread(t, s, "back again", room, map[uuid.UUID]int{carol: 3})
	apply(t, s, talk(room, 14, carol, alice)...)
	unread(t, s, "once it has sent something", room, map[uuid.UUID]int{carol: 1})
}

func changeAt(changed events.MembershipChanged, offset int64) changes.Posted {
	return changes.Posted{
		RoomID: changed.RoomID, MessageID: changed.Message.ID, SenderID: changed.Message.SenderID, At: changed.Message.CreatedAt.Time,
		Preview: changed.Preview, Position: events.Position{Offset: offset}, Version: changed.Version, Joins: changed.Change == wire.Join,
	}
}

// reads are the read marks in the outbox, all of which is taken out of it.
func reads(t *testing.T, lead outbox.Lead) (reads []events.RoomRead) {
	t.Helper()
	for _, row := range outboxtest.Drain(t, lead) {
		if row.Headers[events.HeaderType] != "ism.room.read.v1" {
			continue
		}
		if read, ok := decode(t, row).Data.(events.RoomRead); ok {
			reads = append(reads, read)
		}
	}
	return reads
}

func marksAreToldOnce(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob")
	alice, bob := users[0], users[1]
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	messages := talk(room, 0, alice, alice, alice, alice)
	apply(t, s, messages...)
	for i := range 3 {
		mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: after(time.Duration(i) * time.Second), MessageID: &messages[i].MessageID})
	}
	if _, err := flow(s).TellMarks(t.Context(), after(time.Second), after(time.Hour)); err != nil || len(reads(t, lead)) != 0 {
		t.Errorf("a mark is told before its time, %v", err)
	}
	tell(t, s)
	one := 1
	want := events.RoomRead{
		RoomID: room, UserID: bob, ReadAt: wire.At(messages[2].At), UnreadCount: &one, UnreadAsOf: messages[3].Position.String(),
		MessageID: &messages[2].MessageID, Audience: events.Audience{Users: users, Version: 1},
	}
	if told := reads(t, lead); len(told) != 1 || !reflect.DeepEqual(told[0], want) {
		t.Errorf("told is %+v, want %+v", told, want)
	}
	tell(t, s)
	if told := reads(t, lead); len(told) != 0 {
		t.Errorf("told again is %+v", told)
	}
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true, MessageID: &messages[1].MessageID})
	tell(t, s)
	if told := reads(t, lead); len(told) != 1 || *told[0].UnreadCount != 3 || told[0].MessageID != nil {
		t.Errorf("told of a mark as unread is %+v", told)
	}
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: after(time.Minute)})
	leave(t, s, room, alice, after(time.Hour))
	tell(t, s)
	if told := reads(t, lead); len(told) != 1 || told[0].Version != 2 || !slices.Equal(told[0].Users, users[1:]) {
		t.Errorf("told once alice has left is %+v", told)
	}
	mark(t, s, changes.Mark{RoomID: room, UserID: bob, At: start(), Unread: true, MessageID: &messages[1].MessageID})
	leave(t, s, room, bob, after(time.Hour))
	tell(t, s)
	if told := reads(t, lead); len(told) != 0 {
		t.Errorf("told of a room that has ended is %+v", told)
	}
	many(t, s, lead)
}

// many is more members who mark than one transaction tells of.
func many(t *testing.T, s store.Store, lead outbox.Lead) {
	names := make([]string, events.MaxNamed+20)
	for i := range names {
		names[i] = "one of many"
	}
	users := addUsers(t, s, names...)
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	apply(t, s, talk(room, 0, users[0])...)
	for _, user := range users[1:] {
		markRead(t, s, room, user, after(time.Minute))
	}
	tell(t, s)
	told := reads(t, lead)
	if len(told) != len(users)-1 {
		t.Errorf("told of %d marks, made %d", len(told), len(users)-1)
	}
	for _, read := range told {
		if !read.ByReference() || read.MessageID != nil || *read.UnreadCount != 0 {
			t.Fatalf("in a large room is told %+v", read)
		}
	}
}

func receiptsArePrivate(t *testing.T, s store.Store) {
	lead := outboxtest.Lead(t, s)
	users := addUsers(t, s, "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	next := int64(0)
	receipt := func(by *changes.Changes) bool {
		t.Helper()
		apply(t, s, talk(room, next, users[0])...)
		next++
		markRead(t, s, room, users[1], after(time.Hour))
		tellBy(t, by)
		told := reads(t, lead)
		if len(told) != 1 || told[0].UnreadCount == nil {
			t.Fatalf("told is %+v", told)
		}
		return told[0].MessageID != nil
	}
	if on, err := s.ReadReceipts(t.Context(), users[1]); err != nil || !on || !receipt(flow(s)) {
		t.Errorf("without a setting it is private: %t, %v", on, err)
	}
	if receipt(flow(s).With(changes.Rules{PrivateReceipts: true})) {
		t.Error("where the installation keeps it private others are told")
	}
	for _, on := range []bool{false, false, true} {
		if err := s.SetReadReceipts(t.Context(), users[1], on); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ReadReceipts(t.Context(), users[1]); err != nil || got != on || receipt(flow(s)) != on {
			t.Errorf("set to %t it is %t, %v", on, got, err)
		}
	}
	if on, err := s.ReadReceipts(t.Context(), uuid.New()); err != nil || !on {
		t.Errorf("of an unknown user it is %t, %v", on, err)
	}
}

func listComesInPages(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	var want []uuid.UUID
	for i := range 23 {
		at := after(time.Duration(i/4) * time.Second) // several at the same time
		want = append(want, create(t, s, newRoom(wire.Group, "", at, users...)).ID)
	}
	single := create(t, s, newRoom(wire.Single, "", after(time.Hour), users[:2]...)).ID
	all := list(t, s, users[0])
	if len(all) != 24 || all[0].ID != single {
		t.Fatalf("all are %d rooms", len(all))
	}
	pages := func(query store.RoomQuery) (got []uuid.UUID) {
		t.Helper()
		for {
			page, err := s.Rooms(t.Context(), users[0], query)
			if err != nil || len(page) > query.Limit {
				t.Fatalf("a page of %d rooms, %v", len(page), err)
			}
			if len(page) == 0 {
				return got
			}
			for _, room := range page {
				got = append(got, room.ID)
			}
			last := page[len(page)-1]
			query.Before = &store.RoomPoint{LatestMessage: last.LatestMessage.Time, ID: last.ID}
		}
	}
	ids := func(rooms []wire.Room, of func(room wire.Room) bool) (ids []uuid.UUID) {
		for _, room := range rooms {
			if of(room) {
				ids = append(ids, room.ID)
			}
		}
		return ids
	}
	for _, limit := range []int{1, 5, 24, 100} {
		if got, want := pages(store.RoomQuery{Limit: limit}), ids(all, func(wire.Room) bool { return true }); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", limit, got, want)
		}
	}
	if got := pages(store.RoomQuery{Limit: 5, Type: wire.Single}); !slices.Equal(got, []uuid.UUID{single}) {
		t.Errorf("of type Single are %v", got)
	}
	for _, room := range want[5:] {
		markRead(t, s, room, users[0], after(time.Minute))
	}
	apply(t, s, posted(want[7], users[1], "Soup?", after(time.Minute), 3))
	got := pages(store.RoomQuery{Limit: 2, Type: wire.Group, Unread: true})
	wanted := ids(list(t, s, users[0]), func(room wire.Room) bool { return room.Unread && room.Type == wire.Group })
	if len(wanted) != 6 || !slices.Equal(got, wanted) || wanted[0] != want[7] {
		t.Errorf("unread are %v, want %v", got, wanted)
	}
}

func progressNeverGoesBack(t *testing.T, s store.Store) {
	if progress, err := s.Progress(t.Context()); err != nil || len(progress) != 0 {
		t.Errorf("at first it is %v, %v", progress, err)
	}
	for _, step := range []struct{ next, want events.Position }{
		{events.Position{Offset: 7}, events.Position{Offset: 7}},
		{events.Position{Offset: 5}, events.Position{Offset: 7}},
		{events.Position{Offset: 9}, events.Position{Offset: 9}},
		{events.Position{Epoch: 1, Offset: 2}, events.Position{Epoch: 1, Offset: 2}},
		{events.Position{Offset: 10}, events.Position{Epoch: 1, Offset: 2}},
	} {
		if err := s.SetProgress(t.Context(), 3, step.next); err != nil {
			t.Fatal(err)
		}
		if progress, err := s.Progress(t.Context()); err != nil || len(progress) != 1 || progress[3] != step.want {
			t.Errorf("after %+v it is %v, %v", step.next, progress, err)
		}
	}
}
