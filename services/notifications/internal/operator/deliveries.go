package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/wire"
)

const (
	usualLimit = 100 // deliveries or entries that are listed
	stateGone  = "given-up"
)

// limitOf adds the flag that says how many are listed.
func limitOf(flags *flag.FlagSet) *int {
	limit := usualLimit
	flags.Func("limit", "", func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errors.New("it must be a number above 0")
		}
		limit = n
		return nil
	})
	return &limit
}

func listDeliveries(flags *flag.FlagSet) action {
	state, limit := flags.String("state", "", ""), limitOf(flags)
	return func(ctx context.Context, s *session, args []string) error {
		id, err := idOf(webhook, args[0])
		if err != nil {
			return err
		}
		all, err := s.deliveries(ctx, id, *state, *limit)
		if err != nil {
			return err
		}
		return s.print(all, func(out io.Writer) {
			row(out, "DELIVERY", "TYPE", "HAPPENED", "STATE", "ATTEMPTS", "NEXT", "STATUS", "ERROR")
			for _, d := range all {
				row(out, d.ID.String(), d.Type, timeOf(d.HappenedAt), d.State, strconv.Itoa(d.Attempts), timeOrNone(d.NextAt), numberOrNone(d.Status), clip(textOrNone(d.Error), 60))
			}
		})
	}
}

// deliveries gives the newest of a webhook, at most so many.
func (s *session) deliveries(ctx context.Context, id uuid.UUID, state string, limit int) ([]client.WebhookDelivery, error) {
	all := []client.WebhookDelivery{}
	for cursor := ""; ; {
		page, next, err := s.client.WebhookDeliveries(ctx, id, state, cursor)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what was asked
		}
		if all = append(all, page...); next == "" || len(all) >= limit {
			return all[:min(len(all), limit)], nil
		}
		cursor = next
	}
}

func showDelivery(ctx context.Context, s *session, args []string) error {
	id, err := idOf(webhook, args[0])
	if err != nil {
		return err
	}
	delivery, err := idOf("DELIVERY", args[1])
	if err != nil {
		return err
	}
	kept, err := s.client.WebhookDelivery(ctx, id, delivery)
	if err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.print(kept, func(out io.Writer) {
		row(out, "delivery", kept.ID.String())
		row(out, "event", kept.EventID.String())
		row(out, "type", kept.Type)
		row(out, "happened", timeOf(kept.HappenedAt))
		row(out, "state", kept.State)
		row(out, "next", timeOrNone(kept.NextAt))
		_, _ = fmt.Fprintln(out)
		row(out, "ATTEMPT", "AT", "TOOK", "STATUS", "ERROR", "ANSWER")
		for _, a := range kept.Log {
			took := time.Duration(a.Took) * time.Millisecond
			row(out, strconv.Itoa(a.Number), timeOf(a.At), took.String(), numberOrNone(a.Status), textOrNone(a.Error), clip(a.Body, 80))
		}
	})
}

// span is the range of time of which deliveries are sent again.
type span struct{ since, until string }

func (r *span) addTo(flags *flag.FlagSet) {
	flags.StringVar(&r.since, "since", "", "")
	flags.StringVar(&r.until, "until", "", "")
}

// replay says what of the range is sent again.
func (r *span) replay(state string, now time.Time) (replay client.WebhookReplay, err error) {
	replay.State = state
	if replay.Since, err = moment("--since", r.since, now); err != nil {
		return replay, err
	}
	until := wire.At(now)
	if r.until != "" {
		if until, err = moment("--until", r.until, now); err != nil {
			return replay, err
		}
	}
	replay.Until = &until
	return replay, nil
}

// moment reads a time, or for how long it is over.
func moment(what, text string, now time.Time) (wire.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return wire.At(at), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return wire.At(now.Add(-ago)), nil
	}
	return wire.Time{}, deployable.UsageError(fmt.Sprintf("%s %q is no time as 2026-11-23T12:00:00Z, nor one as 2h for that long ago", what, text))
}

func replayAny(flags *flag.FlagSet) action {
	var of span
	of.addTo(flags)
	state := flags.String("state", stateGone, "")
	return func(ctx context.Context, s *session, args []string) error { return s.replay(ctx, args, of, *state) }
}

// replay sends deliveries of a webhook again: those of the arguments behind its id, or those of a range.
func (s *session) replay(ctx context.Context, args []string, of span, state string) error {
	id, err := idOf(webhook, args[0])
	if err != nil {
		return err
	}
	named, err := idsOf("DELIVERY", args[1:])
	if err != nil {
		return err
	}
	var n int
	switch {
	case (len(named) > 0) == (of.since != ""), len(named) > 0 && of.until != "":
		return deployable.UsageError("either deliveries are named, or --since says from when on")
	case len(named) > 0:
		n, err = s.replayNamed(ctx, id, named)
	default:
		var asked client.WebhookReplay
		if asked, err = of.replay(state, s.now()); err != nil {
			return err
		}
		n, err = s.replayRange(ctx, id, asked)
	}
	if err != nil {
		if n > 0 {
			return fmt.Errorf("%d are sent again, and then: %w", n, explain(err))
		}
		return err
	}
	return s.print(map[string]int{"replayed": n}, func(out io.Writer) { row(out, "sent again", strconv.Itoa(n)) })
}

func (s *session) replayNamed(ctx context.Context, id uuid.UUID, named []uuid.UUID) (n int, err error) {
	for _, delivery := range named {
		if err := s.client.ReplayWebhookDelivery(ctx, id, delivery); err != nil {
			return n, err //nolint:wrapcheck // it says what was asked
		}
		n++
	}
	return n, nil
}

// replayRange goes on from where each answer says, until all of the range are sent again.
func (s *session) replayRange(ctx context.Context, id uuid.UUID, asked client.WebhookReplay) (n int, err error) {
	for {
		replayed, err := s.client.ReplayWebhook(ctx, id, asked)
		n += replayed.Replayed
		switch {
		case err != nil:
			return n, err //nolint:wrapcheck // it says what was asked
		case replayed.Next == nil || replayed.Replayed == 0:
			return n, nil
		case asked.State != stateGone && !replayed.Next.After(asked.Since.Time): // what was delivered meanwhile would be sent again for ever
			return n, errors.New("there are more of one moment than are sent again at once: ask for the rest from the moment behind it")
		}
		asked.Since = *replayed.Next
	}
}
