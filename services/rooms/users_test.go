package rooms_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

func TestUsers(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, open)
			for _, c := range []struct {
				name string
				test func(t *testing.T, d *deployment)
			}{
				{"from a request to friends and back", friendsFromRequestToEnd},
				{"a search has pages", searchHasPages},
				{"lists of friends have pages", friendsHavePages},
				{"the list of the blocked has pages", blockedHavePages},
				{"cursors are good for one caller and query", cursorsAreBound},
				{"names in tokens never fail", namesInTokensNeverFail},
				{"blocked users are left out of a group", blockedUsersAreLeftOut},
				{"what alice's calls come to", whatAlicesCallsComeTo},
				{"who may administrate", whoMayAdministrate},
				{"tokens of other tenants are refused", tokensOfOtherTenantsAreRefused},
				{"users are deleted", usersAreDeleted},
				{"who may delete", whoMayDelete},
				{"bad input about users is refused", badInputAboutUsers},
				{"a sync takes what it can", syncTakesWhatItCan},
				{"a sync goes on where it was", syncGoesOn},
				{"who was synced can be invited", syncedUsersCanBeInvited},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, d) })
			}
			if lines := d.log.Errors(); len(lines) != 0 {
				t.Errorf("logged at error level: %s", lines)
			}
		})
	}
}

func (d *deployment) delete(t *testing.T, u user, path string) nodetest.Answer {
	t.Helper()
	return d.call(t, d.Public, u, request{method: http.MethodDelete, path: path})
}

func friendsFromRequestToEnd(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	d.awaitRelayed(t)
	before := len(d.readTopic(t, events.TopicUsers))
	if got := d.post(t, alice, "/api/users/friends/add/"+bob.id.String(), ""); string(got.Body) != `{"state":"INVITE_SENT"}` {
		t.Fatalf("asked: %s", got)
	}
	var requests, friends []wire.User
	d.get(t, bob, "/api/users/friends/requests", &requests)
	d.get(t, bob, "/api/users/friends", &friends)
	if len(requests) != 1 || requests[0].ID != alice.id || requests[0].DisplayName != "alice" || len(friends) != 0 {
		t.Errorf("bob has the requests %+v and the friends %+v", requests, friends)
	}
	d.get(t, alice, "/api/users/friends/requests", &requests)
	if len(requests) != 0 {
		t.Errorf("alice has received %+v", requests)
	}
	if got := d.post(t, bob, "/api/users/friends/accept-request/"+alice.id.String(), ""); string(got.Body) != `{"state":"FRIEND"}` {
		t.Fatalf("accepted: %s", got)
	}
	d.get(t, alice, "/api/users/friends", &friends)
	if len(friends) != 1 || friends[0].ID != bob.id || friends[0].FriendsCount != 1 {
		t.Errorf("alice has the friends %+v", friends)
	}
	var seen wire.RelatedUser
	d.get(t, alice, "/api/users/"+bob.id.String(), &seen)
	if seen.User.ID != bob.id || seen.User.FriendsCount != 1 || seen.Relationship == nil || *seen.Relationship != wire.Friend {
		t.Errorf("alice sees %+v", seen)
	}
	if got := d.delete(t, bob, "/api/users/friends/"+alice.id.String()); string(got.Body) != `{"state":null}` {
		t.Errorf("removed: %s", got)
	}
	var me wire.User
	if d.get(t, alice, "/api/users/me", &me); me.ID != alice.id || me.DisplayName != "alice" {
		t.Errorf("alice is %+v", me)
	}
	var told []string
	d.awaitRelayed(t)
	for _, record := range d.readTopic(t, events.TopicUsers)[before:] {
		eventstest.Conforms(t, record.Headers, record.Value)
		told = append(told, record.Headers["ce_type"]+" "+record.Key)
	}
	if want := []string{"ism.friend.requested.v1 " + bob.id.String(), "ism.friend.accepted.v1 " + alice.id.String()}; !slices.Equal(told, want) {
		t.Errorf("told was %v, want %v", told, want)
	}
}

