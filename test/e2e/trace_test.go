package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/test/deployment"
)

// requestIsOneTrace follows a message from the sender's own span to the recipient's stream.
func requestIsOneTrace(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "u17"), d.SignIn(t, "u18")
	room := createRoom(t, alice, events.Group, "Traced", bob).ID
	listener := bob.Listen(t)
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	trace := hex.EncodeToString(id)

	body := `{"chatRoomId":"` + room.String() + `","msgType":"Text","msgBody":{"text":"follow me"}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.BaseURL+"/api/send-msg", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+d.Token(t, alice.Name))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", fmt.Sprintf("00-%s-b7ad6b7169203331-01", trace))
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	listener.AwaitMessages(t, room, 1)
	d.Spans.Await(t, trace, "POST /api/send-msg", "send ism.rooms", "fan out message.posted", "send ism.deliveries", "deliver")
}
