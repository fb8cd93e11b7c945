package rooms_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// whoIsAsked are users as they stand to alice, who calls; the columns of the table below.
var whoIsAsked = []string{"herself", "a stranger", "a friend", "one she asked", "one who asked her", "one she blocked", "one who blocked her", "another tenant's", "nobody"}

// reach makes a user stand to alice as the column says.
func (d *deployment) reach(t *testing.T, column string, alice user) uuid.UUID {
	t.Helper()
	change := func(by user, method, path string, other user) {
		t.Helper()
		if got := d.call(t, d.Public, by, request{method: method, path: path + other.id.String()}); got.Status != http.StatusOK {
			t.Fatalf("%s: %s", column, got)
		}
	}
	const add, accept, ignore = "/api/users/friends/add/", "/api/users/friends/accept-request/", "/api/users/ignore/"
	bob := d.seenUser(t, "bob")
	switch column {
	case "herself":
		return alice.id
	case "a stranger":
	case "a friend":
		change(alice, "POST", add, bob)
		change(bob, "POST", accept, alice)
	case "one she asked":
		change(alice, "POST", add, bob)
	case "one who asked her":
		change(bob, "POST", add, alice)
	case "one she blocked":
		change(alice, "POST", ignore, bob)
	case "one who blocked her":
		change(bob, "POST", ignore, alice)
	case "another tenant's":
		foreign := d.userWith(t, "mallory", map[string]any{"tenant": "umbrella"})
		d.get(t, foreign, "/api/rooms", nil)
		return foreign.id
	case "nobody":
		return uuid.New()
	}
	return bob.id
}

