package realtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime"
)

func TestEventsReachTheirRecipients(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		n := w.start(t)
		r := newRoom("alice", "bob")
		outsider := newRoom("mallory")
		atAlice, atBob, atMallory := w.open(t, n, r.members[0], ""), w.open(t, n, r.members[1], ""), w.open(t, n, outsider.members[0], "")
		w.create(t, r, wire.Single)
		for stream, other := range map[*client.Stream]string{atAlice: "bob", atBob: "alice"} {
			var event wire.NewRoom
			if err := json.Unmarshal(next(t, stream).Data, &event); err != nil || event.Type != "NewRoom" || event.Room.Name == nil || *event.Room.Name != other {
				t.Errorf("got %+v, %v; want a room named %s", event, err, other)
			}
		}
		w.post(t, r, "Soup?", "Yes\nplease")
		expect(t, atAlice, "Soup?", "Yes\nplease")
		expect(t, atBob, "Soup?", "Yes\nplease")
		w.post(t, outsider, "alone")
		expect(t, atMallory, "alone")
	})
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	token := w.issuer.Token(t, uuid.New(), "alice")
	for name, c := range map[string]struct {
		path   string
		header map[string]string
	}{
		"none":                {"/api/sse", nil},
		"in the query":        {"/api/sse?access_token=" + token + "&token=" + token, nil},
		"not a bearer token":  {"/api/sse", map[string]string{"Authorization": "Basic " + token}},
		"tampered":            {"/api/sse", map[string]string{"Authorization": "Bearer " + token[:len(token)-4] + "AAAA"}},
		"with a last id only": {"/api/sse", map[string]string{"Last-Event-ID": "0-0"}},
	} {
		response, body := w.get(t, n.base+c.path, c.header)
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer" || !strings.Contains(body, `"unauthorized"`) {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
	if response, _ := w.get(t, n.base+"/api/sse", map[string]string{"Authorization": "Bearer " + token}); response.StatusCode != http.StatusOK {
		t.Errorf("with a token: %d", response.StatusCode)
	}
}

func TestRequestsThatAreNoneForAStreamAreRefused(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	user := newRoom("alice").members[0]
	bearer := "Bearer " + w.issuer.Token(t, user.ID, user.DisplayName)
	response, body := w.get(t, n.base+"/api/sse", map[string]string{"Authorization": bearer, "Accept": "application/json"})
	if response.StatusCode != http.StatusNotAcceptable || !strings.Contains(body, `"not-acceptable"`) {
		t.Errorf("Accept: application/json: %d %s", response.StatusCode, body)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.base+"/api/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", bearer)
	posted, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer posted.Body.Close()
	if posted.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(posted.Header.Get("Allow"), "GET") {
		t.Errorf("POST: %d, Allow: %q", posted.StatusCode, posted.Header.Get("Allow"))
	}
}

func TestStreamEndsWhenItsTokenExpires(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	user := newRoom("alice").members[0]
	claims := w.issuer.Claims(user.ID, "alice")
	expires := time.Now().Add(5 * time.Second).Truncate(time.Second)
	claims["exp"] = expires.Unix()
	stream := w.openWith(t, n, w.issuer.Sign(t, claims), "")
	if last := next(t, stream); last.Type != "StreamEnded" || !strings.Contains(string(last.Data), `"reason":"expired"`) {
		t.Errorf("its last event is %s", last.Data)
	}
	end(t, stream)
	if late := time.Since(expires); late < 0 || late > servicetest.Timeout {
		t.Errorf("it ended %v after its token", late)
	}
}

