package media_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// From the request that completes an upload to the record that tells what has become of it there is one trace, though a job stands between.
func TestAnUploadIsOneTrace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	w := newWorld(t, config(), func(tel *telemetry.Telemetry) {
		tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	var (
		mu     sync.Mutex
		traces = map[wire.MediaState]string{} // of the records
	)
	w.hears(events.TopicMedia, func(_ context.Context, records []bus.Record) error {
		decoded, err := bus.Decode[events.MediaChanged](records)
		if err != nil {
			return err //nolint:wrapcheck // the test's
		}
		mu.Lock()
		defer mu.Unlock()
		for i, event := range decoded {
			traces[event.Data.State] = strings.Split(records[i].Headers["traceparent"]+"--", "-")[1]
		}
		return nil
	})
	traceOf := func(state wire.MediaState) string {
		mu.Lock()
		defer mu.Unlock()
		return traces[state]
	}
	room := uuid.New()
	alice := w.member(room)
	for state, content := range map[wire.MediaState][]byte{wire.MediaReady: picture(t, 300, 200), wire.MediaRejected: picture(t, 300, 200)[:200]} {
		medium := w.uploaded(alice, room, "image/png", content)
		if medium.State != state {
			t.Fatalf("it is %+v, want %s", medium, state)
		}
		var complete, process sdktrace.ReadOnlySpan
		servicetest.Await(t, "the upload and its processing show", func() bool {
			complete, process = nil, nil
			for _, span := range spans.Ended() {
				switch {
				case span.Name() == "process medium" && has(span, attribute.String("ism.medium.id", medium.ID.String())):
					process = span
				case has(span, attribute.String("url.path", "/api/media/"+medium.ID.String()+"/complete")):
					complete = span
				}
			}
			return complete != nil && process != nil
		})
		if process.Parent().SpanID() != complete.SpanContext().SpanID() || process.SpanContext().TraceID() != complete.SpanContext().TraceID() {
			t.Errorf("%s: what completes it is %v, what looks at it is below %v", state, complete.SpanContext(), process.Parent())
		}
		want := complete.SpanContext().TraceID().String()
		servicetest.Await(t, "the log tells of it in the same trace", func() bool { return traceOf(state) == want && traceOf(wire.MediaUploaded) == want })
	}
}

func has(span sdktrace.ReadOnlySpan, want attribute.KeyValue) bool {
	for _, attribute := range span.Attributes() {
		if attribute == want {
			return true
		}
	}
	return false
}
