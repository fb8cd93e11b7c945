package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

func greets(t *testing.T, d *deployment.Deployment) {
	for path, want := range map[string]string{"/": "Hello, world! I'm your new ISM. 🤗", "/health": "Healthy"} {
		if status, body := get(t, d, "", path); status != http.StatusOK || string(body) != want {
			t.Errorf("GET %s: %d %q", path, status, body)
		}
	}
}

// refusal is a request that must be refused.
type refusal struct {
	method, path, contentType, body string
	header                          http.Header
	status                          int
	code                            string
}

// refuse makes the request and checks that the answer is a problem of the expected kind. It gives the answer's headers.
func (r refusal) check(t *testing.T, d *deployment.Deployment, token string) (http.Header, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.method, d.BaseURL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.header {
		request.Header[name] = values
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if r.contentType != "" {
		request.Header.Set("Content-Type", r.contentType)
	}
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != r.status {
		t.Errorf("status %d, want %d: %s", response.StatusCode, r.status, body)
	}
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	var problem map[string]any
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatalf("the answer is no JSON: %s", body)
	}
	if problem["code"] != r.code {
		t.Errorf("code %v, want %s: %s", problem["code"], r.code, body)
	}
	for _, field := range []string{"type", "title", "status", "errorCode", "message", "timestamp", "path", "traceId"} {
		if _, ok := problem[field]; !ok {
			t.Errorf("the problem has no %s: %s", field, body)
		}
	}
	if bytes.Contains(body, []byte(".go:")) || bytes.Contains(body, []byte("goroutine")) || bytes.Contains(body, []byte("SQLSTATE")) {
		t.Errorf("the answer shows internals: %s", body)
	}
	return response.Header, problem
}

func outsidersSeeNothing(t *testing.T, d *deployment.Deployment) {
	alice, bob, eve := d.SignIn(t, "u12"), d.SignIn(t, "u13"), d.SignIn(t, "u14")
	foreign := createRoom(t, alice, wire.Group, "Private", bob).ID
	unknown := uuid.New()
	token := d.Token(t, eve.Name)
	eavesdropper := eve.Listen(t)
	for _, c := range []refusal{
		{method: "GET", path: "/api/rooms/ROOM"},
		{method: "GET", path: "/api/rooms/ROOM/detailed"},
		{method: "GET", path: "/api/rooms/ROOM/users"},
		{method: "POST", path: "/api/rooms/ROOM/mark-read"},
		{method: "GET", path: "/api/rooms/ROOM/timeline"},
		{method: "POST", path: "/api/send-msg", contentType: "application/json", body: `{"chatRoomId":"ROOM","msgType":"Text","msgBody":{"text":"hi"}}`},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			c.status, c.code = http.StatusNotFound, "room-not-found"
			answers := map[string]map[string]any{}
			for name, room := range map[string]uuid.UUID{"foreign": foreign, "unknown": unknown} {
				at := c
				at.path, at.body = strings.ReplaceAll(c.path, "ROOM", room.String()), strings.ReplaceAll(c.body, "ROOM", room.String())
				_, answers[name] = at.check(t, d, token)
			}
			for _, field := range []string{"title", "detail", "message"} {
				if answers["foreign"][field] != answers["unknown"][field] {
					t.Errorf("%s tells a foreign room from an unknown one: %v, %v", field, answers["foreign"][field], answers["unknown"][field])
				}
			}
		})
	}
	send(t, alice, foreign, "among us")
	own := createRoom(t, eve, wire.Group, "Own", alice)
	send(t, eve, own.ID, "mine")
	eavesdropper.AwaitMessages(t, own.ID, 1)
	if heard := deployment.Messages(t, eavesdropper.Events(), foreign); len(heard) != 0 {
		t.Errorf("an outsider's stream has %+v", heard)
	}
	if stored := history(t, alice, foreign, 1); len(stored) != 1 {
		t.Errorf("the foreign room has %d messages", len(stored))
	}
}

func onlyValidTokens(t *testing.T, d *deployment.Deployment) {
	token := d.Token(t, "alice")
	parts := strings.Split(token, ".")
	flipped := []byte(parts[2])
	flipped[10] ^= 1
	for name, bad := range map[string]string{
		"none": "", "garbage": "x.y.z", "without signature": parts[0] + "." + parts[1] + ".",
		"tampered": parts[0] + "." + parts[1] + "." + string(flipped),
	} {
		for _, path := range []string{"/api/rooms", "/api/sse", "/api/rooms/" + uuid.NewString() + "/timeline"} {
			t.Run(name+" "+path, func(t *testing.T) {
				header, _ := refusal{method: "GET", path: path, status: http.StatusUnauthorized, code: "unauthorized"}.check(t, d, bad)
				if !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("WWW-Authenticate %q", header.Get("WWW-Authenticate"))
				}
			})
		}
	}
	refusal{method: "GET", path: "/api/rooms?access_token=" + token, status: http.StatusUnauthorized, code: "unauthorized"}.check(t, d, "")
}

