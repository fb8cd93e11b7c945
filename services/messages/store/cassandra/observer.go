package cassandra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gocql/gocql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// observer makes a span of each query that goes over the wire, each try of it apart, by OpenTelemetry's conventions for
// Cassandra. As otelpgx does, it makes none that would begin a trace: what runs in the background shows in none.
type observer struct {
	tracer   trace.Tracer
	keyspace string
}

func (o *observer) ObserveQuery(ctx context.Context, q gocql.ObservedQuery) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	operation, table := summarize(q.Statement)
	o.span(ctx, operation+" "+table, q.Host, q.Start, q.End, q.Err,
		semconv.DBQueryText(strings.TrimSpace(q.Statement)), semconv.DBOperationName(operation), semconv.DBCollectionName(table),
		semconv.DBResponseReturnedRows(q.Rows), attempt(q.Attempt))
}

func (o *observer) ObserveBatch(ctx context.Context, b gocql.ObservedBatch) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	// A batch has the same few statements again and again; each is told once, without values.
	var statements, operations, tables []string
	for _, statement := range b.Statements {
		statement = strings.TrimSpace(statement)
		if slices.Contains(statements, statement) {
			continue
		}
		statements = append(statements, statement)
		operation, table := summarize(statement)
		operations, tables = append(operations, operation), append(tables, table)
	}
	operations, tables = slices.Compact(operations), slices.Compact(tables)
	operation := "BATCH"
	if len(operations) == 1 {
		operation += " " + operations[0]
	}
	more := []attribute.KeyValue{
		semconv.DBQueryText(strings.Join(statements, "; ")), semconv.DBOperationName(operation),
		semconv.DBOperationBatchSize(len(b.Statements)), attempt(b.Attempt),
	}
	if len(tables) == 1 {
		more = append(more, semconv.DBCollectionName(tables[0]))
	}
	o.span(ctx, operation+" "+strings.Join(tables, " "), b.Host, b.Start, b.End, b.Err, more...)
}

// span makes the span of what has happened. Its name is also the query's summary.
func (o *observer) span(ctx context.Context, name string, host *gocql.HostInfo, start, end time.Time, err error, more ...attribute.KeyValue) {
	_, span := o.tracer.Start(ctx, name, trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindClient))
	span.SetAttributes(semconv.DBSystemNameCassandra, semconv.DBNamespace(o.keyspace), semconv.DBQuerySummary(name))
	span.SetAttributes(more...)
	if host != nil {
		span.SetAttributes(semconv.ServerAddress(host.ConnectAddress().String()), semconv.ServerPort(host.Port()))
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(failure(err)...)
	}
	span.End(trace.WithTimestamp(end))
}

// failure names an error by the code of the CQL protocol, if the server sent one.
func failure(err error) []attribute.KeyValue {
	var refused gocql.RequestError
	switch {
	case errors.As(err, &refused):
		code := fmt.Sprintf("0x%04X", refused.Code())
		return []attribute.KeyValue{semconv.DBResponseStatusCode(code), semconv.ErrorTypeKey.String(code)}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, gocql.ErrTimeoutNoResponse):
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("timeout")}
	default:
		return []attribute.KeyValue{semconv.ErrorTypeOther}
	}
}

// attempt counts from 0.
func attempt(number int) attribute.KeyValue { return attribute.Int("ism.attempt", number) }

// summarize gives the operation of a statement of this package and the table that it is about.
func summarize(statement string) (operation, table string) {
	words := strings.Fields(statement)
	for i, word := range words {
		switch word {
		case "FROM", "INTO", "UPDATE":
			if i+1 < len(words) {
				return words[0], words[i+1]
			}
		}
	}
	if len(words) == 0 {
		return "", ""
	}
	return words[0], ""
}
