// Package storetest is the conformance suite of message stores: each backend runs it against its real engine.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/bus/epochstest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// timeout is how long anything may take before a test gives up: a cluster that is busy makes a schema of many tables for minutes.
const timeout = 3 * time.Minute

// Start runs a store until the test ends, and waits until it takes writes.
func Start(t testing.TB, s store.Store) store.Store {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run the store: %v", err)
		}
	})
	AwaitPing(t, s)
	return s
}

// AwaitPing waits until a store takes writes.
func AwaitPing(t testing.TB, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		err := s.Ping(ctx)
		if err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("the store takes no writes: %v", err)
		}
	}
}

// Run runs the suite. newStore gives a store that has not been run; stores of one test may share what they keep.
func Run(t *testing.T, newStore func(t *testing.T) store.Store) {
	t.Run("before it runs it is unavailable", func(t *testing.T) { testBeforeRun(t, newStore(t)) })
	s := Start(t, newStore(t))
	type test struct {
		name string
		run  func(*testing.T, store.Store)
	}
	t.Run("side by side", func(t *testing.T) { // each has rooms, users and topics of its own
		for _, test := range []test{
			{"a room without messages is empty", testEmptyRoom},
			{"a message comes back as it was written", testRoundTrip},
			{"writing again changes nothing", testIdempotence},
			{"pages end where they should", testPageEdges},
			{"a newer epoch stands behind an older one", testEpochs},
			{"order is position, whatever the clocks say", testSkewedClocks},
			{"any messages give the pages of the model", testModel},
			{"a walk has no gap and no repeat while messages arrive", testWalk},
			{"a time with messages of its own ends before them", testLocateExactly},
			{"a time between messages ends behind the ones before", testLocateBetween},
			{"the first messages since a time are found", testSince},
			{"a message goes when it expires", testExpiry},
			{"a message is found by its id", testFind},
			{"the newest revision stands at the message's own position", testRevisions},
			{"a deletion is final", testDeletion},
			{"what was revised since a position is found", testRevised},
			{"the first position of a message is found", testFirstPositions},
			{"what is withdrawn does not come back", testWithdraw},
			{"a room that gets busy and quiet is one timeline", testBusyRoom},
			{"revisions are where their messages of a busy room are", testBusyRevisions},
			{"what was sent again while a room got busy does not come back", testBusyWithdraw},
			{"what a sender has written is found", testWritten},
			{"a walk through what a sender has written is bounded", testLongWalk},
			{"what involves a user is found", testInvolving},
			{"a walk through what involves a user is bounded", testLongInvolvingWalk},
			{"an erasure goes on where it was", testErasures},
			{"a room's retention is what was set last", testRetentions},
			{"a taken position is refused to another message", testTakenPosition},
			{"rooms do not mix", testRoomsApart},
			{"a large batch is written whole", testLargeBatch},
			{"a key stays what it was made as", testSharedKeys},
			{"an incarnation of the log keeps its epoch", func(t *testing.T, s store.Store) { epochstest.LogKeepsItsEpoch(t, s) }},
			{"a context that is done ends the operation", testContext},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t, s)
			})
		}
	})
	for _, test := range []test{ // with many at once, or in time: one after the other
		{"of many that set a retention at once one counts", testParallelRetentions},
		{"a hundred write and read at once", testParallel},
		{"revisions that are written at once leave the newest", testParallelRevisions},
		{"one holder at a time may revise a content", testClaims},
		{"of many that claim at once one at most may revise", testParallelClaims},
		{"a claim expires", testExpiredClaim},
		{"many at once find the same epochs", func(t *testing.T, s store.Store) { epochstest.ParallelEpochs(t, s) }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// start is when the tests' messages begin: the last second of a ten-day bucket counted from 1970, so that a few messages
// reach the next one.
var start = time.Unix(20_000*24*3600-1, 0).UTC()

// message makes the entry of a room at a position.
func message(room uuid.UUID, position events.Position, createdAt time.Time, text string) store.Entry {
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		panic(err)
	}
	return store.Entry{Position: position, Message: wire.Message{
		RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: uuid.Must(uuid.NewV7()),
		Body: body, Type: wire.Text, CreatedAt: wire.At(createdAt),
	}}
}

// line makes n messages a millisecond and some offsets apart, the oldest first. Every third mentions somebody.
func line(room uuid.UUID, n int) []store.Entry {
	entries := make([]store.Entry, n)
	for i := range entries {
		position := events.Position{Offset: int64(i * 3)}
		entries[i] = message(room, position, start.Add(time.Duration(i)*time.Millisecond), fmt.Sprintf("message %d", i))
		if i%3 == 1 {
			entries[i].Message.Mentions = users(1 + i%2)
		}
	}
	return entries
}

func newRoom() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func users(n int) []uuid.UUID {
	some := make([]uuid.UUID, n)
	for i := range some {
		some[i] = uuid.New()
	}
	return some
}

func appendAll(t *testing.T, s store.Store, entries ...store.Entry) {
	t.Helper()
	if err := s.Append(t.Context(), entries); err != nil {
		t.Fatalf("append %d messages: %v", len(entries), err)
	}
}

func page(t *testing.T, s store.Store, room uuid.UUID, within store.Range, limit int) []store.Entry {
	t.Helper()
	entries, err := s.Page(t.Context(), room, within, limit)
	if err != nil {
		t.Fatalf("page: %v", err)
	}
	return entries
}

func locate(t *testing.T, s store.Store, room uuid.UUID, at time.Time) store.Range {
	t.Helper()
	within, err := s.Locate(t.Context(), room, at)
	if err != nil {
		t.Fatalf("locate %s: %v", at, err)
	}
	return within
}

func find(t *testing.T, s store.Store, message store.Entry) store.Entry {
	t.Helper()
	entry, err := s.Find(t.Context(), message.Message.RoomID, message.Message.ID)
	if err != nil {
		t.Fatalf("find the message at %v: %v", message.Position, err)
	}
	return entry
}

func findNot(t *testing.T, s store.Store, room, message uuid.UUID) {
	t.Helper()
	if entry, err := s.Find(t.Context(), room, message); !errors.Is(err, store.ErrMessageNotFound) {
		t.Errorf("find gives %+v, %v, want ErrMessageNotFound", entry, err)
	}
}

// whole reads a timeline page by page, downwards and upwards, which must be the same.
func whole(t *testing.T, s store.Store, room uuid.UUID, limit int) []store.Entry {
	t.Helper()
	down := walked(t, s, room, limit, store.Range{Before: events.EndOfLog})
	same(t, "the timeline upwards", walked(t, s, room, limit, store.Range{Before: events.EndOfLog, Oldest: true}), down)
	return down
}

// walked reads a range page by page.
func walked(t *testing.T, s store.Store, room uuid.UUID, limit int, within store.Range) []store.Entry {
	t.Helper()
	var all []store.Entry
	for {
		entries := page(t, s, room, within, limit)
		switch {
		case within.Oldest:
			all = append(slices.Clone(entries), all...)
		default:
			all = append(all, entries...)
		}
		if len(entries) < limit {
			return all
		}
		if within.Oldest {
			within.From = entries[0].Position.Next()
		} else {
			within.Before = entries[limit-1].Position
		}
	}
}

// newestFirst gives the entries as a timeline has them.
func newestFirst(entries []store.Entry) []store.Entry {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b store.Entry) int { return b.Position.Compare(a.Position) })
	return sorted
}

