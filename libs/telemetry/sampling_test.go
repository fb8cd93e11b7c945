package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// randomTraces makes contexts of traces with random ids, the same in each run.
func randomTraces(n int) []context.Context {
	random := rand.New(rand.NewPCG(1, 2))
	var all []context.Context
	for range n {
		var id trace.TraceID
		binary.BigEndian.PutUint64(id[:8], random.Uint64())
		binary.BigEndian.PutUint64(id[8:], random.Uint64())
		all = append(all, trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}})))
	}
	return all
}

func TestAShareOfTheLinesIsKept(t *testing.T) {
	t.Parallel()
	const n = 20_000
	all := randomTraces(n)
	for share, near := range map[float64]float64{0: 0, 0.01: 0.005, 0.25: 0.02, 1: 0} {
		tel := Discard(nil)
		tel.Sampling.Requests = share
		lines := tel.RequestLines()
		kept := 0
		for _, ctx := range all {
			if lines.Keep(ctx) {
				kept++
			}
		}
		if got := float64(kept) / n; got < share-near || got > share+near {
			t.Errorf("of a share of %v, %v is kept", share, got)
		}
		if leftOut := testutil.ToFloat64(lines.leftOut); int(leftOut) != n-kept {
			t.Errorf("%v lines are counted as left out, not %d", leftOut, n-kept)
		}
	}
}

// What is kept of a trace is kept by all services, of requests and of messages, and is what OpenTelemetry samples with the same share.
func TestTheSameTracesAreKeptEverywhere(t *testing.T) {
	t.Parallel()
	const share = 0.3
	one, other := Discard(nil), Discard(nil)
	one.Sampling.Requests, other.Sampling.Messages = share, share
	requests, messages, sampler := one.RequestLines(), other.MessageLines(), sdktrace.TraceIDRatioBased(share)
	for _, ctx := range randomTraces(2000) {
		id := trace.SpanContextFromContext(ctx).TraceID()
		kept := requests.Keep(ctx)
		if messages.Keep(ctx) != kept {
			t.Fatalf("of the trace %s one service keeps the lines, another not", id)
		}
		sampled := sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision == sdktrace.RecordAndSample
		if sampled != kept {
			t.Fatalf("the trace %s is sampled: %v, and its lines kept: %v", id, sampled, kept)
		}
	}
}

func TestLinesWithoutATraceAreKept(t *testing.T) {
	t.Parallel()
	tel := Discard(nil)
	tel.Sampling = Sampling{}
	if !tel.RequestLines().Keep(t.Context()) || !tel.MessageLines().Keep(t.Context()) {
		t.Error("a line is left out that nobody can find by a trace that was kept")
	}
}

func TestWhatIsLeftOutIsThereFromTheBeginning(t *testing.T) {
	t.Parallel()
	tel := Discard(nil)
	tel.RequestLines()
	expectMetrics(t, tel, `
# HELP ism_log_lines_left_out_total Number of lines about what went well that the log's sampling has left out.
# TYPE ism_log_lines_left_out_total counter
ism_log_lines_left_out_total{line="message"} 0
ism_log_lines_left_out_total{line="request"} 0
`, "ism_log_lines_left_out_total")
}
