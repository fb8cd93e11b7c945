package telemetry

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/slogtest"

	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
)

func inSpan(ctx context.Context, t *testing.T) context.Context {
	t.Helper()
	trID, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		t.Fatal(err)
	}
	spID, err := trace.SpanIDFromHex(spanID)
	if err != nil {
		t.Fatal(err)
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trID, SpanID: spID}))
}

func TestHandlerKeepsTheRulesOfSlog(t *testing.T) {
	j := &servicetest.Log{}
	log := newLog(j, formatJSON, slog.LevelInfo)
	if err := slogtest.TestHandler(log.Handler(), func() []map[string]any { return j.Records(t) }); err != nil {
		t.Error(err)
	}
}

func TestRecordsCarryTraceAndContext(t *testing.T) {
	ctx := inSpan(With(t.Context(), slog.String("request_id", "r1"), slog.String("user_id", "u1")), t)
	for name, c := range map[string]struct {
		log  func(*slog.Logger) *slog.Logger
		want map[string]any
	}{
		"plain":      {func(l *slog.Logger) *slog.Logger { return l }, map[string]any{"a": "1"}},
		"with":       {func(l *slog.Logger) *slog.Logger { return l.With("w", "2") }, map[string]any{"a": "1", "w": "2"}},
		"with group": {func(l *slog.Logger) *slog.Logger { return l.WithGroup("g") }, map[string]any{"g": map[string]any{"a": "1"}}},
		"both": {
			func(l *slog.Logger) *slog.Logger {
				return l.With("w", "2").WithGroup("g").With("x", "3").WithGroup("h")
			},
			map[string]any{"w": "2", "g": map[string]any{"x": "3", "h": map[string]any{"a": "1"}}},
		},
	} {
		j := &servicetest.Log{}
		c.log(newLog(j, formatJSON, slog.LevelInfo)).InfoContext(ctx, "hello", "a", "1")
		got := j.Records(t)[0]
		delete(got, slog.TimeKey)
		want := map[string]any{"level": "INFO", "msg": "hello", "request_id": "r1", "user_id": "u1", "trace_id": traceID, "span_id": spanID}
		for key, value := range c.want {
			want[key] = value
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%v\nwant\n%v", name, got, want)
		}
	}
}

func TestLoggersOfOneParentDoNotMix(t *testing.T) {
	j := &servicetest.Log{}
	parent := newLog(j, formatText, slog.LevelInfo).WithGroup("g").With("p", 1)
	one, two := parent.With("one", 1), parent.With("two", 2)
	ctx := With(t.Context(), slog.String("request_id", "r"))
	one.InfoContext(ctx, "1")
	two.InfoContext(ctx, "2")
	for line, want := range map[int]string{0: "msg=1 request_id=r g.p=1 g.one=1", 1: "msg=2 request_id=r g.p=1 g.two=2"} {
		if got := strings.Split(j.String(), "\n")[line]; !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWithReplacesAndLeavesTheParentAlone(t *testing.T) {
	base := With(t.Context(), slog.String("request_id", "r1"), slog.String("user_id", "u1"))
	one := With(base, slog.String("user_id", "u2"), slog.String("room_id", "1"))
	two := With(base, slog.String("room_id", "2"))
	j := &servicetest.Log{}
	log := newLog(j, formatText, slog.LevelInfo)
	for _, ctx := range []context.Context{one, two, base, t.Context()} {
		log.InfoContext(ctx, "m")
	}
	for i, want := range []string{
		"msg=m request_id=r1 user_id=u2 room_id=1", "msg=m request_id=r1 user_id=u1 room_id=2", "msg=m request_id=r1 user_id=u1", "msg=m",
	} {
		if got := strings.Split(j.String(), "\n")[i]; !strings.HasSuffix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLevel(t *testing.T) {
	j := &servicetest.Log{}
	log := newLog(j, formatJSON, slog.LevelWarn)
	log.Info("quiet")
	log.WithGroup("g").Info("quiet")
	log.Warn("loud")
	if got := j.Records(t); len(got) != 1 || got[0]["msg"] != "loud" {
		t.Error(got)
	}
}

func TestDiscard(t *testing.T) {
	Discard(nil).Log.Info("nowhere")
	j := &servicetest.Log{}
	tel := Discard(slog.New(slog.NewTextHandler(j, nil)))
	ctx, span := tel.Tracer.Tracer("test").Start(With(t.Context(), slog.String("user_id", "u")), "span")
	tel.Log.InfoContext(ctx, "m")
	span.End()
	if !strings.Contains(j.String(), "user_id=u trace_id="+span.SpanContext().TraceID().String()) || !span.SpanContext().IsValid() {
		t.Error(j.String())
	}
	if span.IsRecording() {
		t.Error("a span is recorded for nobody")
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkHandle(b *testing.B) {
	_, span := Discard(nil).Tracer.Tracer("bench").Start(b.Context(), "request")
	ctx := With(trace.ContextWithSpan(b.Context(), span), slog.String("request_id", "r1"), slog.String("user_id", "u1"))
	log := slog.New(newHandler(slog.NewJSONHandler(nowhere{}, nil)))
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelInfo, "message accepted", slog.String("message_id", "m"), slog.String("room_id", "r"),
			slog.Int("epoch", 0), slog.Int("partition", 7), slog.Int64("offset", 123_456))
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
