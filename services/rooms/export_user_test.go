package rooms_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// exportLine is a line of an export.
type exportLine struct {
	Type         string                `json:"type"`
	ID           uuid.UUID             `json:"id"`
	DisplayName  string                `json:"displayName"`
	ReadReceipts bool                  `json:"readReceipts"`
	Relationship wire.Relationship     `json:"relationshipType"`
	UserID       uuid.UUID             `json:"userId"`
	Status       wire.MembershipStatus `json:"membershipStatus"`
	Room         wire.PublicRoom       `json:"room"`
	EndedAt      *wire.Time            `json:"endedAt"`
	LeftAt       *wire.Time            `json:"leftAt"`
}

// export gives the lines of each part of a user's export.
func (d *deployment) export(t *testing.T, by user, of uuid.UUID) (parts [][]exportLine) {
	t.Helper()
	for path := "/api/admin/users/" + of.String() + "/export"; path != ""; {
		answer := d.call(t, d.Public, by, request{method: "GET", path: path})
		if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: %s", path, answer)
		}
		var lines []exportLine
		for text := range bytes.Lines(answer.Body) {
			var line exportLine
			if err := json.Unmarshal(text, &line); err != nil || text[len(text)-1] != '\n' {
				t.Fatalf("line %q: %v", text, err)
			}
			lines = append(lines, line)
		}
		parts = append(parts, lines)
		path, _, _ = strings.Cut(strings.TrimPrefix(answer.Header.Get("Link"), "<"), ">; ")
	}
	return parts
}

// usersAreExported gives what there is of a user, and nothing that is others'.
func usersAreExported(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	alice, bob, carol, mallory := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol"), d.seenUser(t, "mallory")
	d.post(t, alice, "/api/users/friends/add/"+bob.id.String(), "")
	d.post(t, alice, "/api/users/ignore/"+carol.id.String(), "")
	d.post(t, mallory, "/api/users/ignore/"+alice.id.String(), "")
	stays, left := d.create(t, bob, newRoom("Group", "Stays", alice, bob)), d.create(t, alice, newRoom("Group", "Left", alice, bob))
	d.leave(t, alice, left)
	d.create(t, bob, newRoom("Group", "Others'", bob, carol))

	parts := d.export(t, backend, alice.id)
	if len(parts) != 1 || len(parts[0]) != 5 {
		t.Fatalf("the export is %+v", parts)
	}
	lines := parts[0]
	if lines[0].Type != "User" || lines[0].ID != alice.id || lines[0].DisplayName != "alice" || !lines[0].ReadReceipts {
		t.Errorf("the user is %+v", lines[0])
	}
	for i, want := range []exportLine{{Relationship: wire.InviteSent, UserID: bob.id}, {Relationship: wire.Blocking, UserID: carol.id}} {
		if got := lines[1+i]; got.Type != "Relationship" || got.Relationship != want.Relationship || got.UserID != want.UserID {
			t.Errorf("relationship %d is %+v", i, got)
		}
	}
	for _, got := range lines[3:] {
		former := got.Room.ID == left.ID
		if got.Type != "Membership" || got.EndedAt != nil || !former && got.Room.ID != stays.ID ||
			former && (got.Status != wire.Left || got.LeftAt == nil) || !former && (got.Status != wire.Joined || got.LeftAt != nil) {
			t.Errorf("a membership is %+v", got)
		}
	}
}

