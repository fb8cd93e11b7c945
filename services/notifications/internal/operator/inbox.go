package operator

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"strconv"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

const user = "USER" // as usage calls its id

func inbox() group {
	return group{name: "inbox", verbs: []verb{
		{name: "list", args: []string{user}, options: "[--limit N]", does: "list what a user's inbox has, the newest first; nothing is marked as read", prepare: listInbox},
		{name: "unread", args: []string{user}, does: "say how much of it the user has not read, up to 1,000", prepare: plain(countUnread)},
	}}
}

func listInbox(flags *flag.FlagSet) action {
	limit := limitOf(flags)
	return func(ctx context.Context, s *session, args []string) error {
		id, err := idOf(user, args[0])
		if err != nil {
			return err
		}
		entries, err := s.entries(ctx, id, *limit)
		if err != nil {
			return err
		}
		events := make([]json.RawMessage, len(entries)) // each has the entry's fields, too
		for i, entry := range entries {
			events[i] = entry.Event
		}
		return s.print(events, func(out io.Writer) {
			row(out, "NOTIFICATION", "CREATED", "TYPE", "READ", "CONTENT")
			for _, entry := range entries {
				row(out, entryCells(entry)...)
			}
		})
	}
}

// entries gives the newest of an inbox, at most so many.
func (s *session) entries(ctx context.Context, of uuid.UUID, limit int) (all []wire.InboxEntry, err error) {
	for cursor := ""; ; {
		page, next, err := s.client.InboxOf(ctx, of, cursor)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what was asked
		}
		if all = append(all, page...); next == "" || len(all) >= limit {
			return all[:min(len(all), limit)], nil
		}
		cursor = next
	}
}

// entryCells is an entry's row. What it says is shown as JSON, shortened.
func entryCells(entry wire.InboxEntry) []string {
	var said map[string]json.RawMessage
	_ = json.Unmarshal(entry.Event, &said) // it is an object, or it was no entry
	var kind string
	var created wire.Time
	_ = json.Unmarshal(said["type"], &kind)
	_ = json.Unmarshal(said["createdAt"], &created)
	for _, shown := range []string{"type", "createdAt", "notificationId", "cursor", "read"} {
		delete(said, shown)
	}
	content, _ := json.Marshal(said)
	return []string{entry.ID.String(), timeOf(created), kind, strconv.FormatBool(entry.Read), clip(string(content), 100)}
}

func countUnread(ctx context.Context, s *session, args []string) error {
	id, err := idOf(user, args[0])
	if err != nil {
		return err
	}
	unread, err := s.client.UnreadOf(ctx, id)
	if err != nil {
		return err //nolint:wrapcheck // it says what was asked
	}
	return s.print(unread, func(out io.Writer) { row(out, "unread", strconv.Itoa(unread.Unread)) })
}
