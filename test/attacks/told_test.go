package attacks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// What is private of a user has a mark, by which it is found wherever it gets to.
const (
	mark   = "q7mzk3xw9"
	email  = "alice." + mark + "@example.com"
	text   = "the text " + mark + " of a message"
	name   = "the name " + mark
	secret = "secret-" + mark
)

// Logs, at their most talkative, have no token, no text, no e-mail and no name, whatever is sent where. A problem names no id but those that its caller has sent.
func TestLogsAndProblemsTellNothing(t *testing.T) {
	t.Parallel()
	hook := base64.StdEncoding.EncodeToString([]byte("a hook's " + secret + strings.Repeat("!", 16)))
	d := deployment.OneProcess(t, deployment.Settings{"ISM_LOG_LEVEL": "debug"}, deployment.ReceiversHere(),
		deployment.Settings{"ISM_NOTIFICATIONS_HOOKS": "shop=whsec_" + hook, "ISM_NOTIFICATIONS_PUSH_WEBHOOKS": "true"})
	private := chat(t, d)
	private["what is marked"], private["a hook's secret"] = mark, hook
	asked := everyRoute(t, d, private)
	logs := func() (all string) {
		for _, service := range d.Services() {
			all += d.Log(t, service)
		}
		return all
	}
	servicetest.Await(t, "a line of each request", func() bool { return strings.Count(logs(), `"msg":"request"`) >= asked })
	for line := range strings.Lines(logs()) {
		for what, one := range private {
			if strings.Contains(line, one) {
				t.Errorf("%s is logged: %s", what, line)
			}
		}
	}
	if asked < 300 {
		t.Errorf("only %d requests were made", asked)
	}
}