func badInputIsRefused(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "u15"), d.SignIn(t, "u16")
	room := createRoom(t, alice, wire.Group, "Strict", bob).ID
	before, err := alice.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := func(value string) string {
		raw, _ := json.Marshal(value)
		return `{"chatRoomId":"` + room.String() + `","msgType":"Text","msgBody":{"text":` + string(raw) + `}}`
	}
	create := func(fields string) string { return `{` + fields + `}` }
	both := `"invitedUsers":["` + alice.ID.String() + `","` + bob.ID.String() + `"]`
	const sendPath, createPath, asJSON = "/api/send-msg", "/api/rooms/create-room", "application/json"
	cases := map[string]refusal{
		"malformed JSON":           {method: "POST", path: sendPath, contentType: asJSON, body: `{"chatRoomId":`, status: 400, code: "malformed-json"},
		"trailing data":            {method: "POST", path: sendPath, contentType: asJSON, body: text("a") + `{}`, status: 400, code: "malformed-json"},
		"a key twice":              {method: "POST", path: sendPath, contentType: asJSON, body: strings.Replace(text("a"), `{`, `{"msgType":"Text",`, 1), status: 400, code: "malformed-json"},
		"wrong type":               {method: "POST", path: sendPath, contentType: asJSON, body: strings.Replace(text("a"), `"a"`, `7`, 1), status: 400, code: "malformed-json"},
		"invalid UTF-8":            {method: "POST", path: sendPath, contentType: asJSON, body: strings.Replace(text("a"), `"a"`, "\"\xff\"", 1), status: 400, code: "malformed-json"},
		"no body":                  {method: "POST", path: sendPath, contentType: asJSON, status: 400, code: "malformed-json"},
		"empty text":               {method: "POST", path: sendPath, contentType: asJSON, body: text(""), status: 422, code: "invalid-request"},
		"blank text":               {method: "POST", path: sendPath, contentType: asJSON, body: text(" \n"), status: 422, code: "invalid-request"},
		"4,001 characters":         {method: "POST", path: sendPath, contentType: asJSON, body: text(strings.Repeat("ä", 4001)), status: 422, code: "invalid-request"},
		"NUL":                      {method: "POST", path: sendPath, contentType: asJSON, body: text("a\x00b"), status: 422, code: "invalid-request"},
		"unknown message type":     {method: "POST", path: sendPath, contentType: asJSON, body: strings.Replace(text("a"), "Text", "Dance", 1), status: 422, code: "invalid-request"},
		"a body over the limit":    {method: "POST", path: sendPath, contentType: asJSON, body: text(strings.Repeat("a", 600_000)), status: 413, code: "body-too-large"},
		"wrong content type":       {method: "POST", path: sendPath, contentType: "text/plain", body: text("a"), status: 415, code: "unsupported-media-type"},
		"wrong method":             {method: "PUT", path: sendPath, contentType: asJSON, body: text("a"), status: 405, code: "method-not-allowed"},
		"an id that is none":       {method: "GET", path: "/api/rooms/seven", status: 400, code: "invalid-id"},
		"a timeline's bad id":      {method: "GET", path: "/api/rooms/seven/timeline", status: 400, code: "invalid-id"},
		"a cursor that is none":    {method: "GET", path: "/api/rooms/" + room.String() + "/timeline?cursor=x", status: 400, code: "invalid-cursor"},
		"a timestamp that is none": {method: "GET", path: "/api/rooms/" + room.String() + "/timeline?timestamp=noon", status: 400, code: "invalid-timestamp"},
		"unknown room type":        {method: "POST", path: createPath, contentType: asJSON, body: create(`"roomType":"Crowd",` + both), status: 422, code: "invalid-request"},
		"unknown user":             {method: "POST", path: createPath, contentType: asJSON, body: create(`"roomType":"Group","invitedUsers":["` + alice.ID.String() + `","` + uuid.NewString() + `"]`), status: 422, code: "unknown-user"},
		"the caller left out":      {method: "POST", path: createPath, contentType: asJSON, body: create(`"roomType":"Group","invitedUsers":["` + bob.ID.String() + `"]`), status: 422, code: "invalid-request"},
		"a Single room of one":     {method: "POST", path: createPath, contentType: asJSON, body: create(`"roomType":"Single","invitedUsers":["` + alice.ID.String() + `"]`), status: 422, code: "invalid-request"},
		"unknown route":            {method: "GET", path: "/api/rooms/" + room.String() + "/nonsense", status: 404, code: "not-found"},
	}
	token := d.Token(t, alice.Name)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			header, _ := c.check(t, d, token)
			if c.status == http.StatusMethodNotAllowed && !strings.Contains(header.Get("Allow"), "POST") {
				t.Errorf("Allow %q", header.Get("Allow"))
			}
		})
	}
	if stored := history(t, alice, room, 0); len(stored) != 0 {
		t.Errorf("refused input was written: %+v", stored)
	}
	if after, err := alice.Rooms(t.Context()); err != nil || len(after) != len(before) {
		t.Errorf("%d rooms became %d, %v", len(before), len(after), err)
	}
	if _, err := alice.SendText(t.Context(), room, strings.Repeat("ä", 4000)); err != nil {
		t.Errorf("4,000 characters: %v", err)
	}
}

func answersCarryTraceID(t *testing.T, d *deployment.Deployment) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	header := http.Header{"Traceparent": {"00-" + trace + "-b7ad6b7169203331-01"}}
	answered, problem := refusal{method: "GET", path: "/api/rooms/" + uuid.NewString(), header: header, status: 404, code: "room-not-found"}.
		check(t, d, d.Token(t, "alice"))
	if ours := answered.Get("X-Trace-Id"); ours == "" || ours == trace || problem["traceId"] != ours {
		t.Errorf("trace id %v, in the header %q; the caller's was %s", problem["traceId"], ours, trace)
	}
	_, err := d.SignIn(t, "alice").Room(t.Context(), uuid.New())
	if !client.HasCode(err, "room-not-found") {
		t.Errorf("error %v", err)
	}
}

func nothingLoggedAtError(t *testing.T, d *deployment.Deployment) {
	for _, service := range d.Services() {
		for line := range strings.Lines(d.Log(t, service)) {
			if strings.Contains(line, `"level":"ERROR"`) {
				t.Errorf("%s logged %s", service, line)
			}
		}
	}
}
