package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Notification is what a backend tells users.
type Notification struct {
	To      []uuid.UUID // at most 1,000
	Message any         // becomes a JSON object of at most 65,536 bytes
	Key     string      // what the caller names it with, so that sent again it is shown once; "": it has no name
}

// Notify tells users something, on their streams. It gives an id for each user. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Notify(ctx context.Context, n Notification) ([]wire.NotifiedUser, error) {
	body := struct {
		ToUsers []uuid.UUID `json:"toUsers"`
		Type    string      `json:"type"`
		Message any         `json:"message"`
	}{n.To, "SystemMessage", n.Message}
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
