package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// written walks through what a sender has written, in parts of so many. A walk that does not end fails the test.
func written(t *testing.T, s store.Store, sender uuid.UUID, limit int) (all []store.Entry, parts int) {
	t.Helper()
	return walkedBy(t, s.Written, sender, limit)
}

// involving walks through what involves a user, in the same way.
func involving(t *testing.T, s store.Store, user uuid.UUID, limit int) []store.Entry {
	t.Helper()
	all, _ := walkedBy(t, s.Involving, user, limit)
	return all
}

type walk func(ctx context.Context, user uuid.UUID, from []byte, limit int) (store.Written, error)

func walkedBy(t *testing.T, walk walk, user uuid.UUID, limit int) (all []store.Entry, parts int) {
	t.Helper()
	const most = 1000
	var from []byte
	for parts = 1; parts < most; parts++ {
		part, err := walk(t.Context(), user, from, limit)
		if err != nil || len(part.Entries) > limit {
			t.Fatalf("part %d has %d messages, %v", parts, len(part.Entries), err)
		}
		all = append(all, part.Entries...)
		if from = part.Next; from == nil {
			slices.SortFunc(all, inOrder)
			return all, parts
		}
	}
	t.Fatalf("a walk has more than %d parts", most)
	return nil, 0
}

func inOrder(a, b store.Entry) int {
	return cmp.Or(slices.Compare(a.Message.RoomID[:], b.Message.RoomID[:]), a.Position.Compare(b.Position))
}

// testWritten lets two write in several rooms, times and epochs, whether the rooms are busy or not.
func testWritten(t *testing.T, s store.Store) {
	alice, bob := uuid.New(), uuid.New()
	want := map[uuid.UUID][]store.Entry{}
	for r := range 3 {
		room := newRoom()
		for i := range 24 {
			sender := []uuid.UUID{alice, bob}[i%2]
			at := events.Position{Epoch: int32(i / 12), Offset: int64(i) << 18}
			entry := message(room, at, start.AddDate(0, 0, (i%7)*4), fmt.Sprintf("%d in %d", i, r))
			entry.Message.SenderID = sender
			entry.Pace = []events.Pace{0, 17, 20}[i%3] // now and then the room is busy
			if i == 3 || i == 4 {
				appendAll(t, s, entry)
				entry = edit(entry, events.Position{Epoch: 2, Offset: int64(i)}, "edited")
			}
			if i == 5 || i == 6 {
				entry = deletion(entry, events.Position{Epoch: 2, Offset: int64(i)}) // comes before its original
			}
			appendAll(t, s, entry)
			want[sender] = append(want[sender], entry)
		}
	}
	for _, sender := range []uuid.UUID{alice, bob} {
		slices.SortFunc(want[sender], inOrder)
		for _, limit := range []int{1, 5, 36, 1000} {
			got, _ := written(t, s, sender, limit)
			same(t, fmt.Sprintf("what was written, by %d", limit), got, want[sender])
		}
	}
	if got, parts := written(t, s, uuid.New(), 10); len(got) != 0 || parts != 1 {
		t.Errorf("a stranger has written %d, in %d parts", len(got), parts)
	}
	withdrawn := want[alice][0]
	if err := s.Withdraw(t.Context(), []store.Entry{withdrawn}); err != nil {
		t.Fatal(err)
	}
	got, _ := written(t, s, alice, 10)
	same(t, "without what was withdrawn", got, want[alice][1:])
	for _, point := range [][]byte{{}, []byte("seven")} {
		if _, err := s.Written(t.Context(), alice, point, 10); !errors.Is(err, store.ErrForeignPoint) {
			t.Errorf("from the point %q: %v, want ErrForeignPoint", point, err)
		}
	}
}

// testLongWalk looks for two messages among the many of others.
func testLongWalk(t *testing.T, s store.Store) {
	room, alice := newRoom(), uuid.New()
	entries := line(room, 3000)
	for _, mine := range []int{0, 2999} {
		entries[mine].Message.SenderID = alice
	}
	for chunk := range slices.Chunk(entries, 500) {
		appendAll(t, s, chunk...)
	}
	got, _ := written(t, s, alice, 50)
	same(t, "two among many", got, []store.Entry{entries[0], entries[2999]})
}

// reply makes an entry a reply to what a user has said.
func reply(entry store.Entry, quoted uuid.UUID) store.Entry {
	body, err := json.Marshal(wire.ReplyBody{
		MessageID: uuid.New(), SenderID: quoted, Type: wire.Text, CreatedAt: entry.Message.CreatedAt, Details: json.RawMessage(`{"text":"Soup?"}`), Text: "Soup!",
	})
	if err != nil {
		panic(err)
	}
	entry.Message.Type, entry.Message.Body = wire.Reply, body
	return entry
}

