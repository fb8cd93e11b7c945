package operator

import (
	"context"
	"flag"
	"io"
	"strconv"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
)

// deadLetters are the deliveries that were given up, of whichever webhook.
func deadLetters() group {
	return group{name: "dead-letters", verbs: []verb{
		{
			name: "list", args: []string{"[WEBHOOK]"}, options: "[--limit N]", prepare: listDeadLetters,
			does: "list deliveries that were given up, of one webhook or of all, the newest first",
		},
		{
			name: "replay", args: []string{webhook, "[DELIVERY…]"}, options: "[--since TIME [--until TIME]]", prepare: replayDeadLetters,
			does: "send them again: these, or those of a range; TIME as 2026-11-23T12:00:00Z, or 2h for that long ago",
		},
	}}
}

// deadLetter is a delivery that was given up, and of which webhook it is.
type deadLetter struct {
	WebhookID uuid.UUID `json:"webhookId"`
	client.WebhookDelivery
}

func listDeadLetters(flags *flag.FlagSet) action {
	limit := limitOf(flags)
	return func(ctx context.Context, s *session, args []string) error {
		of, err := idsOf(webhook, args)
		if err == nil && len(of) == 0 {
			of, err = s.webhookIDs(ctx)
		}
		if err != nil {
			return err
		}
		all := []deadLetter{}
		for _, id := range of {
			some, err := s.deliveries(ctx, id, stateGone, *limit)
			if err != nil && (len(args) > 0 || !client.HasCode(err, "webhook-not-found")) { // it may have been deleted meanwhile
				return err
			}
			for _, d := range some {
				all = append(all, deadLetter{id, d})
			}
		}
		return s.print(all, func(out io.Writer) {
			row(out, "WEBHOOK", "DELIVERY", "TYPE", "HAPPENED", "ATTEMPTS", "STATUS", "ERROR")
			for _, d := range all {
				row(out, d.WebhookID.String(), d.ID.String(), d.Type, timeOf(d.HappenedAt), strconv.Itoa(d.Attempts), numberOrNone(d.Status), clip(textOrNone(d.Error), 60))
			}
		})
	}
}

func (s *session) webhookIDs(ctx context.Context) ([]uuid.UUID, error) {
	all, err := s.webhooks(ctx)
	ids := make([]uuid.UUID, len(all))
	for i, w := range all {
		ids[i] = w.ID
	}
	return ids, err
}

func replayDeadLetters(flags *flag.FlagSet) action {
	var of span
	of.addTo(flags)
	return func(ctx context.Context, s *session, args []string) error { return s.replay(ctx, args, of, stateGone) }
}
