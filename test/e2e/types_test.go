package e2e

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

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
	mention := said(alice.SendMentioning(t.Context(), room.ID, "Soup?", bob.ID, alice.ID, bob.ID))
	if !slices.Equal(mention.Mentions, []uuid.UUID{bob.ID, alice.ID}) {
		t.Errorf("it mentions %v", mention.Mentions)
	}
	picture := said(alice.SendMedia(t.Context(), room.ID, wire.MediaBody{URL: "https://cdn.example/soup.png", Type: "image"}))
	first := said(bob.Reply(t.Context(), room.ID, client.Answer{To: picture.ID, Text: "Looks good 🥣"}))
	second := said(alice.Reply(t.Context(), room.ID, client.Answer{To: first.ID, Text: "It is"}))
	system := said(backend.SendSystem(t.Context(), room.ID, wire.SystemBody{Text: "Your order is on its way", Data: json.RawMessage(`{"order":17}`)}))
	sent := []wire.Message{mention, picture, first, second, system}
	previews := []wire.Preview{
		wire.TextPreview("alice", "Soup?"), wire.MediaPreview("alice", "image"), wire.ReplyPreview("bob", "Looks good 🥣"), wire.ReplyPreview("alice", "It is"), {Type: "Text", Text: "Your order is on its way"},
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
	if _, err := alice.SendMentioning(t.Context(), room.ID, "Soup?", bob.ID, d.SignIn(t, "carol").ID); !client.HasCode(err, "mentioned-not-a-member") {
		t.Errorf("a mention of who is no member: %v", err)
	}
	elsewhere := createRoom(t, alice, wire.Group, "Elsewhere", d.SignIn(t, "carol"))
	if _, err := alice.Reply(t.Context(), elsewhere.ID, client.Answer{To: first.ID, Text: "of another room"}); !client.HasCode(err, "quoted-message-not-found") {
		t.Errorf("a reply to a message of another room: %v", err)
	}
}

// namedMessageIsSentOnce tries a send several times, some at once: it is in the answers, on streams, in the history and in lists once.
func namedMessageIsSentOnce(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Once", bob)
	atBob := bob.Listen(t)
	answers := make([]wire.Message, 5)
	var sending sync.WaitGroup
	for i := range answers {
		sending.Go(func() {
			message, err := alice.SendNamed(t.Context(), room.ID, "order 17", "Soup")
			if err != nil {
				t.Errorf("send: %v", err)
			}
			answers[i] = message
		})
	}
	sending.Wait()
	again, err := alice.SendNamed(t.Context(), room.ID, "order 17", "Soup")
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		if !same(answer, again) || answer.ClientID != "order 17" {
			t.Errorf("an answer is %+v, a later one %+v", answer, again)
		}
	}
	if _, err := alice.SendNamed(t.Context(), room.ID, "order 17", "Salad"); !client.HasCode(err, "idempotency-key-reused") {
		t.Errorf("another message of the name: %v", err)
	}
	last := send(t, alice, room.ID, "That's all")
	live := atBob.AwaitMessages(t, room.ID, 2)
	if !same(live[0].Message, again) || !same(live[1].Message, last) {
		t.Errorf("the stream has %+v", live)
	}
	stored := history(t, bob, room.ID, 2)
	if len(stored) != 2 || !same(stored[0], again) || !same(stored[1], last) {
		t.Errorf("the history has %+v", stored)
	}
	awaitRoom(t, bob, room.ID, func(r wire.Room) bool { return r.LatestMessage.Equal(last.CreatedAt.Time) && r.UnreadCount == 2 })
}
