package rooms_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

func outsidersCannotTell(t *testing.T, d *deployment) {
	alice, bob, eve := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "eve")
	foreign := d.create(t, alice, newRoom("Group", "Private", alice, bob)).ID.String()
	unknown := uuid.NewString()
	for _, route := range []string{"GET /", "GET /detailed", "GET /users", "POST /mark-read"} {
		t.Run(route, func(t *testing.T) {
			method, rest, _ := strings.Cut(route, " /")
			answers := map[string]map[string]any{}
			for _, id := range []string{foreign, unknown} {
				path := strings.TrimSuffix("/api/rooms/"+id+"/"+rest, "/")
				got := d.call(t, d.Public, eve, request{method: method, path: path})
				if got.Status != http.StatusNotFound {
					t.Errorf("status %d: %s", got.Status, got.Body)
				}
				answers[id] = got.Problem(t)
				for _, own := range []string{"traceId", "timestamp", "path"} {
					delete(answers[id], own)
				}
			}
			if answers[unknown]["code"] != "room-not-found" || !maps.Equal(answers[foreign], answers[unknown]) {
				t.Errorf("a foreign room: %v, an unknown one: %v", answers[foreign], answers[unknown])
			}
		})
	}
	var members []wire.Member
	d.get(t, bob, "/api/rooms/"+foreign+"/users", &members)
	if members[0].LastReadAt != nil || members[1].LastReadAt != nil {
		t.Error("an outsider has marked it as read")
	}
}

