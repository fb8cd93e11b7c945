package operator

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/deployable"
)

const webhook = "WEBHOOK" // as usage calls its id

func webhooks() group {
	one := []string{webhook}
	return group{name: "webhooks", verbs: []verb{
		{name: "list", does: "list webhooks, and how each is doing", prepare: plain(listWebhooks)},
		{name: "show", args: one, does: "show one", prepare: plain(showWebhook)},
		{
			name: "create", args: []string{"URL", "TYPE…"}, options: "[--description TEXT] [--room ROOM] [--ordered] [--concurrency N] [--signature v1|v1a]",
			does: "make one; its secret is printed here and never again", prepare: createWebhook,
		},
		{name: "pause", args: one, does: "have what happens wait", prepare: plain(pauseWebhook)},
		{name: "resume", args: one, does: "send what waits, also after it was disabled", prepare: plain(resumeWebhook)},
		{name: "rotate", args: one, options: "[--overlap 24h]", does: "give it another secret; both sign until the overlap is over", prepare: rotateWebhook},
		{name: "test", args: one, does: "send it dev.ism.webhook.tested", prepare: plain(testWebhook)},
		{name: "delete", args: one, options: "--yes", does: "delete it, with its deliveries", prepare: deleteWebhook},
		{name: "deliveries", args: one, options: "[--state pending|delivered|given-up] [--limit N]", does: "list what was and is to be sent, the newest first", prepare: listDeliveries},
		{name: "delivery", args: []string{webhook, "DELIVERY"}, does: "show one with each attempt", prepare: plain(showDelivery)},
		{
			name: "replay", args: []string{webhook, "[DELIVERY…]"}, options: "[--since TIME [--until TIME] [--state delivered|given-up]]",
			does: "send deliveries again: these, or those of a range; TIME as 2026-11-23T12:00:00Z, or 2h for that long ago", prepare: replayAny,
		},
	}}
}

func listWebhooks(ctx context.Context, s *session, _ []string) error {
	all, err := s.webhooks(ctx)
	if err != nil {
		return err
	}
	return s.print(all, func(out io.Writer) {
		row(out, "WEBHOOK", "STATUS", "FAILURES", "FAILING SINCE", "URL", "DESCRIPTION")
		for _, w := range all {
			row(out, w.ID.String(), statusOf(w), strconv.Itoa(w.Failures), timeOrNone(w.FailingSince), w.URL, clip(w.Description, 40))
		}
	})
}

// webhooks gives all of them.
func (s *session) webhooks(ctx context.Context) ([]client.Webhook, error) {
	all := []client.Webhook{}
	for cursor := ""; ; {
		page, next, err := s.client.Webhooks(ctx, cursor)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what was asked
		}
		if all = append(all, page...); next == "" {
			return all, nil
		}
		cursor = next
	}
}

func statusOf(w client.Webhook) string {
	if w.Reason != nil {
		return w.Status + " (" + *w.Reason + ")"
	}
	return w.Status
}

func showWebhook(ctx context.Context, s *session, args []string) error {
	id, err := idOf(webhook, args[0])
	if err != nil {
		return err
	}
	return s.showWebhook(ctx, id)
}

func (s *session) showWebhook(ctx context.Context, id uuid.UUID) error {
	kept, err := s.client.Webhook(ctx, id)
	if err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.printWebhook(kept)
}

func (s *session) printWebhook(w client.Webhook) error {
	return s.print(w, func(out io.Writer) {
		rooms := make([]string, len(w.Rooms))
		for i, room := range w.Rooms {
			rooms[i] = room.String()
		}
		row(out, "id", w.ID.String())
		row(out, "url", w.URL)
		row(out, "description", w.Description)
		row(out, "status", statusOf(w))
		row(out, "failures in a row", strconv.Itoa(w.Failures))
		row(out, "failing since", timeOrNone(w.FailingSince))
		row(out, "nothing is sent until", timeOrNone(w.PausedUntil))
		row(out, "types", strings.Join(w.Types, " "))
		row(out, "rooms", cmp.Or(strings.Join(rooms, " "), "all"))
		row(out, "ordered", strconv.FormatBool(w.Ordered))
		row(out, "concurrency", strconv.Itoa(w.Concurrency))
		row(out, "signature", w.Signature)
		row(out, "created", timeOf(w.CreatedAt))
		row(out, "updated", timeOf(w.UpdatedAt))
		if w.Secret != "" {
			row(out, "secret", w.Secret)
		}
	})
}

func createWebhook(flags *flag.FlagSet) action {
	var made client.NewWebhook
	flags.StringVar(&made.Description, "description", "", "")
	flags.StringVar(&made.Signature, "signature", "", "")
	flags.BoolVar(&made.Ordered, "ordered", false, "")
	flags.IntVar(&made.Concurrency, "concurrency", 0, "")
	flags.Func("room", "", func(text string) error {
		room, err := uuid.Parse(text)
		made.Rooms = append(made.Rooms, room)
		return err //nolint:wrapcheck // flag says which
	})
	return func(ctx context.Context, s *session, args []string) error {
		made.URL, made.Types = args[0], args[1:]
		kept, err := s.client.CreateWebhook(ctx, made)
		if err != nil {
			return err //nolint:wrapcheck // it says what was asked
		}
		return s.printWebhook(kept)
	}
}

func pauseWebhook(ctx context.Context, s *session, args []string) error {
	id, err := idOf(webhook, args[0])
	if err == nil {
		err = s.client.PauseWebhook(ctx, id)
	}
	if err != nil {
		return err
	}
	return s.showWebhook(ctx, id)
}

func resumeWebhook(ctx context.Context, s *session, args []string) error {
	id, err := idOf(webhook, args[0])
	if err == nil {
		err = s.client.ResumeWebhook(ctx, id)
	}
	if err != nil {
		return err
	}
	return s.showWebhook(ctx, id)
}

func rotateWebhook(flags *flag.FlagSet) action {
	overlap := flags.Duration("overlap", 24*time.Hour, "")
	return func(ctx context.Context, s *session, args []string) error {
		id, err := idOf(webhook, args[0])
		if err != nil {
			return err
		}
		if *overlap%time.Second != 0 {
			return deployable.UsageError("--overlap must be whole seconds")
		}
		rotated, err := s.client.RotateWebhookSecret(ctx, id, *overlap)
		if err != nil {
			return err //nolint:wrapcheck // it says what was asked
		}
		return s.print(rotated, func(out io.Writer) {
			row(out, "secret", rotated.Secret)
			row(out, "the former signs until", timeOf(rotated.FormerUntil))
		})
	}
}

func testWebhook(ctx context.Context, s *session, args []string) error {
	id, err := idOf(webhook, args[0])
	if err != nil {
		return err
	}
	sent, err := s.client.TestWebhook(ctx, id)
	if err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.print(sent, func(out io.Writer) {
		row(out, "delivery", sent.ID.String())
		row(out, "state", sent.State)
	})
}

func deleteWebhook(flags *flag.FlagSet) action {
	sure := flags.Bool("yes", false, "")
	return func(ctx context.Context, s *session, args []string) error {
		id, err := idOf(webhook, args[0])
		if err != nil {
			return err
		}
		if !*sure {
			return errors.New("nothing was deleted: what waits for the webhook is lost with it, and webhooks delete WEBHOOK --yes does it")
		}
		if err := s.client.DeleteWebhook(ctx, id); err != nil {
			return err //nolint:wrapcheck // it says what was asked
		}
		return s.print(map[string]uuid.UUID{"deleted": id}, func(out io.Writer) { row(out, "deleted", id.String()) })
	}
}
