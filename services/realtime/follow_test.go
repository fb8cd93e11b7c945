package realtime_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
)

// A client that follows is given each event once, in order, though its connection is cut and it comes back at another edge.
func TestFollowersMissNothingWhenTheyChangeEdges(t *testing.T) {
	w := newEmbeddedWorld(t)
	edges := []*node{w.start(t), w.start(t)}
	r := newRoom("alice", "bob")
	var visits atomic.Int64
	door := httptest.NewServer(&httputil.ReverseProxy{
		Transport: w.http.Transport, FlushInterval: -1,
		Rewrite: func(request *httputil.ProxyRequest) {
			edge, err := url.Parse(edges[int(visits.Add(1))%len(edges)].base)
			if err != nil {
				t.Error(err)
			}
			request.SetURL(edge)
		},
	})
	t.Cleanup(door.Close)
	breaks := 0
	follower := client.New(door.URL, door.Client(), client.Token(w.issuer.Token(t, r.members[1].ID, "bob"))).
		Follow(t.Context(), client.FollowOptions{Reconnecting: func(error, time.Duration) { breaks++ }})
	t.Cleanup(func() {
		follower.Close()
		_, _ = follower.Next() // lets go of its connection
	})
	timer := time.AfterFunc(servicetest.Timeout, follower.Close)
	defer timer.Stop()

	if event, err := follower.Next(); err != nil || event.Type != "Resync" {
		t.Fatalf("it begins with %q, %v", event.Type, err)
	}
	w.post(t, r, numbered(0, 5)...)
	for n, want := range numbered(0, 10) {
		event, err := follower.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := textOf(event); err != nil || got != want {
			t.Fatalf("%q, %v; expected %q", got, err, want)
		}
		if n == 2 { // while two more are on their way, or there
			door.CloseClientConnections()
			w.post(t, r, numbered(5, 10)...)
		}
	}
	if breaks != 1 || visits.Load() != 2 {
		t.Errorf("%d breaks, %d visits", breaks, visits.Load())
	}
}
