package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// messagesOfEveryType sends one of each, and looks for them on a stream, in the history and in the list.
func messagesOfEveryType(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Orders", bob)
	atBob := bob.Listen(t)
	backend := d.Backend(t)

	said := func(message wire.Message, err error) wire.Message {
		t.Helper()
		if err != nil {
			t.Fatalf("send: %v", err)
		}
		return message
	}
	picture := said(alice.SendMedia(t.Context(), room.ID, wire.MediaBody{URL: "https://cdn.example/soup.png", Type: "image"}))
	first := said(bob.Reply(t.Context(), room.ID, client.Answer{To: picture.ID, Text: "Looks good 🥣"}))
	second := said(alice.Reply(t.Context(), room.ID, client.Answer{To: first.ID, Text: "It is"}))
	system := said(backend.SendSystem(t.Context(), room.ID, wire.SystemBody{Text: "Your order is on its way", Data: json.RawMessage(`{"order":17}`)}))
	sent := []wire.Message{picture, first, second, system}
	previews := []wire.Preview{
		wire.MediaPreview("alice", "image"), wire.ReplyPreview("bob", "Looks good 🥣"), wire.ReplyPreview("alice", "It is"), {Type: "Text", Text: "Your order is on its way"},
	}
	for i, live := range atBob.AwaitMessages(t, room.ID, len(sent)) {
		if live.Preview.SenderUsername, previews[i].SenderUsername = "", ""; !same(live.Message, sent[i]) || live.Preview != previews[i] {
			t.Errorf("message %d on the stream is %+v with %+v, the answer was %+v", i, live.Message, live.Preview, sent[i])
		}
	}
	stored := history(t, bob, room.ID, len(sent))
	if !slices.EqualFunc(stored, sent, same) {
		t.Errorf("the history is %+v, the answers were %+v", stored, sent)
	}
	var reply wire.ReplyBody
	if err := json.Unmarshal(second.Body, &reply); err != nil || reply.MessageID != first.ID || reply.Type != wire.Reply || string(reply.Details) != `{"reply_text":"Looks good 🥣"}` {
		t.Errorf("the reply to a reply is %s, %v", second.Body, err)
	}
	awaitRoom(t, bob, room.ID, func(r wire.Room) bool {
		return r.LatestMessageText.Text == "Your order is on its way" && r.UnreadCount == 2
	})
	awaitRoom(t, alice, room.ID, func(r wire.Room) bool { return r.LatestMessage.Equal(system.CreatedAt.Time) && r.UnreadCount == 1 })

	if _, err := alice.SendSystem(t.Context(), room.ID, wire.SystemBody{Text: "I am the backend"}); !client.HasCode(err, "forbidden") {
		t.Errorf("a user's system message: %v", err)
	}
	elsewhere := createRoom(t, alice, wire.Group, "Elsewhere", d.SignIn(t, "carol"))
	if _, err := alice.Reply(t.Context(), elsewhere.ID, client.Answer{To: first.ID, Text: "of another room"}); !client.HasCode(err, "quoted-message-not-found") {
		t.Errorf("a reply to a message of another room: %v", err)
	}
}