func searchHasPages(t *testing.T, d *deployment) {
	viewer := d.seenUser(t, "paged viewer")
	want := map[uuid.UUID]bool{}
	var blocked user
	for n := range 45 {
		blocked = d.seenUser(t, fmt.Sprintf("Paged %02d", n))
		want[blocked.id] = true
	}
	d.post(t, viewer, "/api/users/ignore/"+blocked.id.String(), "")
	query, sizes := url.Values{"username": {"pAGED"}}, []int{}
	for {
		var page wire.UserPage
		d.get(t, viewer, "/api/users/search?"+query.Encode(), &page)
		sizes = append(sizes, len(page.Content))
		for _, found := range page.Content {
			if !want[found.User.ID] {
				t.Errorf("found is %+v", found)
			}
			delete(want, found.User.ID)
			if isBlocked := found.Relationship != nil && *found.Relationship == wire.Blocking; isBlocked != (found.User.ID == blocked.id) {
				t.Errorf("found is %+v", found)
			}
		}
		if page.NextCursor == nil {
			break
		}
		query.Set("cursor", *page.NextCursor)
	}
	if len(want) != 0 || !slices.Equal(sizes, []int{20, 20, 5}) {
		t.Errorf("%d were not found on pages of %v", len(want), sizes)
	}
	if got := d.call(t, d.Public, viewer, request{method: "GET", path: "/api/users/search?username=nobody+is+named+so"}); string(got.Body) != `{"nextCursor":null,"content":[]}` {
		t.Errorf("nobody is %s", got)
	}
}

func friendsHavePages(t *testing.T, d *deployment) {
	alice := d.seenUser(t, "alice")
	var want []uuid.UUID
	for range 5 {
		other := d.seenUser(t, "other")
		d.post(t, other, "/api/users/friends/add/"+alice.id.String(), "")
		want = append(want, other.id)
	}
	slices.Reverse(want)
	d.hasPages(t, alice, "/api/users/friends/requests?limit=2", want, 3)
}

// Who has blocked sees whom, the latest first, and nobody else does: not the blocked, nor whom another has blocked.
func blockedHavePages(t *testing.T, d *deployment) {
	alice, mallory := d.seenUser(t, "alice"), d.seenUser(t, "mallory")
	var want []uuid.UUID
	for range 5 {
		other := d.seenUser(t, "other")
		d.post(t, alice, "/api/users/ignore/"+other.id.String(), "")
		want = append(want, other.id)
		d.hasPages(t, other, "/api/users/blocked", nil, 1)
	}
	d.post(t, mallory, "/api/users/ignore/"+alice.id.String(), "")
	d.post(t, alice, "/api/users/friends/add/"+d.seenUser(t, "asked").id.String(), "")
	slices.Reverse(want)
	d.hasPages(t, alice, "/api/users/blocked?limit=2", want, 3)

	d.post(t, mallory, "/api/users/ignore/"+want[1].String(), "")
	d.delete(t, alice, "/api/users/ignore/"+want[0].String())
	d.hasPages(t, alice, "/api/users/blocked?limit=2", want[1:], 2)
	d.post(t, alice, "/api/users/ignore/"+mallory.id.String(), "") // both have: each sees the other
	d.hasPages(t, alice, "/api/users/blocked", append([]uuid.UUID{mallory.id}, want[1:]...), 1)
	d.hasPages(t, mallory, "/api/users/blocked", []uuid.UUID{alice.id, want[1]}, 1) // that alice has blocked her, too, is the latest
	got := d.call(t, d.Public, alice, request{method: "GET", path: "/api/users/blocked?cursor=" +
		d.call(t, d.Public, alice, request{method: "GET", path: "/api/users/blocked?limit=1"}).Header.Get("X-Next-Cursor")})
	if got.Status != http.StatusOK {
		t.Errorf("the second page is %s", got)
	}
}

// hasPages asks for a list, page by page, and compares it.
func (d *deployment) hasPages(t *testing.T, by user, path string, want []uuid.UUID, wantPages int) {
	t.Helper()
	var got []uuid.UUID
	pages := 0
	for path != "" {
		var users []wire.User
		answer := d.call(t, d.Public, by, request{method: "GET", path: path})
		answer.Decode(t, &users)
		for _, u := range users {
			got = append(got, u.ID)
		}
		pages++
		path = ""
		if link := answer.Header.Get("Link"); link != "" {
			target, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">; ")
			next, err := url.Parse(target)
			if err != nil || rel != `rel="next"` || next.Query().Get("cursor") != answer.Header.Get("X-Next-Cursor") {
				t.Fatalf("Link %s", link)
			}
			path = target
		}
	}
	if !slices.Equal(got, want) || pages != wantPages {
		t.Errorf("on %d pages are %v, want %v", pages, got, want)
	}
}

