package telemetry

import (
	"context"
	"io"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

const (
	formatJSON = "json"
	formatText = "text"
)

func newLog(out io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == formatText {
		return slog.New(newHandler(slog.NewTextHandler(out, options)))
	}
	return slog.New(newHandler(slog.NewJSONHandler(out, options)))
}

type attrsKey struct{}

// With returns a context whose log records carry the given attributes, at the top level of the record. An attribute
// replaces an earlier one with the same key.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	earlier := attrsOf(ctx)
	merged := make([]slog.Attr, 0, len(earlier)+len(attrs))
	for _, attr := range slices.Concat(earlier, attrs) {
		same := func(a slog.Attr) bool { return a.Key == attr.Key }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i] = attr
			continue
		}
		merged = append(merged, attr)
	}
	return context.WithValue(ctx, attrsKey{}, merged)
}

func attrsOf(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return attrs
}

// handler adds trace_id, span_id and the attributes of [With] to every record.
type handler struct {
	inner slog.Handler
	// ungrouped and since serve loggers with a group: the handler before the first group, and what was done to it from
	// there on, so that the attributes of the context stay at the top level.
	ungrouped slog.Handler
	since     []func(slog.Handler) slog.Handler
}

func newHandler(inner slog.Handler) slog.Handler {
	return &handler{inner: inner, ungrouped: inner}
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	var space [8]slog.Attr // enough for what requests have, so that no line needs memory for it
	attrs := append(space[:0], attrsOf(ctx)...)
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	if len(attrs) == 0 {
		return h.inner.Handle(ctx, record)
	}
	if len(h.since) == 0 {
		record = record.Clone()
		record.AddAttrs(attrs...)
		return h.inner.Handle(ctx, record)
	}
	grouped := h.ungrouped.WithAttrs(slices.Clone(attrs)) // which may keep them
	for _, step := range h.since {
		grouped = step(grouped)
	}
	return grouped.Handle(ctx, record)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	inner := h.inner.WithAttrs(attrs)
	if len(h.since) == 0 {
		return newHandler(inner)
	}
	return h.after(inner, func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.after(h.inner.WithGroup(name), func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *handler) after(inner slog.Handler, step func(slog.Handler) slog.Handler) slog.Handler {
	return &handler{inner: inner, ungrouped: h.ungrouped, since: append(slices.Clip(h.since), step)}
}
