package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/ism-chat/ism/clients/go"
)

// transcript is a stream of events of the types E1, E2, …, behind the event id.
func transcript(lastEventID string, until int) string {
	from, _ := strconv.Atoi(lastEventID)
	var text strings.Builder
	fmt.Fprintf(&text, "retry: 10\nid: %d\n\n", from)
	for i := from + 1; i <= until; i++ {
		fmt.Fprintf(&text, "id: %d\ndata: {\"type\":\"E%d\"}\n\n: keep-alive\n\n", i, i)
	}
	return text.String()
}

// Wherever a stream is cut, each event comes once, in order.
func TestFollowLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const events = 6
	for length := 60; length < 120; length++ {
		synctest.Test(t, func(t *testing.T) {
			n := &network{answers: []answer{func(r *http.Request) (*http.Response, error) {
				text := transcript(r.Header.Get("Last-Event-ID"), events)
				return streams(text[:min(length, len(text))])(r)
			}}}
			follower := n.client(client.Token("secret")).Follow(t.Context(), client.FollowOptions{LastEventID: "0"})
			defer follower.Close()
			for i := 1; i <= events; i++ {
				if event := next(t, follower, fmt.Sprintf("E%d", i)); event.ID != strconv.Itoa(i) || follower.LastEventID() != event.ID {
					t.Fatalf("event %d has the id %s, and goes on behind %s", i, event.ID, follower.LastEventID())
				}
			}
		})
	}
}

// The same over TCP, where the server drops the connection inside an event.
func TestFollowOverConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, transcript(r.Header.Get("Last-Event-ID"), 4)[:90])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	breaks := 0
	follower := client.New(server.URL, server.Client(), client.Token("secret")).Follow(t.Context(),
		client.FollowOptions{LastEventID: "0", Reconnecting: func(error, time.Duration) { breaks++ }})
	t.Cleanup(follower.Close)
	for i := 1; i <= 3; i++ {
		next(t, follower, fmt.Sprintf("E%d", i))
	}
	if breaks == 0 {
		t.Error("nobody was told of a break")
	}
}

func TestFollowGivesUpASilentConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{falls("id: 1\n\n"), falls("id: 1\n\n", "data: {\"type\":\"News\"}\n\n")}}
		var cause error
		follower := n.client(client.Token("secret")).Follow(t.Context(),
			client.FollowOptions{LastEventID: "1", Reconnecting: func(err error, _ time.Duration) { cause = err }})
		defer follower.Close()
		next(t, follower, "News")
		if wait := n.waits()[0]; wait < 45*time.Second || wait > 46*time.Second {
			t.Errorf("it was given up after %v", wait)
		}
		if cause == nil || !strings.Contains(cause.Error(), "nothing was heard") || !client.Temporary(cause) {
			t.Errorf("cause %v", cause)
		}
		time.Sleep(time.Hour) // the caller takes its time: that is not the connection's silence
		waiting := time.AfterFunc(time.Second, follower.Close)
		defer waiting.Stop()
		if _, err := follower.Next(); !errors.Is(err, client.ErrClosed) || len(n.requests) != 2 {
			t.Errorf("%v, after %d connections", err, len(n.requests))
		}
	})
}

func TestFollowWaitsLongerAndLongerAndAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := slices.Repeat([]answer{cut}, 60)
		answers = append(answers, problem(503, "kafka-unavailable", "Retry-After: 90"), streams("retry: 3000\nid: 1\n\n"), falls("id: 1\n\ndata: {\"type\":\"News\"}\n\n"))
		n := &network{answers: answers}
		var longest time.Duration
		follower := n.client(client.Token("secret")).Follow(t.Context(),
			client.FollowOptions{LastEventID: "1", Reconnecting: func(_ error, wait time.Duration) { longest = max(longest, wait) }})
		defer follower.Close()
		next(t, follower, "News")
		waits := n.waits()
		for i, wait := range waits[:60] {
			if bound := min(20*time.Second, 500*time.Millisecond<<min(i, 10)); wait > bound {
				t.Errorf("%v after %d failures, more than %v", wait, i, bound)
			}
		}
		if far := slices.Max(waits[:60]); far < 10*time.Second {
			t.Errorf("at most %v, of 60 waits of up to 20 s", far)
		}
		if asked := waits[60]; asked < 90*time.Second || asked > 110*time.Second || longest != asked {
			t.Errorf("%v where 90 s were asked for; told of %v", asked, longest)
		}
		if asked := waits[61]; asked < 3*time.Second || asked > 3500*time.Millisecond {
			t.Errorf("%v where the stream had asked for 3 s, and was heard before", asked)
		}
	})
}

