package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Notification is what a backend tells users.
type Notification struct {
	To      []uuid.UUID   // at most 1,000
	Message any           // becomes a JSON object of at most 65,536 bytes
	TTL     time.Duration // for how long it is worth something, whole seconds up to a year; 0: for as long as it is kept
	Key     string        // what the caller names it with, so that sent again it is shown once; "": it has no name
}

// Notify tells users something, on their streams and in their inboxes. It gives an id for each user. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Notify(ctx context.Context, n Notification) ([]wire.NotifiedUser, error) {
	body := struct {
		ToUsers []uuid.UUID `json:"toUsers"`
		Type    string      `json:"type"`
		Message any         `json:"message"`
		TTL     int64       `json:"ttl,omitempty"` // seconds
	}{n.To, "SystemMessage", n.Message, int64(n.TTL / time.Second)}
	request, err := c.request(ctx, http.MethodPost, "/api/notify", body)
	if err != nil {
		return nil, err
	}
	if n.Key != "" {
		request.Header.Set("Idempotency-Key", n.Key)
	}
	var told wire.Notified
	_, err = c.answer(request, &told)
	return told.Notifications, err
}

// Inbox is a page of what happened to the caller.
type Inbox struct {
	Entries []wire.InboxEntry // the oldest first
	Next    string            // where to go on
}

// InboxSince gives what came into the caller's inbox behind a cursor; "": from the oldest on.
func (c *Client) InboxSince(ctx context.Context, cursor string) (Inbox, error) {
	query := url.Values{"direction": {"newer"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	request, err := c.request(ctx, http.MethodGet, "/api/notifications?"+query.Encode(), nil)
	if err != nil {
		return Inbox{}, err
	}
	var page Inbox
	header, err := c.answer(request, &page.Entries)
	page.Next = header.Get("X-Next-Cursor")
	return page, err
}

// InboxOf gives a page of what happened to a user, the newest first, and the cursor of older ones; empty: there are none. The caller is a backend, as of
// [Client.DisconnectUser].
func (c *Client) InboxOf(ctx context.Context, user uuid.UUID, cursor string) (page []wire.InboxEntry, next string, err error) {
	query := url.Values{"direction": {"older"}, "limit": {"100"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	header, err := c.call(ctx, http.MethodGet, userPath(user)+"/notifications?"+query.Encode(), nil, &page)
	if err != nil {
		return nil, "", err
	}
	return page, header.Get("X-Next-Cursor"), nil
}

// UnreadOf says how many entries of a user's inbox the user has not read. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) UnreadOf(ctx context.Context, user uuid.UUID) (wire.UnreadNotifications, error) {
	var unread wire.UnreadNotifications
	_, err := c.call(ctx, http.MethodGet, userPath(user)+"/notifications/unread", nil, &unread)
	return unread, err
}

func userPath(user uuid.UUID) string { return "/api/admin/users/" + user.String() }

// ReadNotifications marks all that came into the caller's inbox up to a cursor as read, and gives how many are left.
func (c *Client) ReadNotifications(ctx context.Context, upTo string) (int, error) {
	request, err := c.request(ctx, http.MethodPost, "/api/notifications/read", map[string]string{"upTo": upTo})
	if err != nil {
		return 0, err
	}
	var left wire.UnreadNotifications
	_, err = c.answer(request, &left)
	return left.Unread, err
}
