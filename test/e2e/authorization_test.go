package e2e

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// caller is somebody who makes a request.
type caller string

const (
	nobody   caller = "nobody"   // has no token
	stranger caller = "stranger" // a user who never was in the room
	former   caller = "former"   // was in the room when the message was sent, and has left
	member   caller = "member"   // is in the room
	author   caller = "author"   // is in the room, and has sent the message and uploaded the medium
	backend  caller = "backend"
)

func callers() []caller { return []caller{nobody, stranger, former, member, author, backend} }

// audience are those for whom a route is. All others are refused: without a token by 401; with one by 403 where the route says who may, and by 404 where
// it tells nobody what is there.
type audience struct {
	callers []caller
	refusal int
}

// mayCall reports whether a route is for a caller.
func (a audience) mayCall(who caller) bool { return slices.Contains(a.callers, who) }

// route is a route of the public API: its operation as the OpenAPI documents write it, and a request that gets as far as to be let in or not.
type route struct {
	operation string
	of        audience
	path      string // with the placeholders' values, where the operation's own do not do, and a query
	body      string // JSON, or a form
}

// pictureForm is a form (RFC 7578) with a file that is no picture.
const pictureForm = "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nnone\r\n--x--\r\n"

// authorization is who may call what. What takes something away comes last.
func authorization() []route {
	var (
		anybody  = audience{callers: callers()}
		users    = audience{callers: []caller{stranger, former, member, author, backend}}
		members  = audience{[]caller{member, author}, http.StatusNotFound}
		renamers = audience{[]caller{member, author, backend}, http.StatusNotFound}
		readers  = audience{[]caller{former, member, author}, http.StatusNotFound}
		authors  = audience{[]caller{author}, http.StatusForbidden}
		owners   = audience{[]caller{author}, http.StatusNotFound}
		backends = audience{[]caller{backend}, http.StatusForbidden}
		sources  = audience{nil, http.StatusUnauthorized} // who signs what is sent, with a secret of the installation
		services = audience{nil, http.StatusNotFound}     // of the suite, at a listener of their own
	)
	return []route{
		{operation: "GET /api/rooms", of: users},
		{operation: "GET /api/rooms/unread", of: users},
		{operation: "GET /api/users/me", of: users},
		{operation: "GET /api/users/me/settings", of: users},
		{operation: "PUT /api/users/me/settings", of: users, body: `{}`},
		{operation: "POST /api/rooms/create-room", of: users, body: `{}`},
		{operation: "GET /api/rooms/search", of: users, path: "/api/rooms/search?withUser={user_id}"},
		{operation: "GET /api/users/search", of: users, path: "/api/users/search?username=nobody-at-all"},
		{operation: "GET /api/users/friends", of: users},
		{operation: "GET /api/users/friends/requests", of: users},
		{operation: "GET /api/users/blocked", of: users},
		{operation: "GET /api/users/{user_id}", of: users},
		{operation: "POST /api/users/friends/add/{user_id}", of: users, path: "/api/users/friends/add/-"},
		{operation: "POST /api/users/friends/accept-request/{user_id}", of: users, path: "/api/users/friends/accept-request/-"},
		{operation: "DELETE /api/users/friends/reject-request/{user_id}", of: users, path: "/api/users/friends/reject-request/-"},
		{operation: "DELETE /api/users/friends/{user_id}", of: users, path: "/api/users/friends/-"},
		{operation: "POST /api/users/ignore/{user_id}", of: users, path: "/api/users/ignore/-"},
		{operation: "DELETE /api/users/ignore/{user_id}", of: users, path: "/api/users/ignore/-"},
		{operation: "GET /api/notifications", of: users},
		{operation: "GET /api/notifications/unread", of: users},
		{operation: "POST /api/notifications/read", of: users, body: `{}`},
		{operation: "GET /api/notify", of: users, path: "/api/notify?timestamp=2026-01-01T00:00:00Z"},
		{operation: "GET /api/devices", of: users},
		{operation: "POST /api/devices", of: users, body: `{}`},
		{operation: "GET /api/devices/vapid", of: users},
		{operation: "DELETE /api/devices/{device_id}", of: users},
		{operation: "GET /api/notify/settings", of: users},
		{operation: "PUT /api/notify/settings", of: users, body: `{}`},
		{operation: "GET /api/sse", of: users},
		{operation: "POST /api/sse/ticket", of: users},
		{operation: "GET /api/poll", of: users, path: "/api/poll?timeout=0"},

		{operation: "GET /api/rooms/{room_id}", of: members},
		{operation: "PATCH /api/rooms/{room_id}", of: renamers, body: `{"roomName":"Closed room"}`},
		{operation: "GET /api/rooms/{room_id}/detailed", of: members},
		{operation: "GET /api/rooms/{room_id}/users", of: members},
		{operation: "POST /api/rooms/{room_id}/mark-read", of: members},
		{operation: "POST /api/rooms/{room_id}/invite/{user_id}", of: members},
		{operation: "POST /api/send-msg", of: members, body: `{"chatRoomId":"{room_id}","msgType":"Text","msgBody":{"text":"hi"}}`},
		{operation: "GET /api/rooms/{room_id}/timeline", of: readers},
		{operation: "GET /api/rooms/{room_id}/changes", of: readers, path: "/api/rooms/{room_id}/changes?since={position}"},
		{operation: "GET /api/rooms/{room_id}/messages/{message_id}", of: readers},
		{operation: "PATCH /api/rooms/{room_id}/messages/{message_id}", of: authors, body: `{"msgBody":{"text":"edited"}}`},
		{operation: "POST /api/media", of: members, body: `{"roomId":"{room_id}","fileName":"a.txt","mimeType":"text/plain","size":1}`},
		{operation: "GET /api/media/{media_id}", of: owners},
		{operation: "GET /api/media/{media_id}/status", of: owners},
		{operation: "GET /api/media/{media_id}/parts", of: owners},
		{operation: "POST /api/media/{media_id}/parts", of: owners, body: `{"parts":[1]}`},
		{operation: "POST /api/media/{media_id}/complete", of: owners},
		{operation: "POST /api/rooms/{room_id}/upload-img", of: renamers, body: pictureForm},
		{operation: "GET /api/media/rooms/{room_id}/{name}", of: anybody}, // its name cannot be guessed: an <img> sends no token

		{operation: "POST /api/notify", of: backends, body: `{}`},
		{operation: "GET /api/admin/webhooks", of: backends},
		{operation: "POST /api/admin/webhooks", of: backends, body: `{}`},
		{operation: "GET /api/admin/webhooks/{webhook_id}", of: backends},
		{operation: "PATCH /api/admin/webhooks/{webhook_id}", of: backends, body: `{}`},
		{operation: "DELETE /api/admin/webhooks/{webhook_id}", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/pause", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/resume", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/rotate-secret", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/test", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/replay", of: backends, body: `{}`},
		{operation: "GET /api/admin/webhooks/{webhook_id}/deliveries", of: backends},
		{operation: "GET /api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}", of: backends},
		{operation: "POST /api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", of: backends},
		{operation: "GET /api/admin/users/{user_id}/notifications", of: backends},
		{operation: "GET /api/admin/users/{user_id}/notifications/unread", of: backends},
		{operation: "GET /api/admin/users/{user_id}/devices", of: backends},
		{operation: "DELETE /api/admin/users/{user_id}/devices/{device_id}", of: backends},
		{operation: "GET /api/admin/users/{user_id}/messages", of: backends},
		{operation: "GET /api/admin/users/{user_id}/export", of: backends},
		{operation: "POST /api/admin/users/{user_id}/disconnect", of: backends},
		{operation: "POST /api/oidc/backchannel-logout", of: anybody}, // the issuer's token is in its body
		{operation: "POST /api/admin/users/{user_id}/sign-out", of: backends, path: "/api/admin/users/-/sign-out"},
		{operation: "PUT /api/admin/users/{user_id}", of: backends, body: `{}`},
		{operation: "DELETE /api/admin/users/{user_id}", of: backends, path: "/api/admin/users/-"},
		{operation: "GET /api/admin/erasures/{erasure_id}", of: backends},
		{operation: "POST /api/admin/users:sync", of: backends},
		{operation: "GET /api/admin/rooms", of: backends},
		{operation: "POST /api/admin/rooms", of: backends, body: `{}`},
		{operation: "GET /api/admin/rooms/{room_id}", of: backends},
		{operation: "GET /api/admin/rooms/{room_id}/retention", of: backends},
		{operation: "PUT /api/admin/rooms/{room_id}/retention", of: backends, body: `{"days":30}`},
		{operation: "DELETE /api/admin/rooms/{room_id}/retention", of: backends},
		{operation: "PUT /api/admin/rooms/{room_id}/members/{user_id}", of: backends, path: "/api/admin/rooms/{room_id}/members/-"},
		{operation: "DELETE /api/admin/rooms/{room_id}/members/{user_id}", of: backends, path: "/api/admin/rooms/{room_id}/members/-"},

		{operation: "POST /hooks/{source}", of: sources, body: `{}`},

		{operation: "GET /internal/rooms/{room_id}/members", of: services},
		{operation: "GET /internal/rooms/{room_id}/members/{user_id}", of: services},
		{operation: "PUT /internal/rooms/{room_id}/picture", of: services, body: `{}`},
		{operation: "GET /internal/users/{user_id}", of: services},
		{operation: "GET /internal/users/{user_id}/unread", of: services},
		{operation: "POST /internal/users/tenants", of: services, body: `{}`},
		{operation: "GET /internal/rooms/{room_id}/messages/{message_id}/readers/{user_id}", of: services},
		{operation: "GET /internal/media/{media_id}", of: services},

		{operation: "DELETE /api/media/{media_id}", of: owners},
		{operation: "DELETE /api/rooms/{room_id}/messages/{message_id}", of: audience{[]caller{author, backend}, http.StatusForbidden}},
		{operation: "POST /api/rooms/{room_id}/leave", of: members},
		{operation: "DELETE /api/admin/rooms/{room_id}", of: backends},
	}
}

// closedRoom is the room that the table is about.
type closedRoom struct {
	tokens map[caller]string
	values *strings.Replacer // of the placeholders
}

func newClosedRoom(t *testing.T, d *deployment.Deployment) closedRoom {
	t.Helper()
	alice, bob, carol, eve := d.SignIn(t, "u22"), d.SignIn(t, "u23"), d.SignIn(t, "u24"), d.SignIn(t, "u05")
	room := createRoom(t, alice, wire.Group, "Closed room", bob, carol)
	sent, err := alice.SendText(t.Context(), room.ID, "among us")
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	medium := create(t, alice, client.NewMedium{RoomID: room.ID, FileName: "a.txt", MIMEType: "text/plain", Size: 1})
	if err := carol.Leave(t.Context(), room.ID); err != nil {
		t.Fatalf("leave: %v", err)
	}
	awaitHistory(t, bob, room.ID, "among us", "UserLeft")
	awaitRefused(t, carol, room.ID)
	return closedRoom{
		tokens: map[caller]string{
			nobody: "", stranger: d.Token(t, eve.Name), former: d.Token(t, carol.Name), member: d.Token(t, bob.Name), author: d.Token(t, alice.Name),
			backend: d.BackendToken(t),
		},
		values: strings.NewReplacer(
			"{room_id}", room.ID.String(), "{message_id}", sent.ID.String(), "{media_id}", medium.ID.String(), "{user_id}", alice.ID.String(),
			"{webhook_id}", uuid.NewString(), "{delivery_id}", uuid.NewString(), "{erasure_id}", uuid.NewString(), "{device_id}", "a-device",
			"{position}", url.QueryEscape(sent.Position), "{name}", "picture.jpg", "{source}", "shop",
		),
	}
}

// routesAreForWhomTheyAre calls each route that the OpenAPI documents have as each caller. A route without a row in the table is a failure.
func routesAreForWhomTheyAre(t *testing.T, d *deployment.Deployment) {
	table := authorization()
	var rows []string
	for _, r := range table {
		rows = append(rows, r.operation)
	}
	var described []string
	for _, operation := range deployment.Operations(t) {
		described = append(described, operation.Method+" "+operation.Path)
	}
	for _, operation := range described {
		if !slices.Contains(rows, operation) {
			t.Errorf("nothing says who may call %s", operation)
		}
	}
	for _, row := range rows {
		if !slices.Contains(described, row) {
			t.Errorf("%s is not described", row)
		}
	}
	room := newClosedRoom(t, d)
	for _, r := range table {
		// Those who are refused come first: what is gone refuses everybody.
		for _, allowed := range []bool{false, true} {
			for _, who := range callers() {
				if r.of.mayCall(who) == allowed {
					room.check(t, d, r, who)
				}
			}
		}
	}
}

func (room closedRoom) check(t *testing.T, d *deployment.Deployment, r route, who caller) {
	t.Helper()
	method, path, _ := strings.Cut(r.operation, " ")
	if r.path != "" {
		path = r.path
	}
	status, body := room.call(t, d, method, room.values.Replace(path), room.values.Replace(r.body), room.tokens[who])
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case status >= http.StatusInternalServerError:
		t.Errorf("%s as %s: %d: %s", r.operation, who, status, body)
	case r.of.mayCall(who):
		if refused || status == http.StatusNotFound && r.hides() {
			t.Errorf("%s is for %s, and refused: %d: %s", r.operation, who, status, body)
		}
	default:
		want := r.of.refusal
		if who == nobody && !strings.Contains(path, "/internal/") {
			want = http.StatusUnauthorized
		}
		outside := r.of.refusal == http.StatusForbidden && status == http.StatusNotFound && (who == stranger || who == former || who == backend)
		if status != want && !outside {
			t.Errorf("%s is not for %s, and not refused by %d: %d: %s", r.operation, who, want, status, body)
		}
	}
}

// hides reports whether the route tells those whom it is not for that nothing is there.
func (r route) hides() bool { return r.of.refusal == http.StatusNotFound }

func (room closedRoom) call(t *testing.T, d *deployment.Deployment, method, path, body, token string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel() // it ends a stream, too
	request, err := http.NewRequestWithContext(ctx, method, d.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case body == pictureForm:
		request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	case body != "":
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := d.HTTP().Transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return response.StatusCode, ""
	}
	read, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, string(read)
}