func badInput(t *testing.T, d *deployment) {
	alice, bob, stranger := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.newUser(t, "nobody")
	var many []user
	for range 6 {
		many = append(many, d.seenUser(t, "many"))
	}
	const path, asJSON = "/api/rooms/create-room", "application/json"
	both := newRoom("Group", "Lunch", alice, bob)
	room := d.create(t, alice, both)
	before, rooms := len(d.readLog(t)), len(d.list(t, alice))
	at := "/api/rooms/" + room.ID.String()
	ask := func(method, path, contentType, body string) request {
		return request{method: method, path: path, contentType: contentType, body: body}
	}
	replace := func(from, to string) string { return strings.Replace(both, from, to, 1) }
	for name, c := range map[string]struct {
		request
		status int
		code   string
	}{
		"no JSON":                 {ask("POST", path, asJSON, `{"roomType":`), 400, "malformed-json"},
		"no body":                 {ask("POST", path, asJSON, ``), 400, "malformed-json"},
		"an array":                {ask("POST", path, asJSON, `[]`), 400, "malformed-json"},
		"something behind":        {ask("POST", path, asJSON, both+`{}`), 400, "malformed-json"},
		"a key twice":             {ask("POST", path, asJSON, replace(`{`, `{"roomType":"Group",`)), 400, "malformed-json"},
		"a name that is none":     {ask("POST", path, asJSON, replace(`"Lunch"`, `7`)), 400, "malformed-json"},
		"users that are none":     {ask("POST", path, asJSON, `{"roomType":"Group","invitedUsers":"all"}`), 400, "malformed-json"},
		"an id that is a number":  {ask("POST", path, asJSON, `{"roomType":"Group","invitedUsers":[7]}`), 400, "malformed-json"},
		"invalid UTF-8":           {ask("POST", path, asJSON, replace("Lunch", "\xff")), 400, "malformed-json"},
		"NUL":                     {ask("POST", path, asJSON, replace("Lunch", `a\u0000b`)), 422, "invalid-request"},
		"an empty name":           {ask("POST", path, asJSON, replace("Lunch", "")), 422, "invalid-request"},
		"a blank name":            {ask("POST", path, asJSON, replace("Lunch", ` \n`)), 422, "invalid-request"},
		"a name with a bell":      {ask("POST", path, asJSON, replace("Lunch", `a\u0007b`)), 422, "invalid-request"},
		"a name that turns text":  {ask("POST", path, asJSON, replace("Lunch", "a\u202eb")), 422, "invalid-request"},
		"renamed to nothing":      {ask("PATCH", at, asJSON, `{"roomName":""}`), 422, "invalid-request"},
		"renamed to a line break": {ask("PATCH", at, asJSON, `{"roomName":"a\nb"}`), 422, "invalid-request"},
		"renamed to turned text":  {ask("PATCH", at, asJSON, "{\"roomName\":\"a\u2066b\"}"), 422, "invalid-request"},
		"renamed too long":        {ask("PATCH", at, asJSON, `{"roomName":"`+strings.Repeat("ä", 101)+`"}`), 422, "invalid-request"},
		"renamed to a number":     {ask("PATCH", at, asJSON, `{"roomName":7}`), 400, "malformed-json"},
		"nothing to rename":       {ask("PATCH", at, asJSON, `{"name":"a"}`), 422, "invalid-request"},
		"a picture that runs":     {ask("PATCH", at, asJSON, `{"roomImageUrl":"javascript:alert(1)"}`), 422, "invalid-request"},
		"renamed without a type":  {ask("PATCH", at, "", `{"roomName":"a"}`), 415, "unsupported-media-type"},
		"renamed no id":           {ask("PATCH", "/api/rooms/seven", asJSON, `{"roomName":"a"}`), 400, "invalid-id"},
		"101 characters":          {ask("POST", path, asJSON, replace("Lunch", strings.Repeat("ä", 101))), 422, "invalid-request"},
		"no type":                 {ask("POST", path, asJSON, replace(`"roomType":"Group"`, `"kind":1`)), 422, "invalid-request"},
		"an unknown type":         {ask("POST", path, asJSON, newRoom("Crowd", "", alice, bob)), 422, "invalid-request"},
		"a type in small":         {ask("POST", path, asJSON, newRoom("group", "", alice, bob)), 422, "invalid-request"},
		"no users":                {ask("POST", path, asJSON, `{"roomType":"Group"}`), 422, "invalid-request"},
		"null for a user":         {ask("POST", path, asJSON, replace(`"`+bob.id.String()+`"`, `null`)), 422, "invalid-request"},
		"a user that is none":     {ask("POST", path, asJSON, replace(bob.id.String(), "bob")), 422, "invalid-request"},
		"a user as a URN":         {ask("POST", path, asJSON, replace(bob.id.String(), "urn:uuid:"+bob.id.String())), 422, "invalid-request"},
		"the caller left out":     {ask("POST", path, asJSON, newRoom("Group", "", bob, many[0])), 422, "invalid-request"},
		"alone in a group":        {ask("POST", path, asJSON, newRoom("Group", "", alice, alice)), 422, "invalid-request"},
		"too many":                {ask("POST", path, asJSON, newRoom("Group", "", append(many[:5:5], alice)...)), 422, "invalid-request"},
		"Single with oneself":     {ask("POST", path, asJSON, newRoom("Single", "", alice, alice)), 422, "invalid-request"},
		"Single of one":           {ask("POST", path, asJSON, newRoom("Single", "", alice)), 422, "invalid-request"},
		"Single of three":         {ask("POST", path, asJSON, newRoom("Single", "", alice, bob, many[0])), 422, "invalid-request"},
		"an unknown user":         {ask("POST", path, asJSON, newRoom("Group", "", alice, stranger)), 422, "unknown-user"},
		"no user at all":          {ask("POST", path, asJSON, newRoom("Single", "", alice, user{})), 422, "unknown-user"},
		"not as JSON":             {ask("POST", path, "text/plain", both), 415, "unsupported-media-type"},
		"without a type":          {ask("POST", path, "", both), 415, "unsupported-media-type"},
		"a wrong method":          {ask("PUT", path, asJSON, both), 405, "method-not-allowed"},
		"GET mark-read":           {ask("GET", at+"/mark-read", "", ""), 405, "method-not-allowed"},
		"an unknown route":        {ask("GET", at+"/nonsense", "", ""), 404, "not-found"},
		"upload-img is not ours":  {ask("POST", at+"/upload-img", "", ""), 404, "not-found"},
		"an id that is none":      {ask("GET", "/api/rooms/seven", "", ""), 400, "invalid-id"},
		"an id with a NUL":        {ask("GET", at[:len(at)-3]+"%00", "", ""), 400, "invalid-id"},
		"an id without dashes":    {ask("GET", "/api/rooms/"+strings.ReplaceAll(room.ID.String(), "-", "")+"/users", "", ""), 400, "invalid-id"},
		"an id in braces":         {ask("GET", "/api/rooms/%7B"+room.ID.String()+"%7D/detailed", "", ""), 400, "invalid-id"},
		"mark-read of no id":      {ask("POST", "/api/rooms/seven/mark-read", "", ""), 400, "invalid-id"},
		"search for nobody":       {ask("GET", "/api/rooms/search", "", ""), 400, "invalid-id"},
		"search for no id":        {ask("GET", "/api/rooms/search?withUser=bob", "", ""), 400, "invalid-id"},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.call(t, d.Public, alice, c.request)
			problem := got.Problem(t)
			if got.Status != c.status || problem["code"] != c.code || problem["status"] != float64(c.status) {
				t.Errorf("status %d, want %d %s: %s", got.Status, c.status, c.code, got.Body)
			}
			if c.status == http.StatusMethodNotAllowed && got.Header.Get("Allow") == "" {
				t.Error("Allow is missing")
			}
			for _, internal := range []string{".go:", "SQLSTATE", "sqlite", "constraint"} {
				if strings.Contains(string(got.Body), internal) {
					t.Errorf("the answer shows internals: %s", got.Body)
				}
			}
		})
	}
	unknown := d.post(t, alice, path, newRoom("Group", "", alice, stranger)).Problem(t)
	if !strings.Contains(unknown["detail"].(string), stranger.id.String()) {
		t.Errorf("the unknown user is not named: %v", unknown)
	}
	if after := len(d.readLog(t)); after != before {
		t.Errorf("the log went from %d to %d records", before, after)
	}
	if after := len(d.list(t, alice)); after != rooms {
		t.Errorf("%d rooms became %d", rooms, after)
	}
}

