package storetest

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// edited is an edit of a message by the record at an offset.
func edited(of changes.Posted, text string, offset int64) changes.Revised {
	return changes.Revised{MessageID: of.MessageID, Named: of.MayRepeat, Revision: store.Revision{
		RoomID: of.RoomID, Message: of.Position, By: events.Position{Offset: offset}, Sender: of.SenderID, Preview: wire.TextPreview("sender", text),
	}}
}

func deleted(of changes.Posted, offset int64) changes.Revised {
	revision := edited(of, "", offset)
	revision.Preview, revision.Deleted = wire.DeletedPreview(), true
	return revision
}

func revise(t testing.TB, s store.Store, revisions ...changes.Revised) {
	t.Helper()
	if err := flow(s).ApplyRevisions(t.Context(), revisions); err != nil {
		t.Fatalf("apply revisions: %v", err)
	}
}

// revisionsAreShown edits and deletes messages: the preview of a room follows where the message is its latest, and nothing else of the room changes.
func revisionsAreShown(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	room, other := create(t, s, newRoom(wire.Group, "", start(), users...)).ID, create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	first, second := posted(room, users[0], "Soup?", after(time.Minute), 1), posted(room, users[0], "Bread?", after(2*time.Minute), 20)
	elsewhere := posted(other, users[0], "Tea?", after(time.Hour), 2)
	apply(t, s, first, elsewhere)
	before := list(t, s, users[1])
	shows := func(what string, want wire.Preview) {
		t.Helper()
		now := list(t, s, users[1])
		if len(now) != 2 || now[1].ID != room || *now[1].LatestMessageText != want {
			t.Fatalf("%s: the rooms are %+v, want %+v shown in the second", what, now, want)
		}
		now[1].LatestMessageText = before[1].LatestMessageText
		if !reflect.DeepEqual(now, before) {
			t.Errorf("%s: the rooms were %+v and are %+v", what, before, now)
		}
	}
	revise(t, s)
	revise(t, s, edited(first, "Soup!", 5))
	shows("edited", wire.TextPreview("alice", "Soup!")) // by the name that the sender has
	revise(t, s, edited(first, "long ago", 4))
	shows("an older edit", wire.TextPreview("alice", "Soup!"))
	revise(t, s, edited(first, "twice", 6), edited(first, "three times", 300), edited(first, "between", 7))
	shows("edits at once", wire.TextPreview("alice", "three times"))
	apply(t, s, first, elsewhere)
	shows("the message again", wire.TextPreview("alice", "three times"))
	revise(t, s, deleted(first, 301))
	shows("deleted", wire.DeletedPreview())
	revise(t, s, edited(first, "too late", 302))
	shows("edited while it was deleted", wire.DeletedPreview())
	revise(t, s, edited(first, "Soup!", 5), deleted(first, 301))
	shows("all again", wire.DeletedPreview())
	revise(t, s, edited(posted(uuid.New(), users[0], "", start(), 1), "of no room", 9))

	apply(t, s, second)
	before = list(t, s, users[1])
	revise(t, s, edited(first, "not the latest", 303), deleted(first, 304))
	shows("one that is not the latest", wire.TextPreview("alice", "Bread?"))
	revise(t, s, edited(second, "Bread!", 305), edited(elsewhere, "Tea!", 306))
	if now := list(t, s, users[1]); *now[0].LatestMessageText != wire.TextPreview("alice", "Tea!") || *now[1].LatestMessageText != wire.TextPreview("alice", "Bread!") {
		t.Errorf("the rooms show %+v and %+v", now[0].LatestMessageText, now[1].LatestMessageText)
	}
	again := posted(room, users[0], "Rice?", after(3*time.Minute), 400)
	again.MayRepeat = true
	apply(t, s, again)
	again.Position.Offset = 401 // it is in the log twice, and was found there
	apply(t, s, again)
	revise(t, s, edited(again, "Rice!", 402))
	if got := *get(t, s, room, users[1]).LatestMessageText; got != wire.TextPreview("alice", "Rice!") {
		t.Errorf("of a message that was sent twice the room shows %+v", got)
	}
	unnamed := posted(room, users[0], "Tea?", after(4*time.Minute), 410)
	apply(t, s, unnamed)
	unnamed.Position.Offset = 411 // its record is there twice, and the reader of the log has left the second out
	revise(t, s, edited(unnamed, "Tea!", 412))
	if got := *get(t, s, room, users[1]).LatestMessageText; got != wire.TextPreview("alice", "Tea!") {
		t.Errorf("of a message whose record is in the log twice the room shows %+v", got)
	}
	second.Position.Offset = 500
	second.MessageID = uuid.New()
	apply(t, s, second)
	newer := edited(second, "in a newer epoch", 0)
	newer.By.Epoch = 1
	revise(t, s, newer)
	revise(t, s, edited(second, "in the former one", 1<<40))
	if got := *get(t, s, room, users[1]).LatestMessageText; got != wire.TextPreview("alice", "in a newer epoch") {
		t.Errorf("the room shows %+v", got)
	}
}

// manyRevise applies the revisions of many rooms' latest messages at once, in orders of their own, while messages come again: each room shows the newest.
func manyRevise(t *testing.T, s store.Store) {
	const rooms, workers = 8, 12
	users := addUsers(t, s, "alice", "bob")
	var (
		messages  []changes.Posted
		revisions []changes.Revised
		want      = map[uuid.UUID]wire.Preview{}
	)
	for i := range int64(rooms) {
		room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
		message := posted(room, users[0], "first", after(time.Minute), i)
		messages = append(messages, message)
		for by := int64(100); by < 106; by++ {
			revisions = append(revisions, edited(message, "by "+events.Position{Offset: by}.String(), by))
			want[room] = wire.TextPreview("alice", "by "+events.Position{Offset: by}.String())
		}
		if i%2 == 0 {
			revisions, want[room] = append(revisions, deleted(message, 102)), wire.DeletedPreview()
		}
	}
	apply(t, s, messages...)
	var all sync.WaitGroup
	for w := range uint64(workers) {
		all.Go(func() {
			random, own := rand.New(rand.NewPCG(w, 5403)), slices.Clone(revisions)
			random.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
			for batch := range slices.Chunk(own, 5) {
				if err := flow(s).ApplyRevisions(t.Context(), batch); err != nil {
					t.Errorf("apply revisions: %v", err)
				}
			}
			if err := flow(s).ApplyMessages(t.Context(), messages); err != nil {
				t.Errorf("apply messages: %v", err)
			}
		})
	}
	all.Wait()
	for room, preview := range want {
		if got := *get(t, s, room, users[1]).LatestMessageText; got != preview {
			t.Errorf("a room shows %+v, want %+v", got, preview)
		}
	}
}
