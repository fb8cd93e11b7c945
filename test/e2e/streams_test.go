package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

func ticketOpensAStream(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Tickets", bob)
	ticket, err := bob.StreamTicket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := bob.StreamByTicket(t.Context(), ticket.Ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	sent := send(t, alice, room.ID, "by ticket")
	if got := nextMessage(t, stream); got.ID != sent.ID {
		t.Errorf("message %+v", got)
	}
	if _, err := bob.StreamByTicket(t.Context(), ticket.Ticket, ""); !client.HasCode(err, "invalid-ticket") {
		t.Errorf("once more: %v", err)
	}
}

func pollsGiveWhatStreamsGive(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room := createRoom(t, alice, wire.Group, "Polls", bob)
	stream, err := bob.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	begin, err := bob.Poll(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	first, second := send(t, alice, room.ID, "first"), send(t, alice, room.ID, "second")
	id := begin.LastEventID
	var polled []wire.Message
	for end := time.Now().Add(time.Minute); len(polled) < 2 && time.Now().Before(end); {
		answer, err := bob.Poll(t.Context(), id, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range answer.Events {
			var chat wire.ChatMessage
			if err := json.Unmarshal(event.Data, &chat); err != nil {
				t.Fatal(err)
			}
			if chat.Message.RoomID == room.ID {
				polled = append(polled, chat.Message)
			}
		}
		id = answer.LastEventID
	}
	for i, sent := range []wire.Message{first, second} {
		if got := nextMessage(t, stream); got.ID != sent.ID || len(polled) <= i || !same(polled[i], got) {
			t.Errorf("message %d is %+v on the stream, polled were %+v", i, got, polled)
		}
	}
}

func backendEndsStreams(t *testing.T, d *deployment.Deployment) {
	alice, carol := d.SignIn(t, "alice"), d.SignIn(t, "carol")
	stream, err := carol.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if err := alice.DisconnectUser(t.Context(), carol.ID); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	begun := time.Now()
	if err := d.Backend(t).DisconnectUser(t.Context(), carol.ID); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, stream.Close)
	defer timer.Stop()
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			t.Error("the stream ended without a word")
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var last struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		}
		if json.Unmarshal(event.Data, &last) == nil && last.Type == "StreamEnded" && last.Reason == "disconnected" {
			t.Logf("it ended after %v", time.Since(begun))
			break
		}
	}
	if _, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream goes on: %v", err)
	}
}
