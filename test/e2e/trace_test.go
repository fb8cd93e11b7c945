package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/tracing"
)

// requestIsOneTrace follows the creation of a room and a message in it to the streams of all members.
func requestIsOneTrace(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "u17"), d.SignIn(t, "u18")
	atAlice, atBob := alice.Listen(t), bob.Listen(t)

	var room wire.Room
	trace := post(t, d, alice, "/api/rooms/create-room",
		`{"roomType":"Group","roomName":"Traced","invitedUsers":["`+alice.ID.String()+`","`+bob.ID.String()+`"]}`, &room)
	awaitTrace(t, d, trace, tracing.CreateRoom(), map[string]string{tracing.RoomID: room.ID.String()})

	var message wire.Message
	trace = post(t, d, alice, "/api/send-msg", `{"chatRoomId":"`+room.ID.String()+`","msgType":"Text","msgBody":{"text":"follow me"}}`, &message)
	atAlice.AwaitMessages(t, room.ID, 1)
	atBob.AwaitMessages(t, room.ID, 1)
	awaitTrace(t, d, trace, tracing.Send(), map[string]string{
		tracing.RoomID: room.ID.String(), tracing.MessageID: message.ID.String(),
	})
	for _, line := range strings.Split(d.AwaitLog(t, serviceOf(d, "messages"), message.ID.String()), "\n") {
		var accepted struct {
			Text    string `json:"msg"`
			Message string `json:"message_id"`
			Room    string `json:"room_id"`
			Trace   string `json:"trace_id"`
		}
		if json.Unmarshal([]byte(line), &accepted) == nil && accepted.Message == message.ID.String() {
			if accepted.Text != "message accepted" || accepted.Room != room.ID.String() || accepted.Trace != trace {
				t.Errorf("the log tells of the message: %s", line)
			}
			return
		}
	}
	t.Error("no line of the log tells where the message is")
}

// backgroundMakesNoTraces is about everything that runs without being asked: relays, consumers, probes and migrations.
func backgroundMakesNoTraces(t *testing.T, d *deployment.Deployment) {
	roots := d.Spans.Roots(t)
	if len(roots) == 0 {
		t.Error("there are no traces at all")
	}
	seen := map[string]bool{}
	for _, root := range roots {
		if !asked(root) && !seen[root.String()] {
			seen[root.String()] = true
			t.Errorf("%s, %s, begins a trace: %v", root, root.Kind, root.Attributes)
		}
	}
}

// asked reports whether somebody asked for what the span is about: by a request, by a record of a backend's topic, or by completing an upload, which is looked
// at in a trace of its own that may begin long after.
func asked(root tracing.Span) bool {
	return root.Kind == "server" || root.Name == "process medium" || root.Kind == "consumer" && !strings.HasPrefix(root.Attributes["messaging.destination.name"], "ism.")
}

func awaitTrace(t *testing.T, d *deployment.Deployment, trace string, want tracing.Expectation, about map[string]string) {
	t.Helper()
	if inOneProcess(d) {
		want = want.InOneProcess()
	}
	d.Spans.Await(t, trace, func(spans []tracing.Span) error { return tracing.Check(spans, want, about) })
}

// inOneProcess reports whether all services are one process.
func inOneProcess(d *deployment.Deployment) bool { return len(d.Services()) == 1 }

// serviceOf is the process that a service runs in.
func serviceOf(d *deployment.Deployment, service string) string {
	if inOneProcess(d) {
		return d.Services()[0]
	}
	return service
}

// post sends a request without a trace of its own, decodes the answer and gives the trace that it began.
func post(t *testing.T, d *deployment.Deployment, user *deployment.User, path, body string, into any) (trace string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+d.Token(t, user.Name))
	request.Header.Set("Content-Type", "application/json")
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(answer, into) != nil {
		t.Fatalf("POST %s: status %d, %s, %v", path, response.StatusCode, answer, err)
	}
	return response.Header.Get("X-Trace-Id")
}