func cursorsAreBound(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	for range 21 {
		d.seenUser(t, "bound")
	}
	for range 2 {
		other := d.seenUser(t, "other")
		d.post(t, other, "/api/users/friends/add/"+alice.id.String(), "")
	}
	var page wire.UserPage
	d.get(t, alice, "/api/users/search?username=bound", &page)
	requests := d.call(t, d.Public, alice, request{method: "GET", path: "/api/users/friends/requests?limit=1"}).Header.Get("X-Next-Cursor")
	search := *page.NextCursor
	foreign := d.userWith(t, "mallory", map[string]any{"tenant": "umbrella"})
	for name, c := range map[string]struct {
		caller user
		path   string
		status int
	}{
		"her own":              {alice, "/api/users/search?username=bound&cursor=" + search, 200},
		"her own, in capitals": {alice, "/api/users/search?username=BOUND&cursor=" + search, 200},
		"another's":            {bob, "/api/users/search?username=bound&cursor=" + search, 400},
		"another tenant's":     {foreign, "/api/users/search?username=bound&cursor=" + search, 400},
		"another query":        {alice, "/api/users/search?username=boun&cursor=" + search, 400},
		"a list's":             {alice, "/api/users/search?username=bound&cursor=" + requests, 400},
		"made up":              {alice, "/api/users/search?username=bound&cursor=AQAAAAAA", 400},
		"empty":                {alice, "/api/users/search?username=bound&cursor=", 400},
		"no text":              {alice, "/api/users/search?username=bound&cursor=%00%ff", 400},
		"a request's":          {alice, "/api/users/friends/requests?cursor=" + requests, 200},
		"of the blocked":       {alice, "/api/users/blocked?cursor=" + requests, 400},
		"of other friends":     {alice, "/api/users/friends?cursor=" + requests, 400},
		"another's requests":   {bob, "/api/users/friends/requests?cursor=" + requests, 400},
		"a search's":           {alice, "/api/users/friends/requests?cursor=" + search, 400},
		"made up there":        {alice, "/api/users/friends?cursor=" + strings.Repeat("A", 100), 400},
	} {
		got := d.call(t, d.Public, c.caller, request{method: "GET", path: c.path})
		if got.Status != c.status || c.status == 400 && got.Code() != "invalid-cursor" {
			t.Errorf("%s: %s, want %d", name, got, c.status)
		}
	}
}

// What an identity provider writes into a token must not fail, whatever it is.
func namesInTokensNeverFail(t *testing.T, d *deployment) {
	for given, want := range map[string]string{
		"al\x00ice": "alice", "\x00": "", "al\u202eice": "alice", "\ufffd\x07": "", "a\nb": "ab", "🐙": "🐙", strings.Repeat("\ufdfa", 300): strings.Repeat("\ufdfa", 255),
		"\U0010FFFF": "\U0010FFFF",
	} {
		u := d.userWith(t, "", map[string]any{"preferred_username": given, "name": given})
		var seen wire.RelatedUser
		d.get(t, u, "/api/users/"+u.id.String(), &seen)
		if want == "" {
			want = u.id.String()[:8]
		}
		if seen.User.DisplayName != want {
			t.Errorf("%.20q became %.20q, want %.20q", given, seen.User.DisplayName, want)
		}
	}
}

func blockedUsersAreLeftOut(t *testing.T, d *deployment) {
	alice, bob, carol, dave := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol"), d.seenUser(t, "dave")
	d.post(t, alice, "/api/users/ignore/"+bob.id.String(), "")
	d.post(t, carol, "/api/users/ignore/"+alice.id.String(), "")
	d.post(t, bob, "/api/users/ignore/"+dave.id.String(), "") // not the creator's concern
	room := d.create(t, alice, newRoom("Group", "Lunch", bob, alice, carol, dave))
	var members []wire.Member
	d.get(t, dave, "/api/rooms/"+room.ID.String()+"/users", &members)
	if len(members) != 2 || members[0].ID != alice.id || members[1].ID != dave.id {
		t.Errorf("members are %+v", members)
	}
	if list := d.list(t, bob); len(list) != 0 {
		t.Errorf("bob is in %+v", list)
	}
	records := d.readLog(t)
	i := slices.IndexFunc(records, func(r bus.Record) bool { return r.Key == room.ID.String() })
	event, err := events.Decode(records[i].Headers, records[i].Value)
	if err != nil {
		t.Fatal(err)
	}
	if created := event.Data.(events.RoomCreated); len(created.Users) != 2 || len(created.Members) != 2 {
		t.Errorf("the event is %+v", created)
	}
	d.delete(t, alice, "/api/users/ignore/"+bob.id.String())
	d.create(t, bob, newRoom("Single", "", alice, bob))
	d.post(t, alice, "/api/users/ignore/"+bob.id.String(), "")
	if list := d.list(t, bob); len(list) != 0 {
		t.Errorf("after the block bob is in %+v", list)
	}
}

