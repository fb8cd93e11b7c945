package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// decode gives the event of a row, which must satisfy the contract.
func decode(t testing.TB, row outbox.Row) events.Event {
	t.Helper()
	eventstest.Conforms(t, row.Headers, row.Value)
	event, err := events.Decode(row.Headers, row.Value)
	if err != nil {
		t.Fatalf("decode the event of row %d: %v", row.ID, err)
	}
	if row.Topic != event.Data.Topic() || row.Key != event.Data.PartitionKey() || event.Source != changes.Source {
		t.Errorf("row %d goes to %s with key %s from %s", row.ID, row.Topic, row.Key, event.Source)
	}
	return event
}

func refusedLeavesNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	room := create(t, s, newRoom(wire.Single, "", start(), users[0], users[1])).ID
	leader := outboxtest.Lead(t, s)
	outboxtest.Drain(t, leader)
	if _, _, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Single, "", start(), users[0], users[1])); err == nil {
		t.Error("a second room was created")
	}
	if _, _, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Group, "", start(), users[0], uuid.New())); err == nil {
		t.Error("a room with a stranger was created")
	}
	if _, err := flow(s).MarkRead(t.Context(), changes.Mark{RoomID: room, UserID: users[2], At: start()}); err == nil {
		t.Error("an outsider has marked")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := flow(s).CreateRoom(ended, newRoom(wire.Group, "", start(), users...)); err == nil {
		t.Error("a request that had ended created a room")
	}
	if left := outboxtest.Drain(t, leader); len(left) != 0 {
		t.Errorf("the outbox has %d rows", len(left))
	}
}

func outboxHasEveryEvent(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	single := create(t, s, newRoom(wire.Single, "", start(), users...))
	group, groupRow, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Group, "Lunch", after(time.Second), users...))
	if err != nil {
		t.Fatal(err)
	}
	markRead(t, s, single.ID, users[1], after(time.Minute))
	tell(t, s)
	leader := outboxtest.Lead(t, s)
	peek := func() []outbox.Row {
		t.Helper()
		rows, err := leader.Oldest(t.Context(), 100, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows := peek()
	if len(rows) != 3 || rows[1].ID != groupRow {
		t.Fatalf("the outbox has %+v", rows)
	}
	readRow := rows[2].ID
	if again := peek(); !slices.EqualFunc(rows, again, func(a, b outbox.Row) bool { return a.Headers["ce_id"] == b.Headers["ce_id"] }) {
		t.Error("the events' ids change from look to look")
	}
	if first, err := leader.Oldest(t.Context(), 2, 1<<20); err != nil || len(first) != 2 || first[0].ID != rows[0].ID {
		t.Errorf("the two oldest are %+v, %v", first, err)
	}
	created, ok := decode(t, rows[0]).Data.(events.RoomCreated)
	if !ok || created.RoomID != single.ID || created.CreatedBy != users[0] || created.Version != 1 || !slices.Equal(created.Users, users) {
		t.Errorf("the first event is %+v", created)
	}
	if len(created.Members) != 2 || created.Members[0].DisplayName != "alice" || *created.RoomFor(users[1]).Name != "alice" {
		t.Errorf("the first event's members are %+v", created.Members)
	}
	if event := decode(t, rows[1]); event.Data.(events.RoomCreated).Room.ID != group.ID || !event.Time.Equal(after(time.Second)) {
		t.Errorf("the second event is %+v", event)
	}
	read, ok := decode(t, rows[2]).Data.(events.RoomRead)
	if !ok || read.RoomID != single.ID || read.UserID != users[1] || !read.ReadAt.Equal(after(time.Minute)) || !slices.Equal(read.Users, users) {
		t.Errorf("the third event is %+v", read)
	}
	if err := leader.Delete(t.Context(), []int64{rows[0].ID, rows[1].ID}); err != nil {
		t.Fatal(err)
	}
	if pending, err := s.Pending(t.Context(), []int64{rows[0].ID, groupRow, readRow}); err != nil || !slices.Equal(pending, []int64{readRow}) {
		t.Errorf("the rows %v are pending, %v", pending, err)
	}
	if left := peek(); len(left) != 1 || left[0].ID != readRow {
		t.Errorf("left are %+v", left)
	}
}

// outboxOf is the outbox of a store, as its suite sees it.
type outboxOf struct{ store.Store }

func (o outboxOf) Transact(ctx context.Context, change func(add func(row outbox.Row) (int64, error)) error) error {
	return persistently(ctx, func() error {
		return o.Store.Transact(ctx, "append", func(ctx context.Context, tx store.Tx) error {
			return change(func(row outbox.Row) (int64, error) { return tx.Append(ctx, row) })
		})
	})
}

// eventsOf takes all events out of the outbox.
func eventsOf(t testing.TB, s store.Store) (all []events.Data) {
	t.Helper()
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	defer leader.Release()
	for _, row := range outboxtest.Drain(t, leader) {
		all = append(all, decode(t, row).Data)
	}
	return all
}
