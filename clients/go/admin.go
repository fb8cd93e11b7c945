package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Erasure is the receipt of a user's deletion.
type Erasure struct {
	ID          uuid.UUID     `json:"id"`
	UserID      uuid.UUID     `json:"userId"`
	Tenant      string        `json:"tenant"`
	RequestedAt wire.Time     `json:"requestedAt"`
	FinishedAt  *wire.Time    `json:"finishedAt"` // nil: not all services have finished
	Services    []ErasurePart `json:"services"`
}

// ErasurePart says what a service has erased.
type ErasurePart struct {
	Service    string     `json:"service"`
	Erased     int64      `json:"erased"`     // things, as the service counts them
	FinishedAt *wire.Time `json:"finishedAt"` // nil: not yet
}

// PutUser makes a user, also one who was deleted, or gives it another name. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) PutUser(ctx context.Context, user uuid.UUID, name string) (wire.User, error) {
	var made wire.User
	_, err := c.call(ctx, http.MethodPut, "/api/admin/users/"+user.String(), map[string]string{"displayName": name}, &made)
	return made, err
}

// DeleteUser deletes a user, and gives the receipt, which says how far that is. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) DeleteUser(ctx context.Context, user uuid.UUID) (Erasure, error) {
	var erasure Erasure
	_, err := c.call(ctx, http.MethodDelete, "/api/admin/users/"+user.String(), nil, &erasure)
	return erasure, err
}

// Erasure gives the receipt of a user's deletion as it is now. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Erasure(ctx context.Context, id uuid.UUID) (Erasure, error) {
	var erasure Erasure
	_, err := c.call(ctx, http.MethodGet, "/api/admin/erasures/"+id.String(), nil, &erasure)
	return erasure, err
}

// RoomRetention says for how many days a room keeps its messages. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) RoomRetention(ctx context.Context, room uuid.UUID) (wire.RoomRetention, error) {
	var retention wire.RoomRetention
	_, err := c.call(ctx, http.MethodGet, retentionPath(room), nil, &retention)
	return retention, err
}

// SetRoomRetention has a room keep its messages for so many days, 0 for ever, whatever the installation says. The caller is a backend, as of
// [Client.DisconnectUser].
func (c *Client) SetRoomRetention(ctx context.Context, room uuid.UUID, days int) (wire.RoomRetention, error) {
	var retention wire.RoomRetention
	_, err := c.call(ctx, http.MethodPut, retentionPath(room), map[string]int{"days": days}, &retention)
	return retention, err
}

// UnsetRoomRetention has a room go by the installation again, and gives what that says. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) UnsetRoomRetention(ctx context.Context, room uuid.UUID) (wire.RoomRetention, error) {
	var retention wire.RoomRetention
	_, err := c.call(ctx, http.MethodDelete, retentionPath(room), nil, &retention)
	return retention, err
}

func retentionPath(room uuid.UUID) string { return "/api/admin/rooms/" + room.String() + "/retention" }

// ExportMessages gives a part of what a user has written, and the cursor of the next; "" begins, and ends. A part may have nothing where there is more. The
// caller is a backend, as of [Client.DisconnectUser].
func (c *Client) ExportMessages(ctx context.Context, user uuid.UUID, cursor string) (part []wire.Message, next string, err error) {
	path := "/api/admin/users/" + user.String() + "/messages"
	if cursor != "" {
		path += "?" + url.Values{"cursor": {cursor}}.Encode()
	}
	var lines []byte
	header, err := c.call(ctx, http.MethodGet, path, nil, &lines)
	if err != nil {
		return nil, "", err
	}
	for decoder := json.NewDecoder(bytes.NewReader(lines)); ; {
		var message wire.Message
		switch err := decoder.Decode(&message); {
		case errors.Is(err, io.EOF):
			return part, header.Get("X-Next-Cursor"), nil
		case err != nil:
			return nil, "", fmt.Errorf("decode an export: %w", err)
		}
		part = append(part, message)
	}
}