func TestRequestsWaitForANodeThatStarts(t *testing.T) {
	w := newEmbeddedWorld(t)
	away := *w
	away.brokers = []string{fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t))}
	n := away.launch(t, config(), telemetry.Discard(nil))
	servicetest.Await(t, "the server", func() bool {
		response, err := w.http.Get(n.base + "/health")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return true
	})
	if response, body := w.get(t, n.base+"/ready", nil); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "logs") {
		t.Errorf("ready: %d %s", response.StatusCode, body)
	}
	begun := time.Now()
	response, body := w.get(t, n.base+"/api/sse", map[string]string{"Authorization": "Bearer " + w.issuer.Token(t, uuid.New(), "alice")})
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"issuer-unavailable"`) || response.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", response.StatusCode, body) // it is not known yet who was signed out
	}
	if took := time.Since(begun); took < 4*time.Second || took > servicetest.Timeout {
		t.Errorf("it was refused after %v", took)
	}
}

func TestOneTraceFromTheLogToTheStreams(t *testing.T) {
	w := newEmbeddedWorld(t)
	spans := tracetest.NewInMemoryExporter()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	tel.Propagator = propagation.TraceContext{}
	n := w.startWith(t, config(), tel)
	r := newRoom("alice", "bob", "carol")
	stream := w.open(t, n, r.members[0], "")
	w.open(t, n, r.members[0], "")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	id := uuid.New()
	headers, value, err := events.Encode(events.New("/ism/test", now(), events.MessagePosted{
		RoomID: r.id, Preview: wire.TextPreview("alice", "traced"), Audience: r.audience(),
		Message: wire.Message{
			RoomID: r.id, ID: id, SenderID: r.members[0].ID, Body: json.RawMessage(`{"text":"traced"}`), Type: wire.Text, CreatedAt: wire.At(now()),
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	headers["traceparent"] = "00-" + trace + "-00f067aa0ba902b7-01"
	record := bus.Record{Topic: events.TopicRooms, Key: r.id.String(), Headers: headers, Value: value, Partition: bus.PartitionAny}
	if _, err := w.producer.ProduceAll(t.Context(), []bus.Record{record}); err != nil {
		t.Fatal(err)
	}
	expect(t, stream, "traced")
	named := func(name string) []tracetest.SpanStub {
		var found []tracetest.SpanStub
		for _, span := range spans.GetSpans() {
			if span.Name == name && span.SpanContext.TraceID().String() == trace {
				found = append(found, span)
			}
		}
		return found
	}
	const deliver, write = "process ism.rooms", "write stream"
	servicetest.Await(t, "the spans", func() bool { return len(named(deliver)) == 1 && len(named(write)) == 2 })
	delivered := named(deliver)[0]
	for _, written := range named(write) {
		if written.Parent.SpanID() != delivered.SpanContext.SpanID() {
			t.Errorf("%q is not below %q", written.Name, delivered.Name)
		}
	}
	got := map[attribute.Key]attribute.Value{}
	for _, a := range delivered.Attributes {
		got[a.Key] = a.Value
	}
	if got[telemetry.RoomIDKey].AsString() != r.id.String() || got[telemetry.MessageIDKey].AsString() != id.String() || got["ism.streams"].AsInt64() != 2 {
		t.Errorf("%q is about %v", delivered.Name, got)
	}
}

func TestMetricsTellWhatHappens(t *testing.T) {
	w := newEmbeddedWorld(t)
	tel := telemetry.Discard(nil)
	n := w.startWith(t, config(), tel)
	r := newRoom("alice")
	stream := w.open(t, n, r.members[0], "")
	w.open(t, n, r.members[0], "nonsense!")
	w.post(t, r, "1", "2")
	ids := expect(t, stream, "1", "2")
	w.open(t, n, r.members[0], ids[0])
	servicetest.Await(t, "the metrics", func() bool {
		families, err := tel.Metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				name := family.GetName()
				for _, label := range metric.GetLabel() {
					name += " " + label.GetValue()
				}
				got[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
		return got["ism_realtime_streams_open"] == 3 &&
			got["ism_realtime_resyncs_total malformed"] == 1 &&
			got["ism_realtime_replays_total"] == 1 &&
			got["ism_realtime_replayed_events_total"] == 1 &&
			got["ism_realtime_records_read_total kept"] == 2 &&
			got["ism_realtime_delivery_delay_seconds"] == 4 &&
			got["ism_realtime_events_written_total"] == 5
	})
}

func TestAnOperatorSeesTheStreams(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	r := newRoom("alice", "bob")
	streams := []*client.Stream{w.open(t, n, r.members[0], ""), w.open(t, n, r.members[0], ""), w.open(t, n, r.members[1], "")}
	w.post(t, r, "1", "2", "3")
	for _, stream := range streams {
		expect(t, stream, "1", "2", "3")
	}
	response, err := w.http.Get(n.internal + "/debug/streams")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var seen struct {
		Streams int `json:"streams"`
		Users   int `json:"users"`
		Oldest  []struct {
			User uuid.UUID `json:"user"`
		} `json:"oldest"`
		Logs []struct {
			Topic string `json:"topic"`
			Next  int64  `json:"nextOffset"`
		} `json:"logs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	read := int64(0)
	for _, log := range seen.Logs {
		switch log.Topic {
		case events.TopicRooms:
			read += log.Next
		case events.TopicUsers, events.TopicNotifications, events.TopicMedia: // nothing has happened there
		default:
			t.Errorf("topic %s", log.Topic)
		}
	}
	if seen.Streams != 3 || seen.Users != 2 || len(seen.Oldest) != 3 || seen.Oldest[0].User != r.members[0].ID || read != 3 {
		t.Errorf("seen %+v", seen)
	}
	if response, _ := w.get(t, n.base+"/debug/streams", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("from outside: %d", response.StatusCode)
	}
}

func TestConfigurationFaultsAreNamed(t *testing.T) {
	if faults := config().Validate(); len(faults) != 0 {
		t.Errorf("a proper configuration: %v", faults)
	}
	var all bytes.Buffer
	for _, fault := range (realtime.Config{RingWindow: 48 * time.Hour}).Validate() {
		all.WriteString(fault.Variable + " ")
	}
	if got, want := all.String(), "RING_WINDOW KEEP_ALIVE WRITE_TIMEOUT RING_RECORDS RING_BYTES QUEUE_EVENTS QUEUE_BYTES MAX_STREAMS MAX_STREAMS_PER_USER MAX_POLLS AUDIENCE_BYTES "; got != want {
		t.Errorf("faults %s", got)
	}
}
