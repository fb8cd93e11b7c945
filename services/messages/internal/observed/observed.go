// Package observed puts a store's operations into traces and metrics.
package observed

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/store"
)

// New gives the store with a span and the golden signals of each operation.
func New(s store.Store, tel *telemetry.Telemetry) store.Store {
	return &observed{
		store:   s,
		tracer:  tel.Tracer.Tracer("github.com/ism-chat/ism/services/messages/store"),
		metrics: tel.Store("messages", store.ErrMessageNotFound),
	}
}

type observed struct {
	store   store.Store
	tracer  trace.Tracer
	metrics *telemetry.StoreMetrics
}

// observe begins an operation. The function that it returns ends it.
func (o *observed) observe(ctx context.Context, operation string, describe func() []attribute.KeyValue) (context.Context, func(err *error)) {
	end := o.metrics.Observe(operation)
	if parent := trace.SpanContextFromContext(ctx); parent.IsValid() && !parent.IsSampled() {
		return ctx, end // a span that nobody records says nothing
	}
	ctx, span := o.tracer.Start(ctx, "store "+operation)
	if span.IsRecording() {
		span.SetAttributes(describe()...)
	}
	return ctx, func(err *error) {
		end(err)
		if *err != nil && !errors.Is(*err, store.ErrMessageNotFound) {
			span.SetStatus(codes.Error, (*err).Error())
		}
		span.End()
	}
}

func (o *observed) Run(ctx context.Context) error { return o.store.Run(ctx) }

func (o *observed) Append(ctx context.Context, entries []store.Entry) (err error) {
	ctx, end := o.observe(ctx, "append", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.Int("ism.messages", len(entries))}
	})
	defer end(&err)
	return o.store.Append(ctx, entries)
}

func (o *observed) Page(ctx context.Context, room uuid.UUID, within store.Range, limit int) (entries []store.Entry, err error) {
	ctx, end := o.observe(ctx, "page", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room), attribute.Int("ism.limit", limit)}
	})
	defer end(&err)
	return o.store.Page(ctx, room, within, limit)
}

func (o *observed) Locate(ctx context.Context, room uuid.UUID, at time.Time) (within store.Range, err error) {
	ctx, end := o.observe(ctx, "locate", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room)}
	})
	defer end(&err)
	return o.store.Locate(ctx, room, at)
}

func (o *observed) Since(ctx context.Context, room uuid.UUID, at time.Time) (from events.Position, any bool, err error) {
	ctx, end := o.observe(ctx, "since", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room)}
	})
	defer end(&err)
	return o.store.Since(ctx, room, at)
}

func (o *observed) Find(ctx context.Context, room, message uuid.UUID) (entry store.Entry, err error) {
	ctx, end := o.observe(ctx, "find", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room), telemetry.MessageID(message)}
	})
	defer end(&err)
	return o.store.Find(ctx, room, message)
}

func (o *observed) Revised(ctx context.Context, room uuid.UUID, within store.Range, limit int) (entries []store.Entry, end events.Position, err error) {
	ctx, done := o.observe(ctx, "revised", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room), attribute.Int("ism.limit", limit)}
	})
	defer done(&err)
	return o.store.Revised(ctx, room, within, limit)
}

func (o *observed) FirstPositions(ctx context.Context, messages []store.Key) (found map[store.Key]events.Position, err error) {
	ctx, end := o.observe(ctx, "find_first", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.Int("ism.messages", len(messages))}
	})
	defer end(&err)
	return o.store.FirstPositions(ctx, messages)
}

func (o *observed) Withdraw(ctx context.Context, entries []store.Entry) (err error) {
	ctx, end := o.observe(ctx, "withdraw", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.Int("ism.messages", len(entries))}
	})
	defer end(&err)
	return o.store.Withdraw(ctx, entries)
}

func (o *observed) Claim(ctx context.Context, claim store.Claim, lasting time.Duration) (claimed bool, err error) {
	ctx, end := o.observe(ctx, "claim", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(claim.Room), telemetry.MessageID(claim.Message)}
	})
	defer end(&err)
	return o.store.Claim(ctx, claim, lasting)
}

func (o *observed) Release(ctx context.Context, claim store.Claim) (err error) {
	defer o.metrics.Observe("release")(&err)
	return o.store.Release(ctx, claim)
}

func (o *observed) SharedKey(ctx context.Context, name string, proposed []byte) (key []byte, err error) {
	defer o.metrics.Observe("shared_key")(&err)
	return o.store.SharedKey(ctx, name, proposed)
}

func (o *observed) Written(ctx context.Context, sender uuid.UUID, from []byte, limit int) (written store.Written, err error) {
	ctx, end := o.observe(ctx, "written", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.Int("ism.limit", limit)}
	})
	defer end(&err)
	return o.store.Written(ctx, sender, from, limit)
}

func (o *observed) Involving(ctx context.Context, user uuid.UUID, from []byte, limit int) (involving store.Written, err error) {
	ctx, end := o.observe(ctx, "involving", func() []attribute.KeyValue {
		return []attribute.KeyValue{attribute.Int("ism.limit", limit)}
	})
	defer end(&err)
	return o.store.Involving(ctx, user, from, limit)
}

func (o *observed) BeginErasure(ctx context.Context, erasure store.Erasure) (err error) {
	defer o.metrics.Observe("begin_erasure")(&err)
	return o.store.BeginErasure(ctx, erasure)
}

func (o *observed) PendingErasures(ctx context.Context, behind uuid.UUID, limit int) (pending []store.Erasure, err error) {
	defer o.metrics.Observe("pending_erasures")(&err)
	return o.store.PendingErasures(ctx, behind, limit)
}

func (o *observed) SaveErasure(ctx context.Context, erasure store.Erasure) (err error) {
	defer o.metrics.Observe("save_erasure")(&err)
	return o.store.SaveErasure(ctx, erasure)
}

func (o *observed) FinishErasure(ctx context.Context, erasure store.Erasure, at time.Time) (err error) {
	defer o.metrics.Observe("finish_erasure")(&err)
	return o.store.FinishErasure(ctx, erasure, at)
}

func (o *observed) SetRetention(ctx context.Context, room uuid.UUID, days int) (err error) {
	defer o.metrics.Observe("set_retention")(&err)
	return o.store.SetRetention(ctx, room, days)
}

func (o *observed) UnsetRetention(ctx context.Context, room uuid.UUID) (err error) {
	defer o.metrics.Observe("unset_retention")(&err)
	return o.store.UnsetRetention(ctx, room)
}

func (o *observed) Retention(ctx context.Context, room uuid.UUID) (days int, set bool, err error) {
	ctx, end := o.observe(ctx, "retention", func() []attribute.KeyValue {
		return []attribute.KeyValue{telemetry.RoomID(room)}
	})
	defer end(&err)
	return o.store.Retention(ctx, room)
}

func (o *observed) RecordedLogs(ctx context.Context, topic string) (logs []bus.RecordedLog, err error) {
	defer o.metrics.Observe("read_epochs")(&err)
	return o.store.RecordedLogs(ctx, topic)
}

func (o *observed) RecordLog(ctx context.Context, found bus.Incarnation, least int32) (log bus.RecordedLog, err error) {
	defer o.metrics.Observe("record_epoch")(&err)
	return o.store.RecordLog(ctx, found, least)
}

func (o *observed) Ping(ctx context.Context) (err error) {
	defer o.metrics.Observe("ping")(&err)
	return o.store.Ping(ctx)
}