func TestFollowTellsWhatTheStreamCannotGive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		huge := "id: 4\ndata: {\"type\":\"Huge\",\"x\":\"" + strings.Repeat("x", 5<<20) + "\"}\n\n"
		many := "id: 5\ndata: {\"type\":\"Huge\",\"x\":[" + strings.Repeat("\ndata: \""+strings.Repeat("x", 1<<20)+"\",", 5) + "7]}\n\n"
		n := &network{answers: []answer{
			streams("retry: 1"), // cut before it says where it is: what happens now would be lost
			falls("id: 1\n\nid: 2\ndata: {\"type\":\n\nid: 3\ndata: {\"type\":7}\n\n" + huge + many +
				"id: 6\ndata: {\"type\":\"FromTheFuture\",\"x\":[1]}\n\nid: 7\ndata: {\"type\":\"Resync\",\"reason\":\"expired\"}\n\n"),
		}}
		follower := n.client(client.Token("secret")).Follow(t.Context(), client.FollowOptions{})
		defer follower.Close()
		for _, want := range []struct{ id, reason string }{
			{"", client.ResyncStarted},
			{"", client.ResyncStarted},
			{"2", client.ResyncUnreadable},
			{"3", client.ResyncUnreadable},
			{"4", client.ResyncUnreadable},
			{"5", client.ResyncUnreadable},
		} {
			if event := next(t, follower, "Resync"); event.ID != want.id || !strings.Contains(string(event.Data), want.reason) {
				t.Errorf("%s %s; expected %+v", event.ID, event.Data, want)
			}
		}
		if event := next(t, follower, "FromTheFuture"); string(event.Data) != `{"type":"FromTheFuture","x":[1]}` {
			t.Errorf("data %s", event.Data)
		}
		if event := next(t, follower, "Resync"); !strings.Contains(string(event.Data), "expired") || follower.LastEventID() != "7" {
			t.Errorf("%s, and goes on behind %s", event.Data, follower.LastEventID())
		}
	})
}

func TestFollowSurvivesRubbish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{
			says(200, "<html>sign in", "Content-Type: text/html"),
			says(204, ""),
			says(302, "", "Location: /login"), says(200, "<html>sign in", "Content-Type: text/html"),
			says(200, "", "Content-Type: text/event-stream"),
			says(502, "<html>Bad Gateway", "Content-Type: text/html"),
			says(301, ""),
			streams("\x00\xff\n:::\n\nid: bad\x00id\nid: ümlaut\nretry: -1\nretry: 99999999999999999999\n\n"),
			falls("id: 2\n\ndata: {\"type\":\"News\"}\n\n"),
		}}
		var causes []string
		follower := n.client(client.Token("secret")).Follow(t.Context(),
			client.FollowOptions{LastEventID: "1", Reconnecting: func(err error, _ time.Duration) { causes = append(causes, err.Error()) }})
		defer follower.Close()
		next(t, follower, "News")
		if len(causes) != 7 || !strings.Contains(causes[0], "sign in") || !strings.Contains(causes[1], "204") {
			t.Errorf("told of %q", causes)
		}
		if ids := n.headers("Last-Event-ID"); ids[len(ids)-1] != "1" {
			t.Errorf("goes on behind %q", ids)
		}
	})
}

func TestFollowObeysTheEndOfAStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := func(reason string) string {
			return "data: {\"type\":\"StreamEnded\",\"reason\":\"" + reason + "\"}\n\n"
		}
		n := &network{answers: []answer{
			func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return streams("retry: 2000\nid: 1\n\n" + ended("expired"))(r)
			},
			streams("id: 1\n\n" + ended("replaced")),
			streams("id: 1\n\n" + ended("disconnected")),
			problem(401, "unauthorized"),
			problem(401, "unauthorized"),
			falls("id: 1\n\ndata: {\"type\":\"News\"}\n\n"),
		}}
		asked := 0
		follower := n.client(func(context.Context) (string, error) { asked++; return fmt.Sprintf("token-%d", asked), nil }).
			Follow(t.Context(), client.FollowOptions{LastEventID: "1"})
		defer follower.Close()
		next(t, follower, "StreamEnded")
		next(t, follower, "StreamEnded")
		if wait := n.waits()[0]; wait < 3*time.Second {
			t.Errorf("it came back %v after a token that had expired at once", wait)
		}
		if _, err := follower.Next(); !errors.Is(err, client.ErrReplaced) || len(n.requests) != 2 {
			t.Fatalf("%v, after %d requests: the other stream is to be left alone", err, len(n.requests))
		}
		next(t, follower, "StreamEnded")
		if _, err := follower.Next(); !client.HasCode(err, "unauthorized") || len(n.requests) != 5 {
			t.Fatalf("%v, after %d requests: a refused token is asked for again once", err, len(n.requests))
		}
		next(t, follower, "News")
		want := []string{"Bearer token-1", "Bearer token-2", "Bearer token-3", "Bearer token-4", "Bearer token-5", "Bearer token-5"}
		if got := n.headers("Authorization"); !slices.Equal(got, want) {
			t.Errorf("tokens %q; expected %q", got, want)
		}
	})
}

// A token that has expired as it should is no fault: the client comes back at once.
func TestFollowComesBackAtOnceWithANewToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{
			falls("retry: 5000\nid: 1\n\ndata: {\"type\":\"First\"}\n\ndata: {\"type\":\"StreamEnded\",\"reason\":\"expired\"}\n\n"),
			falls("id: 1\n\ndata: {\"type\":\"News\"}\n\n"),
		}}
		told := time.Hour
		follower := n.client(client.Token("secret")).Follow(t.Context(),
			client.FollowOptions{LastEventID: "1", Reconnecting: func(_ error, wait time.Duration) { told = wait }})
		defer follower.Close()
		next(t, follower, "First")
		time.Sleep(time.Minute)
		next(t, follower, "StreamEnded")
		next(t, follower, "News")
		if wait := n.waits()[0]; wait != time.Minute || told != 0 {
			t.Errorf("it came back after %v, and told of %v", wait, told)
		}
	})
}