func badInputAboutUsers(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	const asJSON = "application/json"
	at := "/api/admin/users/" + bob.id.String()
	put := func(fields string) request {
		return request{method: "PUT", path: at, contentType: asJSON, body: `{"displayName":"Bob",` + fields + `}`}
	}
	named := func(name string) request {
		raw, _ := json.Marshal(map[string]string{"displayName": name})
		return request{method: "PUT", path: at, contentType: asJSON, body: string(raw)}
	}
	d.awaitRelayed(t)
	before := len(d.readTopic(t, events.TopicUsers))
	for name, c := range map[string]struct {
		by user
		request
		status int
		code   string
	}{
		"an id that is none":       {alice, request{method: "GET", path: "/api/users/seven"}, 400, "invalid-id"},
		"a friend that is no id":   {alice, request{method: "POST", path: "/api/users/friends/add/seven"}, 400, "invalid-id"},
		"to ignore no id":          {alice, request{method: "DELETE", path: "/api/users/ignore/%00"}, 400, "invalid-id"},
		"search for nothing":       {alice, request{method: "GET", path: "/api/users/search"}, 422, "invalid-request"},
		"search for white space":   {alice, request{method: "GET", path: "/api/users/search?username=%20%09"}, 422, "invalid-request"},
		"search for a NUL":         {alice, request{method: "GET", path: "/api/users/search?username=a%00"}, 422, "invalid-request"},
		"search for no text":       {alice, request{method: "GET", path: "/api/users/search?username=%ff"}, 422, "invalid-request"},
		"search for 101":           {alice, request{method: "GET", path: "/api/users/search?username=" + strings.Repeat("a", 101)}, 422, "invalid-request"},
		"no friends":               {alice, request{method: "GET", path: "/api/users/friends?limit=0"}, 422, "invalid-request"},
		"too many friends":         {alice, request{method: "GET", path: "/api/users/friends?limit=1001"}, 422, "invalid-request"},
		"some friends":             {alice, request{method: "GET", path: "/api/users/friends/requests?limit=some"}, 422, "invalid-request"},
		"a wrong method":           {alice, request{method: "PUT", path: "/api/users/friends/add/" + bob.id.String()}, 405, "method-not-allowed"},
		"no JSON":                  {backend, request{method: "PUT", path: at, contentType: asJSON, body: `{`}, 400, "malformed-json"},
		"not as JSON":              {backend, request{method: "PUT", path: at, body: `{}`}, 415, "unsupported-media-type"},
		"put no id":                {backend, request{method: "PUT", path: "/api/admin/users/seven", contentType: asJSON, body: `{}`}, 400, "invalid-id"},
		"put nobody":               {backend, request{method: "PUT", path: "/api/admin/users/" + uuid.Nil.String(), contentType: asJSON, body: `{"displayName":"a"}`}, 422, "invalid-request"},
		"no name":                  {backend, request{method: "PUT", path: at, contentType: asJSON, body: `{}`}, 422, "invalid-request"},
		"a blank name":             {backend, named(" \u00a0"), 422, "invalid-request"},
		"a name with a NUL":        {backend, named("a\x00"), 422, "invalid-request"},
		"a name with a line break": {backend, named("a\nb"), 422, "invalid-request"},
		"a name that turns text":   {backend, named("a\u202eb"), 422, "invalid-request"},
		"a name of 256":            {backend, named(strings.Repeat("ä", 256)), 422, "invalid-request"},
		"a picture that runs":      {backend, put(`"profilePicture":"javascript:alert(1)"`), 422, "invalid-request"},
		"a picture too long":       {backend, put(`"profilePicture":"https://example.com/` + strings.Repeat("a", 2048) + `"`), 422, "invalid-request"},
		"a picture of nowhere":     {backend, put(`"profilePicture":"https:///a.png"`), 422, "invalid-request"},
		"a description of 1001":    {backend, put(`"description":"` + strings.Repeat("a", 1001) + `"`), 422, "invalid-request"},
		"a description that rings": {backend, put(`"description":"\u0007"`), 422, "invalid-request"},
		"a role of 65":             {backend, put(`"role":"` + strings.Repeat("a", 65) + `"`), 422, "invalid-request"},
		"credits that are text":    {backend, put(`"streetCredits":"many"`), 400, "malformed-json"},
		"credits too many":         {backend, put(`"streetCredits":3000000000`), 400, "malformed-json"},
		"a tenant that is none":    {backend, put(`"tenant":"a\tb"`), 422, "invalid-request"},
		"sync as JSON":             {backend, request{method: "POST", path: "/api/admin/users:sync", contentType: asJSON, body: `{}`}, 415, "unsupported-media-type"},
		"sync compressed": {backend, request{
			method: "POST", path: "/api/admin/users:sync", contentType: "application/x-ndjson", header: map[string]string{"Content-Encoding": "gzip"}, body: `{}`,
		}, 415, "unsupported-media-type"},
		"sync from line 0": {backend, request{method: "POST", path: "/api/admin/users:sync?firstLine=0", contentType: "application/x-ndjson", body: `{}`}, 422, "invalid-request"},
	} {
		got := d.call(t, d.Public, c.by, c.request)
		if got.Status != c.status || got.Code() != c.code {
			t.Errorf("%s: %s, want %d %s", name, got, c.status, c.code)
		}
	}
	var seen wire.RelatedUser
	d.get(t, alice, "/api/users/"+bob.id.String(), &seen)
	if seen.User != (wire.User{ID: bob.id, DisplayName: "bob"}) || seen.Relationship != nil {
		t.Errorf("bob became %+v", seen)
	}
	d.awaitRelayed(t)
	if after := len(d.readTopic(t, events.TopicUsers)); after != before {
		t.Errorf("the log went from %d to %d records", before, after)
	}
}

