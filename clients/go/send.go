package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Answer is what is said about another message of the same room.
type Answer struct {
	To   uuid.UUID `json:"replyMsgId"`
	Text string    `json:"replyText"`
}

// SendText sends a text message.
func (c *Client) SendText(ctx context.Context, room uuid.UUID, text string) (wire.Message, error) {
	return c.send(ctx, room, wire.Text, wire.TextBody{Text: text})
}

// SendNamed sends a text message under a name: it is sent once, however often it is tried.
func (c *Client) SendNamed(ctx context.Context, room uuid.UUID, name, text string) (wire.Message, error) {
	return c.post(ctx, sendRequest{RoomID: room, Type: wire.Text, Body: wire.TextBody{Text: text}, ClientID: name})
}

// SendMentioning sends a text message that mentions members of the room, at most 50.
func (c *Client) SendMentioning(ctx context.Context, room uuid.UUID, text string, mentions ...uuid.UUID) (wire.Message, error) {
	return c.post(ctx, sendRequest{RoomID: room, Type: wire.Text, Body: wire.TextBody{Text: text}, Mentions: mentions})
}

// SendMedia sends a picture, a sound, a film or a file that is elsewhere.
func (c *Client) SendMedia(ctx context.Context, room uuid.UUID, media wire.MediaBody) (wire.Message, error) {
	return c.send(ctx, room, wire.Media, media)
}

// Reply sends a reply to a message of the room.
func (c *Client) Reply(ctx context.Context, room uuid.UUID, answer Answer) (wire.Message, error) {
	return c.send(ctx, room, wire.Reply, answer)
}

// SendSystem sends a system message into any room of the tenant. Only the backend may.
func (c *Client) SendSystem(ctx context.Context, room uuid.UUID, body wire.SystemBody) (wire.Message, error) {
	return c.send(ctx, room, wire.SystemMessage, body)
}

type sendRequest struct {
	RoomID   uuid.UUID        `json:"chatRoomId"`
	Type     wire.MessageType `json:"msgType"`
	Body     any              `json:"msgBody"`
	ClientID string           `json:"clientMsgId,omitempty"`
	Mentions []uuid.UUID      `json:"mentions,omitempty"`
}

func (c *Client) send(ctx context.Context, room uuid.UUID, kind wire.MessageType, body any) (wire.Message, error) {
	return c.post(ctx, sendRequest{RoomID: room, Type: kind, Body: body})
}

func (c *Client) post(ctx context.Context, request sendRequest) (wire.Message, error) {
	var sent wire.Message
	_, err := c.call(ctx, http.MethodPost, "/api/send-msg", request, &sent)
	return sent, err
}
