package cassandra

import (
	"context"
	"time"

	"github.com/gocql/gocql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// observer makes a span of each query that goes over the wire, each try of it apart.
type observer struct {
	tracer   trace.Tracer
	keyspace string
}

func (o *observer) ObserveQuery(ctx context.Context, q gocql.ObservedQuery) {
	o.span(ctx, "cql query", q.Statement, q.Host, q.Start, q.End, q.Err,
		attribute.Int("db.response.returned_rows", q.Rows), attribute.Int("ism.attempt", q.Attempt))
}

func (o *observer) ObserveBatch(ctx context.Context, b gocql.ObservedBatch) {
	statement := ""
	if len(b.Statements) > 0 {
		statement = b.Statements[0]
	}
	o.span(ctx, "cql batch", statement, b.Host, b.Start, b.End, b.Err,
		attribute.Int("db.operation.batch.size", len(b.Statements)), attribute.Int("ism.attempt", b.Attempt))
}

func (o *observer) span(ctx context.Context, name, statement string, host *gocql.HostInfo, start, end time.Time, err error, more ...attribute.KeyValue) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := o.tracer.Start(ctx, name, trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "cassandra"),
		attribute.String("db.namespace", o.keyspace),
		attribute.String("db.query.text", statement),
	), trace.WithAttributes(more...))
	if host != nil {
		span.SetAttributes(attribute.String("server.address", host.HostnameAndPort()))
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(end))
}
