package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

// A bot that greets back, and misses nothing: it has read the room up to a position, catches up from there whenever the stream says so, and
// answers each message once. It names an answer by the message that it answers, so also a bot that was started again sends it once.
func ExampleClient_Follow() {
	server := httptest.NewServer(aRoomWithOneMessage())
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	ism := client.New(server.URL, server.Client(), client.Token("the bot's"))
	readUpTo := "101" // kept from before
	answer := func(message wire.Message) error {
		sent, err := ism.SendOnce(ctx, client.Draft{
			Room: message.RoomID, Type: wire.Text, Body: wire.TextBody{Text: "Hello!"}, Name: "answer-to-" + message.ID.String(),
		})
		if err != nil {
			return err
		}
		fmt.Println("sent", sent.ClientID)
		return nil
	}

	events := ism.Follow(ctx, client.FollowOptions{})
	defer events.Close()
	for range 2 { // a bot goes on
		event, err := events.Next()
		if err != nil {
			fmt.Println("refused:", err)
			return
		}
		fmt.Println(event.Type)
		switch event.Type {
		case "Resync":
			readUpTo, err = ism.CatchUp(ctx, room, readUpTo, func(changes []wire.MessageChange) error {
				for _, change := range changes {
					fmt.Println(change.Change, string(change.Message.Body))
				}
				return nil
			})
		case "ChatMessage":
			var chat wire.ChatMessage
			if err = json.Unmarshal(event.Data, &chat); err == nil {
				err = answer(chat.Message)
			}
		}
		if err != nil {
			fmt.Println("failed:", err)
			return
		}
	}
	fmt.Println("up to", readUpTo, "and event", events.LastEventID())
	// Output:
	// Resync
	// new {"text":"Anybody there?"}
	// ChatMessage
	// sent answer-to-02000000-0000-0000-0000-000000000007
	// up to 102 and event e2
}

// aRoomWithOneMessage is a server that has one message for who comes late, and tells of another.
func aRoomWithOneMessage() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/sse", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 2000\nid: e1\n\nid: e2\n", `data: {"type":"ChatMessage","message":{"chatRoomId":"`, room,
			`","messageId":"02000000-0000-0000-0000-000000000007","msgType":"Text","msgBody":{"text":"Hello?"}}}`, "\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /api/rooms/{room}/changes", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("since") == "102" {
			fmt.Fprint(w, `{"changes":[],"since":"102","more":false}`)
			return
		}
		fmt.Fprint(w, `{"changes":[{"change":"new","position":"102","message":{"msgType":"Text","msgBody":{"text":"Anybody there?"}}}],"since":"102","more":false}`)
	})
	mux.HandleFunc("POST /api/send-msg", func(w http.ResponseWriter, r *http.Request) {
		var sent struct {
			Name string `json:"clientMsgId"`
		}
		_ = json.NewDecoder(r.Body).Decode(&sent)
		fmt.Fprintf(w, `{"messageId":"02000000-0000-0000-0000-000000000008","clientMsgId":%q}`, sent.Name)
	})
	return mux
}
