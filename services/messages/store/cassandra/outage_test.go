package cassandra_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func entry(room uuid.UUID, offset int64) store.Entry {
	return store.Entry{Position: events.Position{Offset: offset}, Message: wire.Message{
		RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: room, Body: json.RawMessage(`{"text":"hello"}`), Type: wire.Text,
		CreatedAt: wire.At(time.UnixMicro(1_790_000_000_000_000 + offset).UTC()),
	}}
}

func testOutage(t *testing.T, cfg cassandra.Config) {
	link := cassandratest.NewLink(t, cfg.Hosts[0])
	cfg.Hosts, cfg.Timeout = []string{link.Address()}, 10*time.Second
	s := storetest.Start(t, newStore(t, cfg))
	room := uuid.Must(uuid.NewV7())
	if err := s.Append(t.Context(), []store.Entry{entry(room, 1)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		link.Cut()
		begin := time.Now()
		if err := s.Append(t.Context(), []store.Entry{entry(room, 2)}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("append gives %v, want ErrUnavailable", err)
		}
		if _, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("page gives %v, want ErrUnavailable", err)
		}
		if _, err := s.Locate(t.Context(), room, time.Now()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("locate gives %v, want ErrUnavailable", err)
		}
		if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("ping gives %v, want ErrUnavailable", err)
		}
		if took := time.Since(begin); took > 4*cfg.Timeout+20*time.Second {
			t.Errorf("the four took %s", took)
		}
		link.Mend()
		storetest.AwaitPing(t, s)
	}
	if err := s.Append(t.Context(), []store.Entry{entry(room, 3)}); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10)
	if err != nil || len(entries) != 2 {
		t.Errorf("the timeline has %d messages (%v), want 2", len(entries), err)
	}
}

func testLaterCluster(t *testing.T, cfg cassandra.Config) {
	link := cassandratest.NewLink(t, cfg.Hosts[0])
	link.Cut()
	cfg.Hosts = []string{link.Address()}
	s := newStore(t, cfg)
	mended := time.AfterFunc(700*time.Millisecond, link.Mend) // some tries later
	defer mended.Stop()
	storetest.Start(t, s)
}

func TestInstancesThatStartAtOnceShareASchema(t *testing.T) {
	cfg := cassandratest.Config(t)
	var all sync.WaitGroup
	stores := make([]*cassandra.Store, 4)
	for i := range stores {
		stores[i] = newStore(t, cfg)
		all.Go(func() { storetest.Start(t, stores[i]) })
	}
	all.Wait()
	room := uuid.Must(uuid.NewV7())
	for i, s := range stores {
		if err := s.Append(t.Context(), []store.Entry{entry(room, int64(i))}); err != nil {
			t.Fatal(err)
		}
	}
	checking, err := cassandra.New(cfg, cassandra.MigrateCheck, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	late := storetest.Start(t, checking)
	if entries, err := late.Page(t.Context(), room, store.Range{Before: events.EndOfLog}, 10); err != nil || len(entries) != len(stores) {
		t.Errorf("the timeline has %d messages (%v), want %d", len(entries), err, len(stores))
	}
}

func testSpans(t *testing.T, cfg cassandra.Config) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	tel := telemetry.Discard(nil)
	tel.Tracer = provider
	s, err := cassandra.New(cfg, cassandra.MigrateAuto, tel)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Start(t, s)
	ctx, request := provider.Tracer("test").Start(t.Context(), "request")
	room := uuid.Must(uuid.NewV7())
	if err := s.Append(ctx, []store.Entry{entry(room, 1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Page(ctx, room, store.Range{Before: events.EndOfLog}, 10); err != nil {
		t.Fatal(err)
	}
	request.End()
	wanted := map[string]bool{"INSERT INTO messages": false, "FROM room_places": false, "FROM messages": false}
	for _, span := range recorder.Ended() {
		if span.SpanContext().TraceID() != request.SpanContext().TraceID() || span.Parent().SpanID() != request.SpanContext().SpanID() {
			continue
		}
		for _, attribute := range span.Attributes() {
			for part := range wanted {
				if attribute.Key == "db.query.text" && strings.Contains(attribute.Value.AsString(), part) {
					wanted[part] = true
				}
			}
		}
	}
	for part, seen := range wanted {
		if !seen {
			t.Errorf("no span of the request has %q", part)
		}
	}
}