// An export of more lines than a part has goes on in the next, in the middle of a section and between two.
func TestAnExportComesInParts(t *testing.T) {
	d := deploy(t, onSQLite)
	backend, alice := d.userWith(t, "shop", map[string]any{"azp": "shop"}), d.seenUser(t, "alice")
	const friends, rooms = 499, 502
	var lines []string
	for i := range friends {
		lines = append(lines, fmt.Sprintf(`{"id":"%s","displayName":"friend %d"}`, uuid.NewSHA1(alice.id, fmt.Append(nil, i)), i))
	}
	if got := d.sync(t, backend, "", lines...); got.Status != http.StatusOK {
		t.Fatalf("sync: %s", got)
	}
	for i := range friends {
		d.post(t, alice, "/api/users/friends/add/"+uuid.NewSHA1(alice.id, fmt.Append(nil, i)).String(), "")
	}
	parts := d.export(t, backend, alice.id)
	if len(parts) != 1 || len(parts[0]) != 500 {
		t.Fatalf("the export has %d parts", len(parts))
	}
	bob := d.seenUser(t, "bob")
	for range rooms {
		d.create(t, alice, newRoom("Group", "", alice, bob))
	}
	parts = d.export(t, backend, alice.id)
	seen := map[uuid.UUID]bool{}
	for _, part := range parts {
		for _, line := range part {
			if id := line.UserID; line.Type == "Relationship" {
				seen[id] = true
			}
			if line.Type == "Membership" {
				seen[line.Room.ID] = true
			}
		}
	}
	if len(parts) != 3 || len(parts[0]) != 500 || len(parts[1]) != 500 || len(parts[2]) != 2 || len(seen) != friends+rooms {
		t.Errorf("%d parts have %d relationships and memberships", len(parts), len(seen))
	}
}

func TestWhoMayExportUsers(t *testing.T) {
	d := deploy(t, onSQLite)
	alice := d.seenOf(t, "acme", "alice")
	at := "/api/admin/users/" + alice.id.String() + "/export"
	backend := d.userWith(t, "b", map[string]any{"azp": "shop"})
	acmes := d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "acme"})
	for name, c := range map[string]struct {
		caller user
		path   string
		want   string
	}{
		"nobody":                   {user{}, at, "401 unauthorized"},
		"the user":                 {alice, at, "403 forbidden"},
		"the backend":              {backend, at, "200"},
		"an administrator":         {d.userWith(t, "a", map[string]any{"roles": []string{"ism-admin"}}), at, "200"},
		"acme's backend":           {acmes, at, "200"},
		"another tenant's backend": {d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "umbrella"}), at, "404 user-not-found"},
		"of an unknown user":       {backend, "/api/admin/users/" + uuid.NewString() + "/export", "404 user-not-found"},
		"of no id":                 {backend, "/api/admin/users/me/export", "400 invalid-id"},
		"a cursor that is none":    {backend, at + "?cursor=AQAAAAAA", "400 invalid-cursor"},
	} {
		got := d.call(t, d.Public, c.caller, request{method: "GET", path: c.path})
		came := fmt.Sprint(got.Status)
		if got.Status != http.StatusOK {
			came += " " + got.Code()
		}
		if came != c.want {
			t.Errorf("%s: %s, want %s", name, came, c.want)
		}
	}
	internal := "/internal/users/" + alice.id.String()
	if known := d.call(t, d.Internal, user{}, request{method: "GET", path: internal}); known.Status != http.StatusOK || !strings.Contains(string(known.Body), `"tenant":"acme","displayName":"alice"`) {
		t.Errorf("messages is told %s", known)
	}
	tenants := func(ids ...uuid.UUID) nodetest.Answer {
		body, err := json.Marshal(events.UsersQuestion{Users: ids})
		if err != nil {
			t.Fatal(err)
		}
		return d.call(t, d.Internal, user{}, request{method: "POST", path: "/internal/users/tenants", contentType: "application/json", body: string(body)})
	}
	var known events.UsersAnswer
	tenants(uuid.New(), alice.id, uuid.New()).Decode(t, &known)
	if len(known.Users) != 1 || known.Users[0] != (events.UserAnswer{ID: alice.id, Tenant: "acme"}) {
		t.Errorf("notifications is told %+v", known)
	}
	if many := tenants(make([]uuid.UUID, events.MostUsersAsked+1)...); many.Code() != "invalid-request" {
		t.Errorf("of 1,001 users: %s", many)
	}
	d.delete(t, backend, "/api/admin/users/"+alice.id.String())
	if tenants(alice.id).Decode(t, &known); len(known.Users) != 0 {
		t.Errorf("notifications is told of a deleted user: %+v", known)
	}
	if gone := d.call(t, d.Internal, user{}, request{method: "GET", path: internal}); gone.Code() != "user-not-found" {
		t.Errorf("messages is told of a deleted user: %s", gone)
	}
	if gone := d.call(t, d.Public, backend, request{method: "GET", path: at}); gone.Code() != "user-not-found" {
		t.Errorf("of a deleted user: %s", gone)
	}
}
