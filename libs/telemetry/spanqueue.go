package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What waits for the collector, or is on its way to it. Who ends a span never waits: beyond this spans are dropped, and counted.
const (
	spanQueue      = 4096
	spanQueueBytes = 16 << 20
	spanBatch      = 512
	spanValue      = 4096 // characters of an attribute; what is longer is cut off
)

// boundedSpans bounds what the SDK's batcher holds, which knows no bytes and does not tell what it drops. It stands before the batcher, which hands
// spans back to it by release when they have been sent or lost.
type boundedSpans struct {
	sdktrace.SpanProcessor // the batcher

	waiting, bytes atomic.Int64
	dropped        prometheus.Counter
}

// OnEnd takes a span if there is room for it.
func (b *boundedSpans) OnEnd(span sdktrace.ReadOnlySpan) {
	size := weigh(span)
	waiting, bytes := b.waiting.Add(1), b.bytes.Add(size)
	if waiting > spanQueue || bytes > spanQueueBytes {
		b.waiting.Add(-1)
		b.bytes.Add(-size)
		b.dropped.Inc()
		return
	}
	b.SpanProcessor.OnEnd(span)
}

// release makes room: these spans have been sent, or lost.
func (b *boundedSpans) release(spans []sdktrace.ReadOnlySpan) {
	size := int64(0)
	for _, span := range spans {
		size += weigh(span)
	}
	b.waiting.Add(-int64(len(spans)))
	b.bytes.Add(-size)
}

// weigh is about how many bytes a span holds. It is the same at any time, since a span that has ended does not change.
func weigh(span sdktrace.ReadOnlySpan) int64 {
	const each = 1024 // a span without anything
	size := each + len(span.Name()) + weighAttributes(span.Attributes())
	for _, event := range span.Events() {
		size += 64 + len(event.Name) + weighAttributes(event.Attributes)
	}
	for _, link := range span.Links() {
		size += 128 + weighAttributes(link.Attributes)
	}
	return int64(size)
}

func weighAttributes(attributes []attribute.KeyValue) int {
	size := 0
	for _, a := range attributes {
		const each = 64
		size += each + len(a.Key)
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		case attribute.STRING:
			size += len(a.Value.AsString())
		default:
			size += len(a.Value.String())
		}
	}
	return size
}
