package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// decode gives the event of a row, which must satisfy the contract.
func decode(t testing.TB, outgoing store.Outgoing) events.Event {
	t.Helper()
	eventstest.Conforms(t, outgoing.Headers, outgoing.Value)
	event, err := events.Decode(outgoing.Headers, outgoing.Value)
	if err != nil {
		t.Fatalf("decode the event of row %d: %v", outgoing.Row, err)
	}
	if outgoing.Topic != event.Data.Topic() || outgoing.Key != event.Data.PartitionKey() || event.Source != store.Source {
		t.Errorf("row %d goes to %s with key %s from %s", outgoing.Row, outgoing.Topic, outgoing.Key, event.Source)
	}
	return event
}

func refusedLeavesNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "eve")
	room := create(t, s, newRoom(wire.Single, "", start(), users[0], users[1])).ID
	leader := lead(t, s)
	drain(t, leader)
	if _, _, err := s.CreateRoom(t.Context(), newRoom(wire.Single, "", start(), users[0], users[1])); err == nil {
		t.Error("a second room was created")
	}
	if _, _, err := s.CreateRoom(t.Context(), newRoom(wire.Group, "", start(), users[0], uuid.New())); err == nil {
		t.Error("a room with a stranger was created")
	}
	if _, err := s.MarkRead(t.Context(), room, users[2], start()); err == nil {
		t.Error("an outsider has marked")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := s.CreateRoom(ended, newRoom(wire.Group, "", start(), users...)); err == nil {
		t.Error("a request that had ended created a room")
	}
	if left := drain(t, leader); len(left) != 0 {
		t.Errorf("the outbox has %d rows", len(left))
	}
}

func outboxHasEveryEvent(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	single := create(t, s, newRoom(wire.Single, "", start(), users...))
	group, groupRow, err := s.CreateRoom(t.Context(), newRoom(wire.Group, "Lunch", after(time.Second), users...))
	if err != nil {
		t.Fatal(err)
	}
	readRow := markRead(t, s, single.ID, users[1], after(time.Minute))
	leader := lead(t, s)
	peek := func() []store.Outgoing {
		t.Helper()
		rows, err := leader.Oldest(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows := peek()
	if len(rows) != 3 || rows[1].Row != groupRow || rows[2].Row != readRow {
		t.Fatalf("the outbox has %+v", rows)
	}
	if again := peek(); !slices.EqualFunc(rows, again, func(a, b store.Outgoing) bool { return a.Headers["ce_id"] == b.Headers["ce_id"] }) {
		t.Error("the events' ids change from look to look")
	}
	if first, err := leader.Oldest(t.Context(), 2); err != nil || len(first) != 2 || first[0].Row != rows[0].Row {
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
	if err := leader.Delete(t.Context(), []int64{rows[0].Row, rows[1].Row}); err != nil {
		t.Fatal(err)
	}
	for row, want := range map[int64]bool{rows[0].Row: false, groupRow: false, readRow: true} {
		if pending, err := s.Pending(t.Context(), row); err != nil || pending != want {
			t.Errorf("row %d is pending: %v, %v", row, pending, err)
		}
	}
	if left := peek(); len(left) != 1 || left[0].Row != readRow {
		t.Errorf("left are %+v", left)
	}
}

func outboxIsCounted(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	leader := lead(t, s)
	count := func(atMost, want int) {
		t.Helper()
		if rows, err := leader.Count(t.Context(), atMost); err != nil || rows != want {
			t.Errorf("counted up to %d: %d rows, %v; want %d", atMost, rows, err, want)
		}
	}
	count(10, 0)
	for range 5 {
		create(t, s, newRoom(wire.Group, "", start(), users...))
	}
	count(10, 5)
	count(5, 5)
	count(3, 3)
	drain(t, leader)
	count(10, 0)
	if _, err := leader.Count(expired(t), 10); err == nil {
		t.Error("a count without time succeeded")
	}
}

func leadIsOnes(t *testing.T, s store.Store) {
	leader, err := s.Lead(t.Context())
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if second, err := s.Lead(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lead: %v, %v", second, err)
	}
	type result struct {
		lead store.Lead
		err  error
	}
	next := make(chan result, 1)
	go func() {
		second, err := s.Lead(context.Background())
		next <- result{second, err}
	}()
	select {
	case got := <-next:
		t.Fatalf("a second lead: %+v", got)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := leader.Oldest(t.Context(), 1); err != nil {
		t.Errorf("the leader cannot read: %v", err)
	}
	leader.Release()
	got := <-next
	if got.err != nil {
		t.Fatalf("the lead is not taken over: %v", got.err)
	}
	got.lead.Release()
}

func leaderIsWoken(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	leader := lead(t, s)
	drain(t, leader)
	began := time.Now()
	if err := leader.Wait(t.Context(), 20*time.Millisecond); err != nil {
		t.Errorf("waiting in vain: %v", err)
	}
	if waited := time.Since(began); waited < 20*time.Millisecond {
		t.Errorf("it was woken for nothing after %s", waited)
	}
	created := make(chan error, 1)
	go func() {
		_, _, err := s.CreateRoom(context.Background(), newRoom(wire.Group, "", start(), users...))
		created <- err
	}()
	began = time.Now()
	if err := leader.Wait(t.Context(), 20*time.Second); err != nil {
		t.Errorf("waiting: %v", err)
	}
	if waited := time.Since(began); waited > 10*time.Second {
		t.Errorf("it was woken only after %s", waited)
	}
	if err := <-created; err != nil {
		t.Fatalf("create a room: %v", err)
	}
	if rows := drain(t, leader); len(rows) != 1 {
		t.Errorf("it finds %d rows", len(rows))
	}
	create(t, s, newRoom(wire.Group, "", start(), users...))
	if err := leader.Wait(t.Context(), 20*time.Second); err != nil {
		t.Errorf("waiting for what has been added already: %v", err)
	}
	if waited := time.Since(began); waited > 15*time.Second {
		t.Errorf("what has been added already was found only after %s", waited)
	}
	if err := leader.Wait(expired(t), time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting without time: %v", err)
	}
}

func expired(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
