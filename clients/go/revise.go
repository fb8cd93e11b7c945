package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Message gives a message as it is now.
func (c *Client) Message(ctx context.Context, room, message uuid.UUID) (wire.Message, error) {
	var found wire.Message
	_, err := c.call(ctx, http.MethodGet, pathOf(room, message), nil, &found)
	return found, err
}

// Edit gives a message of the caller's another body, that of the message's type: a [wire.TextBody], a [wire.MediaBody], or [NewReply] for a reply; by a
// backend a [wire.SystemBody].
func (c *Client) Edit(ctx context.Context, room, message uuid.UUID, body any) (wire.Message, error) {
	return c.edit(ctx, room, message, body, "")
}

// EditSeen is Edit of a message that still is as the caller has seen it; else it is the problem message-changed.
func (c *Client) EditSeen(ctx context.Context, seen wire.Message, body any) (wire.Message, error) {
	since := seen.CreatedAt
	if seen.EditedAt != nil {
		since = *seen.EditedAt
	}
	return c.edit(ctx, seen.RoomID, seen.ID, body, `"`+since.String()+`"`)
}

func (c *Client) edit(ctx context.Context, room, message uuid.UUID, body any, ifMatch string) (wire.Message, error) {
	content := struct {
		Body any `json:"msgBody"`
	}{body}
	request, err := c.request(ctx, http.MethodPatch, pathOf(room, message), content)
	if err != nil {
		return wire.Message{}, err
	}
	if ifMatch != "" {
		request.Header.Set("If-Match", ifMatch)
	}
	var edited wire.Message
	_, err = c.answer(request, &edited)
	return edited, err
}

// NewReply is what a reply is to say about the message that it goes on quoting.
type NewReply struct {
	Text string `json:"replyText"`
}

// Delete deletes a message of the caller's for good, or by a backend any of its tenant.
func (c *Client) Delete(ctx context.Context, room, message uuid.UUID) (wire.Message, error) {
	var deleted wire.Message
	_, err := c.call(ctx, http.MethodDelete, pathOf(room, message), nil, &deleted)
	return deleted, err
}

func pathOf(room, message uuid.UUID) string {
	return "/api/rooms/" + room.String() + "/messages/" + message.String()
}