func same(t *testing.T, what string, got, want []store.Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d messages, want %d\n got %s\nwant %s", what, len(got), len(want), positions(got), positions(want))
	}
	for i := range got {
		g, w := got[i].Message, want[i].Message
		switch {
		case got[i].Position != want[i].Position:
			t.Fatalf("%s: message %d is at %v, want %v", what, i, got[i].Position, want[i].Position)
		case got[i].Revision != want[i].Revision || !got[i].EditedAt.Equal(want[i].EditedAt) || !got[i].DeletedAt.Equal(want[i].DeletedAt):
			t.Fatalf("%s: message %d has the content\n%+v, want\n%+v", what, i, got[i], want[i])
		case g.RoomID != w.RoomID || g.ID != w.ID || g.SenderID != w.SenderID || g.Type != w.Type ||
			string(g.Body) != string(w.Body) || !g.CreatedAt.Equal(w.CreatedAt.Time) || !slices.Equal(g.Mentions, w.Mentions):
			t.Fatalf("%s: message %d is\n%+v, want\n%+v", what, i, g, w)
		}
	}
}

func positions(entries []store.Entry) string {
	const most = 40
	text := ""
	for _, entry := range entries[:min(len(entries), most)] {
		text += fmt.Sprintf("(%d,%d) ", entry.Position.Epoch, entry.Position.Offset)
	}
	return text
}

func testBeforeRun(t *testing.T, s store.Store) {
	if err := s.Append(t.Context(), line(newRoom(), 1)); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("append gives %v, want ErrUnavailable", err)
	}
	if _, err := s.Page(t.Context(), newRoom(), store.Range{Before: events.EndOfLog}, 1); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("page gives %v, want ErrUnavailable", err)
	}
	if _, err := s.Locate(t.Context(), newRoom(), start); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("locate gives %v, want ErrUnavailable", err)
	}
	if _, err := s.Find(t.Context(), newRoom(), uuid.Must(uuid.NewV7())); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("find gives %v, want ErrUnavailable", err)
	}
	if _, err := s.RecordedLogs(t.Context(), "ism.test"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("reading epochs gives %v, want ErrUnavailable", err)
	}
	if _, err := s.RecordLog(t.Context(), bus.Incarnation{Topic: "ism.test", ID: uuid.New(), Partitions: 1}, 0); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("recording an epoch gives %v, want ErrUnavailable", err)
	}
	if _, err := s.Claim(t.Context(), store.Claim{}, time.Minute); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("claim gives %v, want ErrUnavailable", err)
	}
	if _, err := s.SharedKey(t.Context(), "a name", []byte{1}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a shared key gives %v, want ErrUnavailable", err)
	}
	testRetentionsBeforeRun(t, s)
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping gives %v, want ErrUnavailable", err)
	}
}

func testContext(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Page(ctx, newRoom(), store.Range{Before: events.EndOfLog}, 1); err == nil {
		t.Error("page answers after its context is done")
	}
	if _, err := s.Locate(ctx, newRoom(), start); err == nil {
		t.Error("locate answers after its context is done")
	}
	if _, err := s.Find(ctx, newRoom(), uuid.Must(uuid.NewV7())); err == nil || errors.Is(err, store.ErrMessageNotFound) {
		t.Errorf("find answers after its context is done: %v", err)
	}
	AwaitPing(t, s)
}