func TestEveryRouteNeedsAToken(t *testing.T) {
	d := prepare(t, onSQLite, servicetest.FreePort(t))
	at := "/api/rooms/" + uuid.NewString()
	for _, route := range []string{
		"GET /api/rooms", "POST /api/rooms/create-room", "GET /api/rooms/search", "GET " + at, "GET " + at + "/detailed", "GET " + at + "/users",
		"POST " + at + "/mark-read", "GET /api/rooms/unread", "PATCH " + at,
	} {
		method, path, _ := strings.Cut(route, " ")
		got := d.call(t, d.Public, user{}, request{method: method, path: path})
		if got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") != "Bearer" || got.Problem(t)["code"] != "unauthorized" {
			t.Errorf("%s: %d %s", route, got.Status, got.Body)
		}
	}
}

func TestWithoutTheStoreEveryRouteIsUnavailable(t *testing.T) {
	d := prepare(t, onSQLite, servicetest.FreePort(t))
	alice := d.newUser(t, "alice")
	at := "/api/rooms/" + uuid.NewString()
	for _, route := range []string{
		"GET /api/rooms", "POST /api/rooms/create-room", "GET " + at, "GET " + at + "/users", "POST " + at + "/mark-read", "GET /api/rooms/unread", "GET /api/rooms?caughtUp=true",
	} {
		method, path, _ := strings.Cut(route, " ")
		got := d.call(t, d.Public, alice, request{method: method, path: path, contentType: "application/json", body: newRoom("Group", "", alice)})
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || got.Problem(t)["code"] != "store-unavailable" {
			t.Errorf("%s: %d %s", route, got.Status, got.Body)
		}
	}
	internal := d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: "/internal/rooms/" + uuid.NewString() + "/members"})
	if internal.Status != http.StatusServiceUnavailable || internal.Problem(t)["code"] != "store-unavailable" {
		t.Errorf("the membership: %d %s", internal.Status, internal.Body)
	}
	ready := d.call(t, d.Public, user{}, request{method: http.MethodGet, path: "/ready"})
	if ready.Status != http.StatusServiceUnavailable || !strings.Contains(string(ready.Body), "rooms store") {
		t.Errorf("ready: %d %s", ready.Status, ready.Body)
	}
	if lines := d.log.Errors(); slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "request failed") }) {
		t.Errorf("logged at error level: %s", lines)
	}
}
