package hijack

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// offer hands a frame to every stream, behind those before it.
func (f *feed) offer(frame sse.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = int64(frame.Seq) - 1
	for sub := range f.subs {
		sub.Offer(frame)
	}
}

// TestAWriteShowsInItsTrace writes to a client that reads, and to one that does not.
func TestAWriteShowsInItsTrace(t *testing.T) {
	for name, c := range map[string]struct {
		reading bool
		want    codes.Code
	}{"it is read": {true, codes.Unset}, "it is not read": {false, codes.Error}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spans := tracetest.NewSpanRecorder()
				tel := telemetry.Discard(nil)
				tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample())), sdktrace.WithSpanProcessor(spans))
				source := newFeed()
				h := New(config(), source, tel)
				user := uuid.New()
				p := open(t, h, Request{User: user}, true)
				if !c.reading {
					_ = p.conn.Close()
				}
				parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
				traced := frame(42, "one")
				traced.Event.Parent = &parent
				source.offer(traced)
				synctest.Wait()
				source.offer(frame(43, "two"))
				synctest.Wait()
				ended := spans.Ended()
				if len(ended) != 1 || ended[0].Name() != "write stream" || !ended[0].Parent().Equal(parent) || ended[0].Status().Code != c.want {
					t.Fatalf("spans %v", ended)
				}
				for _, a := range ended[0].Attributes() {
					if a.Key == "enduser.id" && a.Value.AsString() != user.String() {
						t.Errorf("written to %s", a.Value.AsString())
					}
				}
				drain(t, h, time.Second)
			})
		})
	}
}