// testInvolving lets others quote and mention alice in messages of all kinds, in rooms in which she has written and in which she has not.
func testInvolving(t *testing.T, s store.Store) {
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	var mine, involve []store.Entry
	for r := range 2 {
		room := newRoom()
		for i := range 36 {
			entry := message(room, events.Position{Epoch: int32(i / 18), Offset: int64(i) << 18}, start.AddDate(0, 0, (i%7)*4), "Soup?")
			entry.Message.SenderID, entry.Pace = bob, []events.Pace{0, 17, 20}[i%3]
			by := events.Position{Epoch: 2, Offset: int64(i)}
			involved := true
			switch i % 9 {
			case 0:
				involved = r == 0
				if involved {
					entry.Message.SenderID = alice
					mine = append(mine, entry)
				}
				appendAll(t, s, entry)
			case 1:
				entry = reply(entry, alice)
			case 2:
				entry.Message.Mentions = []uuid.UUID{carol, alice}
			case 3:
				entry = reply(entry, alice)
				entry.Message.Mentions = []uuid.UUID{alice}
			case 4: // mentioned no longer, by what comes before its original
				original := entry
				original.Message.Mentions = []uuid.UUID{alice, carol}
				entry = edit(entry, by, "Soup!")
				entry.Message.Mentions = []uuid.UUID{carol}
				appendAll(t, s, entry)
				appendAll(t, s, original)
				involved = false
			case 5: // quoted no longer
				original := reply(entry, alice)
				entry = reply(entry, carol)
				entry.Revision, entry.EditedAt = by, entry.Message.CreatedAt.Time
				appendAll(t, s, original, entry)
				involved = false
			case 6: // mentioned still
				entry.Message.Mentions = []uuid.UUID{alice}
				appendAll(t, s, entry)
				entry = edit(entry, by, "Soup!")
			case 7:
				entry.Message.Mentions = []uuid.UUID{alice}
				appendAll(t, s, entry)
				entry, involved = deletion(entry, by), false
			default:
				entry, involved = reply(entry, carol), false
			}
			appendAll(t, s, entry)
			if involved {
				involve = append(involve, entry)
			}
		}
	}
	slices.SortFunc(involve, inOrder)
	slices.SortFunc(mine, inOrder)
	for _, limit := range []int{1, 5, 40, 1000} {
		same(t, fmt.Sprintf("what involves alice, by %d", limit), involving(t, s, alice, limit), involve)
	}
	got, _ := written(t, s, alice, 5)
	same(t, "what alice has written", got, mine)
	if got := involving(t, s, uuid.New(), 10); len(got) != 0 {
		t.Errorf("%d involve a stranger", len(got))
	}
	if err := s.Withdraw(t.Context(), involve[:1]); err != nil {
		t.Fatal(err)
	}
	same(t, "without what was withdrawn", involving(t, s, alice, 10), involve[1:])
	if _, err := s.Involving(t.Context(), alice, []byte("seven"), 10); !errors.Is(err, store.ErrForeignPoint) {
		t.Errorf("from a point that is none: %v, want ErrForeignPoint", err)
	}
}

// testLongInvolvingWalk looks for three messages among the many of others.
func testLongInvolvingWalk(t *testing.T, s store.Store) {
	room, alice := newRoom(), uuid.New()
	entries := line(room, 2500)
	entries[0].Message.SenderID, entries[1200].Message.Mentions, entries[2499] = alice, []uuid.UUID{alice}, reply(entries[2499], alice)
	for chunk := range slices.Chunk(entries, 500) {
		appendAll(t, s, chunk...)
	}
	same(t, "three among many", involving(t, s, alice, 50), []store.Entry{entries[0], entries[1200], entries[2499]})
}

func testErasures(t *testing.T, s store.Store) {
	var begun []store.Erasure
	for i := range 5 {
		erasure := store.Erasure{ID: uuid.Must(uuid.NewV7()), UserID: uuid.New(), Tenant: "acme", At: start.Add(time.Duration(i) * time.Second)}
		if err := s.BeginErasure(t.Context(), erasure); err != nil {
			t.Fatal(err)
		}
		begun = append(begun, erasure)
	}
	pending := func(want ...store.Erasure) {
		t.Helper()
		var got []store.Erasure
		for behind := begun[0].ID; ; { // others may be pending before
			some, err := s.PendingErasures(t.Context(), behind, 2)
			if err != nil || len(some) > 2 {
				t.Fatalf("%d are pending, %v", len(some), err)
			}
			if len(some) == 0 {
				break
			}
			got, behind = append(got, some...), some[len(some)-1].ID
		}
		if len(got) != len(want) {
			t.Fatalf("%d are pending, want %d", len(got), len(want))
		}
		for i, erasure := range got {
			if fmt.Sprintf("%+v", erasure) != fmt.Sprintf("%+v", want[i]) {
				t.Errorf("pending is %+v, want %+v", erasure, want[i])
			}
		}
	}
	pending(begun[1:]...)
	begun[2].Progress = store.Progress{
		Stage: store.Checking, From: []byte{0, 1, 2}, Erased: 7, ClaimedBy: uuid.New(), ClaimedUntil: start.Add(time.Hour),
	}
	for range 2 {
		if err := errors.Join(s.SaveErasure(t.Context(), begun[2]), s.BeginErasure(t.Context(), begun[2])); err != nil {
			t.Fatal(err)
		}
	}
	pending(begun[1:]...)
	begun[2].From = nil
	if err := errors.Join(s.SaveErasure(t.Context(), begun[2]), s.FinishErasure(t.Context(), begun[1], start)); err != nil {
		t.Fatal(err)
	}
	pending(begun[2:]...)
	late := begun[1]
	late.Erased = 3
	if err := errors.Join(s.BeginErasure(t.Context(), begun[1]), s.SaveErasure(t.Context(), late), s.FinishErasure(t.Context(), late, start)); err != nil {
		t.Fatal(err)
	}
	pending(begun[2:]...)
}
