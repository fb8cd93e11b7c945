package cassandra_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

// reads counts the queries of messages.
type reads struct {
	trace.Tracer
	n atomic.Int32
}

func (r *reads) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if name == "SELECT messages" {
		r.n.Add(1)
	}
	return r.Tracer.Start(ctx, name, options...)
}

func testBusyRooms(t *testing.T, cfg cassandra.Config) {
	sdk := sdktrace.NewTracerProvider()
	counted := &reads{Tracer: sdk.Tracer("test")}
	tel := telemetry.Discard(nil)
	tel.Tracer = provider{sdk, counted}
	s, err := cassandra.New(cfg, cassandra.MigrateAuto, tel)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	ctx, span := sdk.Tracer("test").Start(t.Context(), "page")
	defer span.End()
	t.Run("a page reads few partitions", func(t *testing.T) { testFewPartitions(ctx, t, s, counted) })
	t.Run("a message is found whose pace is lost", func(t *testing.T) { testLostPace(t, s, cfg) })
	t.Run("what a build without slices writes is in the same timeline", func(t *testing.T) { testBuildWithoutSlices(t, s) })
}

// A span of a busy room has eight slices, and what was sent before the room was busy. A page reads those that it needs.
func testFewPartitions(ctx context.Context, t *testing.T, s store.Store, counted *reads) {
	const each, apart, slice = 128, 1 << 10, 1 << 17
	room := uuid.Must(uuid.NewV7())
	var entries []store.Entry
	for i := range int64(8 * each) {
		busy := entry(room, i*apart)
		busy.Message.CreatedAt, busy.Pace = wire.At(time.Now()), 17
		if i%400 == 399 {
			busy.Pace = 0
		}
		entries = append(entries, busy)
	}
	if err := s.Append(ctx, entries); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		within store.Range
		most   int32
	}{
		"the newest":                {store.Range{Before: events.EndOfLog}, 2},
		"the oldest":                {store.Range{Before: events.EndOfLog, Oldest: true}, 2},
		"within a slice":            {store.Range{Before: events.Position{Offset: 3*slice + 100*apart}}, 2},
		"upwards within a slice":    {store.Range{From: events.Position{Offset: 3*slice + 10*apart}, Before: events.EndOfLog, Oldest: true}, 2},
		"where a slice ends":        {store.Range{Before: events.Position{Offset: 4 * slice}}, 2},
		"where a slice begins":      {store.Range{From: events.Position{Offset: 4 * slice}, Before: events.EndOfLog, Oldest: true}, 2},
		"across slices":             {store.Range{Before: events.Position{Offset: 4*slice + 10*apart}}, 6},
		"upwards across slices":     {store.Range{From: events.Position{Offset: 4*slice - 10*apart}, Before: events.EndOfLog, Oldest: true}, 6},
		"what was created before":   {store.Range{Before: events.Position{Offset: 3*slice + 100*apart}, CreatedBefore: time.Now().Add(time.Minute)}, 2},
		"what stands in two slices": {store.Range{From: events.Position{Offset: 4*slice - 25*apart}, Before: events.Position{Offset: 4*slice + 25*apart}}, 4},
	} {
		counted.n.Store(0)
		page, err := s.Page(ctx, room, c.within, 50)
		if n := counted.n.Load(); err != nil || len(page) != 50 || n > c.most {
			t.Errorf("%s: %d messages by %d queries, want %d at most, %v", name, len(page), n, c.most, err)
		}
	}
}

// A column that was dropped and made again has lost what was in it.
func testLostPace(t *testing.T, s store.Store, cfg cassandra.Config) {
	room := uuid.Must(uuid.NewV7())
	for _, pace := range []events.Pace{0, 17, 26} {
		want := entry(room, 5<<20+int64(pace)<<17)
		want.Pace, want.Message.CreatedAt = pace, wire.At(time.Now())
		if err := s.Append(t.Context(), []store.Entry{want}); err != nil {
			t.Fatal(err)
		}
		if err := connect(t, cfg).Query(`UPDATE message_ids SET pace = null WHERE room_id = ? AND bucket = ? AND message_id = ? AND epoch = ? AND log_offset = ?`,
			gocql.UUID(room), time.Now().Unix()/(10*24*3600), gocql.UUID(want.Message.ID), want.Position.Epoch, want.Position.Offset).Exec(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Find(t.Context(), room, want.Message.ID); err != nil || got.Position != want.Position || got.Pace != pace {
			t.Errorf("a message of pace %d is found as %+v, %v", pace, got, err)
		}
	}
}

// A build that knows no slices writes a busy room's messages to the bucket, perhaps what this one has written to a slice, and revises them there.
func testBuildWithoutSlices(t *testing.T, s store.Store) {
	room := uuid.Must(uuid.NewV7())
	var want []store.Entry
	write := func(entries ...store.Entry) {
		t.Helper()
		if err := s.Append(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(12) {
		ours := entry(room, i<<15)
		ours.Message.CreatedAt, ours.Pace = wire.At(time.Now()), 17
		theirs := ours
		theirs.Pace = 0
		write(ours)
		write(theirs)
		switch i % 3 {
		case 1:
			theirs.Revision, theirs.EditedAt, theirs.Message.Body = events.Position{Offset: 1 << 30}, time.Now().UTC().Truncate(time.Microsecond), []byte(`{"text":"theirs"}`)
			write(theirs)
			want = append(want, theirs)
		case 2:
			theirs.Revision, theirs.DeletedAt, theirs.Message.Body = events.Position{Offset: 1 << 30}, time.Now().UTC().Truncate(time.Microsecond), []byte(`{}`)
			ours.Revision, ours.EditedAt, ours.Message.Body = events.Position{Offset: 1 << 31}, theirs.DeletedAt, []byte(`{"text":"in vain"}`)
			write(theirs)
			write(ours)
			want = append(want, theirs)
		default:
			want = append(want, ours)
		}
	}
	for _, oldest := range []bool{false, true} {
		for limit := 1; limit <= len(want)+1; limit++ {
			page, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog, Oldest: oldest}, limit)
			if err != nil || len(page) != min(limit, len(want)) {
				t.Fatalf("a page of %d has %d messages, %v", limit, len(page), err)
			}
			for i, got := range page {
				wanted := want[len(want)-1-i]
				if oldest {
					wanted = want[len(page)-1-i]
				}
				if got.Position != wanted.Position || got.Revision != wanted.Revision || string(got.Message.Body) != string(wanted.Message.Body) {
					t.Errorf("message %d of a page of %d is %+v, want %+v", i, limit, got, wanted)
				}
			}
		}
	}
	for _, wanted := range want {
		if got, err := s.Find(t.Context(), room, wanted.Message.ID); err != nil || got.Revision != wanted.Revision || string(got.Message.Body) != string(wanted.Message.Body) {
			t.Errorf("by its id a message is %+v, %v, want %+v", got, err, wanted)
		}
		if err := s.Withdraw(t.Context(), []store.Entry{{Position: wanted.Position, Pace: 17, Message: wanted.Message}}); err != nil {
			t.Fatal(err)
		}
	}
	if page, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10); err != nil || len(page) != 0 {
		t.Errorf("of what was withdrawn there are still %d, %v", len(page), err)
	}
}