// chat does what users and backends do, and gives what they have got that nobody else may have.
func chat(t *testing.T, d *deployment.Deployment) (private map[string]string) {
	t.Helper()
	alice, bob, backend := d.SignIn(t, email), d.SignIn(t, "bob"), d.Backend(t)
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	ctx, atBob := t.Context(), bob.Listen(t)
	room, err := alice.CreateRoom(ctx, client.NewRoom{Type: wire.Group, Name: name, Invited: []uuid.UUID{alice.ID, bob.ID}})
	must("create a room", err)
	first, err := alice.SendText(ctx, room.ID, text)
	must("send", err)
	_, err = alice.SendNamed(ctx, room.ID, secret, text)
	must("send by a name", err)
	atBob.AwaitMessages(t, room.ID, 2)
	_, err = alice.Edit(ctx, room.ID, first.ID, wire.TextBody{Text: text + ", edited"})
	must("edit", err)
	_, err = bob.Timeline(ctx, room.ID, "")
	must("read", err)
	_, err = alice.RenameRoom(ctx, room.ID, name+", renamed")
	must("rename", err)
	_, err = bob.SearchUsers(ctx, "alice."+mark, "")
	must("search", err)
	_, err = bob.AddFriend(ctx, alice.ID)
	must("ask to be friends", err)
	must("register a phone", alice.RegisterToken(ctx, "phone-"+mark, "Fcm", secret))
	ticket, err := alice.StreamTicket(ctx)
	must("get a ticket", err)
	stream, err := alice.StreamByTicket(ctx, ticket.Ticket, "")
	must("open a stream by it", err)
	stream.Close()
	medium, err := alice.CreateMedium(ctx, client.NewMedium{RoomID: room.ID, FileName: name + ".txt", MIMEType: "text/plain", Size: 5, Key: secret})
	must("begin an upload", err)
	_, err = backend.PutUser(ctx, uuid.New(), name)
	must("write a user", err)
	_, err = backend.Notify(ctx, client.Notification{To: []uuid.UUID{alice.ID}, Message: map[string]string{"text": text}, Key: secret})
	must("tell a user something", err)
	d.Webhook(t, secret, time.Now(), `{"to":"`+text+`"}`) // by another secret than the source's
	backendsToken, _, err := client.BackendToken(ctx, d.HTTP(), d.Issuer, "ism-backend", "ism-backend-secret")
	must("get a token", err)
	private = map[string]string{"a ticket": ticket.Ticket, "a backend's secret": "ism-backend-secret"}
	for field, value := range medium.Upload.Form.Fields {
		if strings.Contains(strings.ToLower(field), "signature") || field == "policy" {
			private["an upload's "+field] = value
		}
	}
	for whose, token := range map[string]string{"a user's": d.Token(t, email), "a backend's": backendsToken} {
		parts := strings.Split(token, ".")
		private[whose+" token"], private["the claims of "+whose+" token"], private["the signature of "+whose+" token"] = token, parts[1], parts[2]
	}
	return private
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// everyRoute asks each route, as each kind of caller, for what it refuses and for what it may take, with marks everywhere. It gives how many requests were made.
func everyRoute(t *testing.T, d *deployment.Deployment, private map[string]string) (asked int) {
	t.Helper()
	someone := uuid.NewString
	tokens := map[string]string{"a user": private["a user's token"], "a backend": private["a backend's token"], "a stranger": "x." + mark + ".y", "nobody": ""}
	bodies := []struct{ kind, content string }{
		{"application/json", `{"` + mark + `":"` + text + `"`},
		{"application/json", `{"text":"` + text + `","name":"` + name + `","displayName":"` + name + `","email":"` + email + `","token":"` + secret + `","chatRoomId":"` + someone() +
			`","msgType":"Text","msgBody":{"text":"` + text + `"},"roomType":"Group","roomName":"` + name + `","invitedUsers":["` + d.SignIn(t, email).ID.String() + `","` + someone() + `"],"to":["` + someone() + `"]}`},
		{"application/json", `{"msgBody":7,"to":"` + text + `","roomName":["` + name + `"],"fileName":"` + name + `","url":"http://` + mark + `.example.com/` + secret + `"}`},
		{"application/x-ndjson", `{"id":"` + someone() + `","displayName":"` + name + `"}` + "\n" + `{"id":"` + text + "\"\n"},
		{"text/" + mark, text},
	}
	var count atomic.Int64
	for _, at := range deployment.Operations(t) {
		if strings.HasPrefix(at.Path, "/internal/") { // which nobody outside asks
			continue
		}
		t.Run(at.Method+" "+at.Path, func(t *testing.T) {
			for caller, token := range tokens {
				for i, body := range bodies {
					fill := func(string) string { return someone() }
					if i == 0 {
						fill = func(string) string { return mark }
					}
					path := parameter.ReplaceAllStringFunc(at.Path, fill) + "?cursor=" + mark + "&since=" + mark + "&name=" + mark + "&timestamp=" + mark + "&access_token=" + private["a user's token"]
					if i%2 == 1 {
						path, _, _ = strings.Cut(path, "?")
					}
					ask{at.Method, path, body.kind, body.content, token}.check(t, d, caller)
					count.Add(1)
				}
			}
		})
	}
	return int(count.Load())
}

// ask is a request.
type ask struct{ method, path, kind, body, token string }

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// check makes the request. A problem that answers it names only ids that it has, and no fault of the program.
func (a ask) check(t *testing.T, d *deployment.Deployment, caller string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var body io.Reader = strings.NewReader(a.body)
	if a.method == http.MethodGet || a.method == http.MethodDelete {
		body = http.NoBody
	}
	request, err := http.NewRequestWithContext(ctx, a.method, d.BaseURL+a.path, body)
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range map[string]string{
		"Content-Type": a.kind, "Idempotency-Key": secret, "If-Match": `"` + secret + `"`, "Last-Event-ID": mark, "User-Agent": mark, "Webhook-Id": secret,
		"Webhook-Timestamp": mark, "Webhook-Signature": "v1," + mark, "Cookie": "session=" + secret, "Origin": "https://" + mark + ".example.com", "Tracestate": "a=" + mark,
	} {
		request.Header.Set(header, value)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatalf("%s: %v", caller, err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") != "application/problem+json" {
		return // also a stream, which does not end
	}
	var problem wire.Problem
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatalf("%s: the problem cannot be read: %v", caller, err)
	}
	for _, id := range anyID.FindAllString(problem.Detail+problem.Message, -1) {
		if !strings.Contains(a.path+a.body, id) {
			t.Errorf("%s is told of %s, and has not sent it: %+v", caller, id, problem)
		}
	}
	if response.StatusCode == http.StatusInternalServerError {
		t.Errorf("%s: %s", caller, fmt.Sprintf("%+v", problem))
	}
}