// routesOfUsers are the routes about users, with ids in them.
func (d *deployment) routesOfUsers(t *testing.T) []request {
	t.Helper()
	app := fiber.New()
	d.service.Routes(app)
	var routes []request
	for _, route := range app.GetRoutes(true) {
		if route.Method == http.MethodHead || !strings.Contains(route.Path, "/users") || strings.Contains(route.Path, "/rooms/") {
			continue
		}
		asked := request{method: route.Method, path: strings.NewReplacer(":user_id", uuid.NewString(), `\`, "").Replace(route.Path)}
		switch {
		case strings.HasSuffix(asked.path, ":sync"):
			asked.contentType, asked.body = "application/x-ndjson", line(uuid.New(), `"displayName":"a"`)
		case asked.method == http.MethodPut:
			asked.contentType, asked.body = "application/json", `{"displayName":"a","readReceipts":true}`
		case strings.HasSuffix(asked.path, "/search"):
			asked.path += "?username=a"
		}
		routes = append(routes, asked)
	}
	if len(routes) != 19 {
		t.Fatalf("there are %d routes about users", len(routes))
	}
	return routes
}

func TestEveryRouteOfUsersNeedsAToken(t *testing.T) {
	d := prepare(t, onSQLite, servicetest.FreePort(t))
	for _, asked := range d.routesOfUsers(t) {
		got := d.call(t, d.Public, user{}, asked)
		if got.Status != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") != "Bearer" || got.Code() != "unauthorized" {
			t.Errorf("%s %s: %s", asked.method, asked.path, got)
		}
	}
}

func TestWithoutTheStoreEveryRouteOfUsersIsUnavailable(t *testing.T) {
	d := prepare(t, onSQLite, servicetest.FreePort(t))
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	for _, asked := range d.routesOfUsers(t) {
		got := d.call(t, d.Public, backend, asked)
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || got.Code() != "store-unavailable" {
			t.Errorf("%s %s: %s", asked.method, asked.path, got)
		}
	}
}
