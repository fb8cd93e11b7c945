package realtime_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// tokenOf is a token of a session that began some seconds ago.
func (w *world) tokenOf(t *testing.T, user wire.Member, session string) string {
	t.Helper()
	claims := w.issuer.Claims(user.ID, user.DisplayName)
	claims["sid"], claims["iat"] = session, time.Now().Add(-10*time.Second).Unix()
	return w.issuer.Sign(t, claims)
}

// refused waits until a node refuses a token, as it does from when it has read the sign-out.
func (w *world) refused(t *testing.T, n *node, token string) {
	t.Helper()
	servicetest.Await(t, "the token to be refused", func() bool {
		response, body := w.do(t, http.MethodGet, n.base+"/api/poll", token)
		return response.StatusCode == http.StatusUnauthorized && strings.Contains(body, `"unauthorized"`)
	})
}

// A sign-out of a user ends its streams at all nodes and nobody else's; none comes back with what it had; a new token does.
func TestSignOutEndsAUsersStreamsAtAllNodes(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		a, b := w.start(t), w.start(t)
		r := newRoom("alice", "bob")
		alice, bob := w.tokenOf(t, r.members[0], "s-1"), w.tokenOf(t, r.members[1], "s-2")
		streams := []*client.Stream{w.openWith(t, a, alice, ""), w.openWith(t, b, alice, ""), w.openWith(t, b, w.tokenOf(t, r.members[0], ""), "")}
		ofBob, ticket := w.openWith(t, b, bob, ""), w.ticket(t, b, alice)
		w.post(t, r, "before")
		for _, stream := range append(streams, ofBob) {
			expect(t, stream, "before")
		}
		at := time.Now()
		w.write(t, events.UserSignedOut{UserID: r.members[0].ID, Before: wire.At(at.Add(-time.Second))})
		for _, stream := range streams {
			ended(t, stream, "signed-out")
		}
		t.Logf("the streams ended after %v", time.Since(at)) // a second, on a machine that does nothing else
		for _, n := range []*node{a, b} {
			w.refused(t, n, alice)
			if response, body := w.do(t, http.MethodPost, n.base+"/api/sse/ticket", alice); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("a ticket: %d %s", response.StatusCode, body)
			}
		}
		if response, body := w.get(t, a.base+"/api/sse?ticket="+ticket, nil); response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `"invalid-ticket"`) {
			t.Errorf("a ticket from before: %d %s", response.StatusCode, body)
		}
		w.post(t, r, "after")
		expect(t, ofBob, "after")
		expect(t, w.openWith(t, b, w.issuer.Token(t, r.members[0].ID, "alice"), streams[0].LastEventID()), "after")
	})
}

// Of a session that its issuer has ended only the streams of that session end, by whichever token of it they were opened, or by its ticket.
func TestSignOutOfASessionEndsItsStreamsAlone(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	r := newRoom("alice")
	one, other := w.tokenOf(t, r.members[0], "s-1"), w.tokenOf(t, r.members[0], "s-2")
	ofOne, ofOther := w.openWith(t, n, one, ""), w.openWith(t, n, other, "")
	byTicket := w.withTicket(t, n, w.ticket(t, n, one), "")
	w.post(t, r, "before")
	expect(t, ofOne, "before")
	w.write(t, events.UserSignedOut{Issuer: w.issuer.URL, SessionID: "s-1", Before: wire.At(time.Now())})
	ended(t, ofOne, "signed-out")
	last := ""
	for line := range byTicket.lines(t) {
		last += line
	}
	if !strings.Contains(last, `"reason":"signed-out"`) {
		t.Errorf("the stream of the ticket ends with %q", last)
	}
	w.refused(t, n, one)
	w.post(t, r, "after")
	expect(t, ofOther, "before", "after")
}

func TestAPollOfWhoIsSignedOutIsRefusedAtOnce(t *testing.T) {
	w := newEmbeddedWorld(t)
	n := w.start(t)
	user := newRoom("alice").members[0]
	token := w.tokenOf(t, user, "s-1")
	begin := w.poll(t, n, token, "")
	var polling sync.WaitGroup
	polling.Go(func() {
		response, body := w.do(t, http.MethodGet, n.base+"/api/poll?timeout=50&last_event_id="+url.QueryEscape(begin.LastEventID), token)
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	})
	begun := time.Now()
	servicetest.Await(t, "the poll", func() bool {
		_, body := w.get(t, n.internal+"/debug/streams", nil)
		return strings.Contains(body, `"polls":1`)
	})
	w.write(t, events.UserDeleted{UserID: user.ID, ErasureID: uuid.New()}) // which signs out, too
	polling.Wait()
	if took := time.Since(begun); took > 45*time.Second { // less than the poll has
		t.Errorf("after %v", took)
	}
}

// What was signed out while a node was away is known to it before it lets anybody in.
func TestANodeThatStartsKnowsWhoWasSignedOut(t *testing.T) {
	w := newEmbeddedWorld(t)
	user := newRoom("alice").members[0]
	token := w.tokenOf(t, user, "s-1")
	w.write(t, events.UserSignedOut{UserID: user.ID, Before: wire.At(time.Now())})
	n := w.launch(t, config(), telemetry.Discard(nil))
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	if _, err := w.dial(ctx, n, token, ""); !client.HasCode(err, "unauthorized") {
		t.Errorf("%v", err)
	}
}

func TestAStreamEndsAtTheAgeThatItMayHave(t *testing.T) {
	w := newEmbeddedWorld(t)
	cfg := config()
	cfg.MaxStreamAge = 3 * time.Second
	n := w.startWith(t, cfg, telemetry.Discard(nil))
	user := newRoom("alice").members[0]
	begun := time.Now()
	stream := w.openWith(t, n, w.tokenOf(t, user, "s-1"), "")
	ended(t, stream, "expired")
	if took := time.Since(begun); took < 2*time.Second { // [next] has waited less than a minute for it
		t.Errorf("after %v", took)
	}
}
