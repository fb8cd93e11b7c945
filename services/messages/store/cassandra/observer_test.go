package cassandra

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestQueriesAreDescribedByTheConventions(t *testing.T) {
	begun := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ended := begun.Add(time.Millisecond)
	for name, c := range map[string]struct {
		observe func(ctx context.Context, o *observer)
		name    string
		want    map[string]string
	}{
		"a query": {
			func(ctx context.Context, o *observer) {
				o.ObserveQuery(ctx, gocql.ObservedQuery{Statement: selectPositions, Rows: 3, Attempt: 1, Start: begun, End: ended})
			},
			"SELECT room_places",
			map[string]string{
				"db.operation.name": "SELECT", "db.collection.name": "room_places", "db.response.returned_rows": "3", "ism.attempt": "1",
				"db.query.text": selectPositions[1:],
			},
		},
		"a batch of two tables": {
			func(ctx context.Context, o *observer) {
				o.ObserveBatch(ctx, gocql.ObservedBatch{
					Statements: []string{insertMessage, insertTime, insertMessage, insertTime}, Start: begun, End: ended, Err: errors.New("broken"),
				})
			},
			"BATCH INSERT messages message_times",
			map[string]string{
				"db.operation.name": "BATCH INSERT", "db.operation.batch.size": "4", "ism.attempt": "0", "error.type": "_OTHER",
				"db.query.text": insertMessage[1:] + "; " + insertTime[1:],
			},
		},
		"a batch of one": {
			func(ctx context.Context, o *observer) {
				o.ObserveBatch(ctx, gocql.ObservedBatch{Statements: []string{insertBucket}, Start: begun, End: ended, Err: context.DeadlineExceeded})
			},
			"BATCH INSERT room_buckets",
			map[string]string{
				"db.operation.name": "BATCH INSERT", "db.operation.batch.size": "1", "ism.attempt": "0", "error.type": "timeout",
				"db.collection.name": "room_buckets", "db.query.text": insertBucket,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
			o := &observer{tracer: tracer, keyspace: "ism"}
			c.observe(t.Context(), o)
			if started := spans.Started(); len(started) != 0 {
				t.Fatalf("a query in the background begins a trace: %v", started)
			}
			ctx, request := tracer.Start(t.Context(), "request")
			c.observe(ctx, o)
			span := spans.Ended()[0]
			if span.Name() != c.name || span.SpanKind() != trace.SpanKindClient || span.Parent().SpanID() != request.SpanContext().SpanID() {
				t.Errorf("span %q, kind %s", span.Name(), span.SpanKind())
			}
			if !span.StartTime().Equal(begun) || !span.EndTime().Equal(ended) {
				t.Errorf("it took from %s to %s", span.StartTime(), span.EndTime())
			}
			if _, failed := c.want["error.type"]; failed != (span.Status().Code == codes.Error) {
				t.Errorf("status %v", span.Status())
			}
			c.want["db.system.name"], c.want["db.namespace"], c.want["db.query.summary"] = "cassandra", "ism", c.name
			got := map[string]string{}
			for _, a := range span.Attributes() {
				got[string(a.Key)] = a.Value.String()
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("attributes %v, want %v", got, c.want)
			}
		})
	}
}
