package storetest

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// keyed makes the entry of a message whose sender has named it: its id has the day of its createdAt.
func keyed(room uuid.UUID, offset int64, createdAt time.Time) store.Entry {
	entry := message(room, events.Position{Offset: offset}, createdAt, "sent once")
	day := createdAt.UTC().Truncate(24 * time.Hour).UnixMilli()
	_, _ = rand.Read(entry.Message.ID[:])
	for i := range 6 {
		entry.Message.ID[i] = byte(day >> (40 - 8*i))
	}
	entry.Message.ID[6], entry.Message.ID[8] = 0x70|entry.Message.ID[6]&0xf, 0x80|entry.Message.ID[8]&0x3f
	entry.Message.ClientID = "a name 🥣"
	return entry
}

// timed makes the entry of a message whose id has a time of its own.
func timed(room uuid.UUID, offset int64, createdAt, id time.Time) store.Entry {
	entry := message(room, events.Position{Offset: offset}, createdAt, "written twice")
	for i := range 6 {
		entry.Message.ID[i] = byte(id.UnixMilli() >> (40 - 8*i))
	}
	return entry
}

// at is the same message at another position, as the log has it whose record was written twice.
func at(entry store.Entry, offset int64) store.Entry {
	entry.Position = events.Position{Epoch: entry.Position.Epoch, Offset: offset}
	return entry
}

// again is the same message at another position, as a send has it that was tried again.
func again(entry store.Entry, offset int64) store.Entry {
	entry.Position = events.Position{Epoch: entry.Position.Epoch, Offset: offset}
	entry.Message.CreatedAt = wire.At(entry.Message.CreatedAt.Add(time.Millisecond))
	return entry
}

func testFirstPositions(t *testing.T, s store.Store) {
	room, other := newRoom(), newRoom()
	noon := start.Add(-12 * time.Hour)
	twice, once, elsewhere, midnight := keyed(room, 10, noon), keyed(room, 12, noon), keyed(other, 3, noon), keyed(room, 14, start.Add(time.Second))
	never := keyed(room, 1, noon)
	copied, late := timed(room, 15, start.Add(2*time.Second), start), timed(room, 17, start, start.Add(2*time.Second))
	appendAll(t, s, again(twice, 20), twice, once, elsewhere, midnight, again(twice, 30), copied, at(copied, 16), late, at(late, 18))
	asked := []store.Key{
		store.KeyOf(twice), store.KeyOf(once), store.KeyOf(never),
		{Room: other, Message: twice.Message.ID},
		store.KeyOf(elsewhere), store.KeyOf(midnight),
		store.KeyOf(copied), store.KeyOf(late),
	}
	for range 200 { // more than one query takes
		asked = append(asked, store.KeyOf(keyed(room, 1, noon)))
	}
	found, err := s.FirstPositions(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Entry{twice, once, elsewhere, midnight, copied, late}
	if len(found) != len(want) {
		t.Errorf("%d are found, want %d: %v", len(found), len(want), found)
	}
	for _, entry := range want {
		if first, ok := found[store.KeyOf(entry)]; !ok || first != entry.Position {
			t.Errorf("the message at %v is found at %v, %t", entry.Position, first, ok)
		}
	}
	if found, err := s.FirstPositions(t.Context(), nil); err != nil || len(found) != 0 {
		t.Errorf("of nothing: %v, %v", found, err)
	}
	if got, err := s.Find(t.Context(), room, twice.Message.ID); err != nil || got.Message.ClientID != "a name 🥣" || got.Position != twice.Position {
		t.Errorf("by its id it is %+v, %v", got, err)
	}
}

// What is withdrawn is gone in whichever order it is written, withdrawn and written again; the rest stays as it is.
func testWithdraw(t *testing.T, s store.Store) {
	noon := start.Add(-12 * time.Hour)
	sentAgain := func(room uuid.UUID, noon time.Time) (first, second store.Entry) {
		first = keyed(room, 10, noon)
		return first, again(first, 20)
	}
	writtenTwice := func(room uuid.UUID, noon time.Time) (first, second store.Entry) {
		first = timed(room, 10, noon, noon)
		return first, at(first, 20)
	}
	for name, order := range map[string]string{"after": "ab-", "before": "-ab", "between": "a-b", "written again": "ab-b", "withdrawn again": "ab-b-b", "the other way round": "b-a"} {
		t.Run(name, func(t *testing.T) { withdraws(t, s, noon, order, sentAgain) })
		t.Run(name+", of a record that was written twice", func(t *testing.T) { withdraws(t, s, noon, order, writtenTwice) })
	}
}

func withdraws(t *testing.T, s store.Store, noon time.Time, order string, sent func(room uuid.UUID, noon time.Time) (first, second store.Entry)) {
	t.Helper()
	room := newRoom()
	before, after := message(room, events.Position{Offset: 5}, noon, "before"), message(room, events.Position{Offset: 30}, noon, "after")
	first, second := sent(room, noon)
	appendAll(t, s, before, after)
	for _, step := range order {
		switch step {
		case 'a':
			appendAll(t, s, first)
		case 'b':
			appendAll(t, s, second)
		case '-':
			if err := s.Withdraw(t.Context(), []store.Entry{second}); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []uuid.UUID{after.Message.ID, first.Message.ID, before.Message.ID}
	for _, within := range []store.Range{{Before: events.EndOfLog}, {Before: events.EndOfLog, CreatedBefore: noon.Add(time.Hour)}} {
		var got []uuid.UUID
		for _, entry := range page(t, s, room, within, 10) {
			got = append(got, entry.Message.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the page has %v, want %v", got, want)
		}
	}
	if found, err := s.Find(t.Context(), room, first.Message.ID); err != nil || found.Position != first.Position {
		t.Errorf("it is found at %+v, %v", found, err)
	}
	if found, err := s.FirstPositions(t.Context(), []store.Key{store.KeyOf(first)}); err != nil || found[store.KeyOf(first)] != first.Position {
		t.Errorf("its first position is %v, %v", found, err)
	}
	if second.Message.CreatedAt == first.Message.CreatedAt {
		return
	}
	within, err := s.Locate(t.Context(), room, second.Message.CreatedAt.Time)
	if err != nil || within.CreatedBefore.IsZero() {
		t.Errorf("at its second createdAt the timeline still has it: %+v, %v", within, err)
	}
}