// said is the answer in short: its status, and the relationship or the problem's code that it has.
func said(t *testing.T, status int, body []byte) string {
	t.Helper()
	var answer struct {
		Relationship *string `json:"relationshipType"`
		State        *string `json:"state"`
		Code         string  `json:"code"`
		RoomType     string  `json:"roomType"`
	}
	if len(body) == 0 {
		return fmt.Sprint(status)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	for _, text := range []*string{answer.Relationship, answer.State, &answer.Code, &answer.RoomType} {
		if text != nil && *text != "" {
			return fmt.Sprintf("%d %s", status, *text)
		}
	}
	return fmt.Sprintf("%d", status)
}

// whatAlicesCallsComeTo says what each call about a user comes to, by how the user stands to alice.
func whatAlicesCallsComeTo(t *testing.T, d *deployment) {
	const (
		oneself  = "422 invalid-request"
		unknown  = "404 user-not-found"
		noOne    = "404 request-not-found"
		noFriend = "404 friend-not-found"
		blocked  = "403 user-blocked"
	)
	for _, row := range []struct {
		call string
		// herself, a stranger, a friend, one she asked, one who asked her, one she blocked, one who blocked her, another tenant's, nobody
		want [9]string
	}{
		{"GET /api/users/ID", [9]string{"200", "200", "200 FRIEND", "200 INVITE_SENT", "200 INVITE_RECEIVED", "200 CLIENT_BLOCKED", "200 CLIENT_GOT_BLOCKED", unknown, unknown}},
		{"POST /api/users/friends/add/ID", [9]string{oneself, "200 INVITE_SENT", "200 FRIEND", "200 INVITE_SENT", "200 FRIEND", blocked, blocked, unknown, unknown}},
		{"POST /api/users/friends/accept-request/ID", [9]string{oneself, noOne, "200 FRIEND", noOne, "200 FRIEND", noOne, noOne, unknown, unknown}},
		{"DELETE /api/users/friends/reject-request/ID", [9]string{oneself, noOne, noOne, noOne, "200", noOne, noOne, unknown, unknown}},
		{"DELETE /api/users/friends/ID", [9]string{oneself, noFriend, "200", "200", noFriend, noFriend, noFriend, unknown, unknown}},
		{"POST /api/users/ignore/ID", [9]string{oneself, "200 CLIENT_BLOCKED", "200 CLIENT_BLOCKED", "200 CLIENT_BLOCKED", "200 CLIENT_BLOCKED", "200 CLIENT_BLOCKED", "200 CLIENT_BLOCKED", unknown, unknown}},
		{"DELETE /api/users/ignore/ID", [9]string{oneself, "200", "200", "200", "200", "200", "200 CLIENT_GOT_BLOCKED", unknown, unknown}},
		{"Single with ID", [9]string{oneself, "200 Single", "200 Single", "200 Single", "200 Single", blocked, blocked, "422 unknown-user", "422 unknown-user"}},
		{"Group with ID", [9]string{oneself, "200 Group", "200 Group", "200 Group", "200 Group", blocked, blocked, "422 unknown-user", "422 unknown-user"}},
		{"invite ID into a Group", [9]string{"409 already-member", "200", "200", "200", "200", blocked, blocked, "422 unknown-user", "422 unknown-user"}},
	} {
		for i, column := range whoIsAsked {
			alice := d.seenUser(t, "alice")
			id := d.reach(t, column, alice)
			asked := request{method: "POST", path: "/api/rooms/create-room", contentType: "application/json"}
			if strings.HasPrefix(row.call, "invite") {
				room := d.create(t, alice, newRoom("Group", "", alice, d.seenUser(t, "carol")))
				asked.path, asked.contentType = "/api/rooms/"+room.ID.String()+"/invite/"+id.String(), ""
			} else if kind, isRoom := strings.CutSuffix(row.call, " with ID"); isRoom {
				asked.body = newRoom(kind, "", alice, user{id: id})
			} else {
				asked.method, asked.path, _ = strings.Cut(strings.ReplaceAll(row.call, "ID", id.String()), " ")
				asked.contentType = ""
			}
			got := d.call(t, d.Public, alice, asked)
			if came := said(t, got.Status, got.Body); came != row.want[i] {
				t.Errorf("%s, %s: %s, want %s", row.call, column, came, row.want[i])
			}
		}
	}
}

// whoMayAdministrate says what the backend's routes answer to whom.
func whoMayAdministrate(t *testing.T, d *deployment) {
	known := d.userWith(t, "known", map[string]any{"tenant": "acme"})
	d.get(t, known, "/api/rooms", nil)
	inAcme, inUmbrella := `"displayName":"put","tenant":"acme"`, `"displayName":"put","tenant":"umbrella"`
	for _, row := range []struct {
		who    string
		caller user
		// a new user of its own tenant, a new user of acme, a new user of umbrella, the known user of acme in acme, in umbrella
		want [5]string
	}{
		{"nobody", user{}, [5]string{"401", "401", "401", "401", "401"}},
		{"an app's user", d.userWith(t, "u", nil), [5]string{"403", "403", "403", "403", "403"}},
		{"the user itself", known, [5]string{"403", "403", "403", "403", "403"}},
		{"the backend", d.userWith(t, "b", map[string]any{"azp": "shop"}), [5]string{"200", "200", "200", "200", "403"}},
		{"an administrator", d.userWith(t, "a", map[string]any{"roles": []string{"ism-admin"}}), [5]string{"200", "200", "200", "200", "403"}},
		{"acme's backend", d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "acme"}), [5]string{"200", "200", "403", "200", "403"}},
		{"umbrella's backend", d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "umbrella"}), [5]string{"200", "403", "200", "403", "403"}},
	} {
		for i, c := range []struct {
			id   uuid.UUID
			body string
		}{{uuid.New(), `"displayName":"put"`}, {uuid.New(), inAcme}, {uuid.New(), inUmbrella}, {known.id, inAcme}, {known.id, inUmbrella}} {
			put := d.call(t, d.Public, row.caller, request{
				method: "PUT", path: "/api/admin/users/" + c.id.String(), contentType: "application/json", body: "{" + c.body + "}",
			})
			if status := fmt.Sprint(put.Status); status != row.want[i] {
				t.Errorf("%s puts user %d: %s, want %s", row.who, i, put, row.want[i])
			}
			sync := d.sync(t, row.caller, "", fmt.Sprintf(`{"id":"%s",%s}`, c.id, c.body))
			came := fmt.Sprint(sync.Status)
			var report struct {
				Written int `json:"written"`
				Failed  []struct {
					Code string `json:"code"`
				} `json:"failed"`
			}
			if sync.Status == http.StatusOK {
				sync.Decode(t, &report)
				if report.Written == 0 && len(report.Failed) == 1 && report.Failed[0].Code == "other-tenant" {
					came = "403"
				}
			}
			if came != row.want[i] {
				t.Errorf("%s syncs user %d: %s, want %s", row.who, i, sync, row.want[i])
			}
		}
	}
	var seen struct {
		User struct {
			DisplayName string `json:"displayName"`
		} `json:"user"`
	}
	d.get(t, known, "/api/users/"+known.id.String(), &seen)
	if seen.User.DisplayName != "put" {
		t.Errorf("the known user is %+v", seen)
	}
}

// Of a user who has come from one tenant a token of another is refused everywhere, and changes nothing.
func tokensOfOtherTenantsAreRefused(t *testing.T, d *deployment) {
	alice := d.userWith(t, "alice", map[string]any{"tenant": "acme"})
	d.get(t, alice, "/api/rooms", nil)
	for _, tenant := range []any{"umbrella", nil} {
		claims := d.issuer.Claims(alice.id, "mallory")
		if tenant != nil {
			claims["tenant"] = tenant
		}
		mallory := user{id: alice.id, token: d.issuer.Sign(t, claims)}
		for _, path := range []string{"/api/rooms", "/api/users/friends", "/api/users/search?username=a", "/api/users/" + alice.id.String()} {
			got := d.call(t, d.Public, mallory, request{method: "GET", path: path})
			if came := said(t, got.Status, got.Body); came != "403 other-tenant" {
				t.Errorf("%s: %s", path, came)
			}
		}
	}
	got := d.call(t, d.Public, alice, request{method: "GET", path: "/api/users/" + alice.id.String()})
	if got.Status != http.StatusOK || !strings.Contains(string(got.Body), `"displayName":"alice"`) {
		t.Errorf("alice is %s", got)
	}
}
