package rooms_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

type report struct {
	FirstLine int  `json:"firstLine"`
	NextLine  int  `json:"nextLine"`
	Complete  bool `json:"complete"`
	Written   int  `json:"written"`
	Failed    []struct {
		Line         int
		Code, Detail string
	} `json:"failed"`
}

func (d *deployment) sync(t *testing.T, by user, query string, lines ...string) nodetest.Answer {
	t.Helper()
	return d.call(t, d.Public, by, request{
		method: http.MethodPost, path: "/api/admin/users:sync" + query, contentType: "application/x-ndjson", body: strings.Join(lines, "\n"),
	})
}

func line(id uuid.UUID, fields string) string { return fmt.Sprintf(`{"id":"%s",%s}`, id, fields) }

func syncTakesWhatItCan(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	foreign := d.userWith(t, "mallory", map[string]any{"tenant": "umbrella"})
	d.get(t, foreign, "/api/rooms", nil)
	alice, bob := uuid.New(), uuid.New()
	var got report
	d.sync(t, backend, "",
		line(alice, `"displayName":"Alice","streetCredits":7,"role":"Guide","description":"Likes\nsoup","profilePicture":"https://example.com/a.png","more":1`),
		`{"id":`,
		"",
		line(bob, `"displayName":"Bob"`)+"\r",
		line(foreign.id, `"displayName":"Taken"`),
		line(uuid.New(), `"displayName":"a\u0000b"`),
		line(uuid.New(), `"displayName":"`+strings.Repeat(" ", 17<<10)+`a"`),
		`{"displayName":"No id"}`,
		"\xff",
		`[]`,
		line(uuid.New(), `"displayName":"a","displayName":"b"`),
		line(alice, `"displayName":"Alice again"`), // what comes last counts
		strings.Repeat("[", 10_000),
	).Decode(t, &got)
	failed := []string{}
	for _, f := range got.Failed {
		failed = append(failed, fmt.Sprint(f.Line, " ", f.Code))
		if f.Detail == "" {
			t.Errorf("line %d has no detail", f.Line)
		}
	}
	want := "2 malformed-json,6 invalid-request,7 invalid-request,8 invalid-request,9 malformed-json,10 malformed-json,11 malformed-json,5 other-tenant,13 malformed-json"
	if strings.Join(failed, ",") != want || got.Written != 3 || !got.Complete || got.FirstLine != 1 || got.NextLine != 14 {
		t.Errorf("the report is %+v, failed %v", got, failed)
	}
	viewer := d.seenUser(t, "viewer")
	var seen wire.RelatedUser
	d.get(t, viewer, "/api/users/"+alice.String(), &seen)
	if seen.User != (wire.User{ID: alice, DisplayName: "Alice again"}) {
		t.Errorf("alice is %+v", seen.User)
	}
	d.get(t, viewer, "/api/users/"+bob.String(), &seen)
	if seen.User.DisplayName != "Bob" {
		t.Errorf("bob is %+v", seen.User)
	}
}

func syncGoesOn(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	var lines []string
	for n := range 1500 {
		if n%500 == 0 {
			lines = append(lines, line(uuid.New(), fmt.Sprintf(`"displayName":"Synced %d"`, n)))
		} else {
			lines = append(lines, "x")
		}
	}
	var got report
	d.sync(t, backend, "?firstLine=101", lines...).Decode(t, &got)
	if got.Complete || got.FirstLine != 101 || len(got.Failed) != 1000 || got.Failed[0].Line != 102 || got.Written != 3 || got.NextLine != 101+1003 {
		t.Fatalf("of a thousand that failed the report is complete: %t, from %d to %d, %d written, %d failed", got.Complete, got.FirstLine, got.NextLine, got.Written, len(got.Failed))
	}
	d.sync(t, backend, fmt.Sprintf("?firstLine=%d", got.NextLine), lines[got.NextLine-101:]...).Decode(t, &got)
	if !got.Complete || got.NextLine != 101+1500 || got.Written != 0 || got.Failed[len(got.Failed)-1].Line != 1600 {
		t.Errorf("the rest is complete: %t, to %d", got.Complete, got.NextLine)
	}
	var none report
	d.sync(t, backend, "").Decode(t, &none)
	if !none.Complete || none.NextLine != 1 || none.Written != 0 || len(none.Failed) != 0 {
		t.Errorf("of no lines the report is %+v", none)
	}
}

func syncedUsersCanBeInvited(t *testing.T, d *deployment) {
	backend, alice := d.userWith(t, "shop", map[string]any{"azp": "shop"}), d.seenUser(t, "alice")
	bob := d.newUser(t, "bob by token")
	if got := d.post(t, alice, "/api/rooms/create-room", newRoom("Single", "", alice, bob)); got.Code() != "unknown-user" {
		t.Errorf("before: %s", got)
	}
	d.sync(t, backend, "", line(bob.id, `"displayName":"Bob"`))
	if room := d.create(t, alice, newRoom("Single", "", alice, bob)); *room.Name != "Bob" {
		t.Errorf("the room is %+v", room)
	}
	d.post(t, alice, "/api/users/friends/add/"+bob.id.String(), "")
	var requests []wire.User
	d.get(t, bob, "/api/users/friends/requests", &requests)
	if len(requests) != 1 {
		t.Errorf("bob has the requests %+v", requests)
	}
}

// failing is a store whose writes of profiles fail from one on.
type failing struct {
	store.Store
	left *atomic.Int32
}

func (f failing) PutProfiles(ctx context.Context, profiles []people.Profile, at time.Time) ([]uuid.UUID, error) {
	if f.left.Add(-1) < 0 {
		return nil, store.ErrUnavailable
	}
	return f.Store.PutProfiles(ctx, profiles, at)
}

// A store that fails on the way leaves a report that says how far the sync has come, and nothing that is not so.
func TestASyncThatIsInterruptedSaysWhereToGoOn(t *testing.T) {
	var left atomic.Int32
	d := deploy(t, func(t *testing.T, tel *telemetry.Telemetry) store.Store { return failing{onSQLite(t, tel), &left} })
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	lines := []string{"x"}
	for n := range 450 {
		lines = append(lines, line(uuid.New(), fmt.Sprintf(`"displayName":"Synced %d"`, n)))
	}
	lines = append(lines, "x")
	left.Store(2)
	var got report
	d.sync(t, backend, "", lines...).Decode(t, &got)
	if got.Complete || got.Written != 400 || got.NextLine != 402 || len(got.Failed) != 1 || got.Failed[0].Line != 1 {
		t.Fatalf("the report is %+v", got)
	}
	rest := fmt.Sprintf("?firstLine=%d", got.NextLine)
	if refused := d.sync(t, backend, rest, lines[got.NextLine-1:]...); refused.Status != http.StatusServiceUnavailable || refused.Code() != "store-unavailable" {
		t.Errorf("while nothing can be written: %s", refused)
	}
	left.Store(2)
	d.sync(t, backend, rest, lines[got.NextLine-1:]...).Decode(t, &got)
	if !got.Complete || got.Written != 50 || got.NextLine != 453 || len(got.Failed) != 1 || got.Failed[0].Line != 452 {
		t.Errorf("the rest is %+v", got)
	}
}
