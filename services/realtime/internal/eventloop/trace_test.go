package eventloop

import (
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

func TestAWriteShowsInItsTrace(t *testing.T) {
	onEach(t, func(t *testing.T, over func(*host) transport) {
		spans := tracetest.NewSpanRecorder()
		tel := telemetry.Discard(nil)
		tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())), sdktrace.WithSpanProcessor(spans))
		w := serveWith(t, over, config(), options{telemetry: tel})
		user := uuid.New()
		c := w.open(user, "")
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
		traced := frame(42, "one")
		traced.Event.Parent = &parent
		w.source.give(traced)
		w.source.give(frame(43, "two"))
		c.await("two\n\n")
		servicetest.Await(t, "the span has ended", func() bool { return len(spans.Ended()) > 0 })
		ended := spans.Ended()
		if len(ended) != 1 || ended[0].Name() != "write stream" || !ended[0].Parent().Equal(parent) || ended[0].Status().Code != codes.Unset {
			t.Fatalf("spans %v", ended)
		}
		for _, a := range ended[0].Attributes() {
			if a.Key == "enduser.id" && a.Value.AsString() != user.String() {
				t.Errorf("written to %s", a.Value.AsString())
			}
		}
	})
}

// give hands a frame to every stream, behind those before it.
func (f *feed) give(next sse.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = int64(next.Seq) - 1
	f.offer(next)
}
