package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

func TestCatchUpGivesAllUpToTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{
			says(200, `{"changes":[{"change":"new","position":"102"},{"change":"edited","position":"103"}],"since":"103","more":true}`),
			problem(503, "store-unavailable", "Retry-After: 2"),
			says(200, `{"changes":[{"change":"deleted","position":"104"}],"since":"105","more":false}`, "Retry-After: 5"),
			says(200, `{"changes":[],"since":"106","more":false}`, "Retry-After: 3"),
			says(200, `{"changes":[{"change":"new","position":"107"}],"since":"107","more":false}`),
			says(200, `{"changes":[{"change":"new","position":"108"}],"since":"108","more":false}`), // behind the call
		}}
		var got, asked []string
		since, err := n.client(client.Token("secret")).CatchUp(t.Context(), room, "101", func(changes []wire.MessageChange) error {
			for _, change := range changes {
				got = append(got, change.Change+change.Position)
			}
			return nil
		})
		if err != nil || since != "107" || !slices.Equal(got, []string{"new102", "edited103", "deleted104", "new107"}) {
			t.Errorf("%q up to %s, %v", got, since, err)
		}
		for _, request := range n.requests {
			asked = append(asked, request.URL.Query().Get("since"))
		}
		if waits := n.waits(); !slices.Equal(asked, []string{"101", "103", "103", "105", "106"}) || waits[1] < 2*time.Second || waits[2] != 5*time.Second {
			t.Errorf("asked %q, waited %v", asked, waits)
		}
	})
}

// The server's answers end a moment before now: what happened in the moment before the call is in a later one.
func TestCatchUpAsksAgainForTheLastMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{
			says(200, `{"changes":[],"since":"101","more":false}`),
			says(200, `{"changes":[{"change":"new","position":"102"}],"since":"102","more":false}`),
		}}
		var got int
		since, err := n.client(client.Token("secret")).CatchUp(t.Context(), room, "101", func(changes []wire.MessageChange) error {
			got += len(changes)
			return nil
		})
		if err != nil || since != "102" || got != 1 || len(n.requests) != 2 || n.waits()[0] != 2*time.Second {
			t.Errorf("%d changes up to %s, %v; waited %v", got, since, err, n.waits())
		}
	})
}

func TestCatchUpEnds(t *testing.T) {
	t.Parallel()
	first := says(200, `{"changes":[{"change":"new","position":"102"}],"since":"102","more":true}`)
	unwilling := errors.New("disk full")
	for name, test := range map[string]struct {
		answers []answer
		apply   error
		since   string
		is      func(error) bool
	}{
		"the log is another one": {[]answer{first, problem(400, "invalid-position")}, nil, "102", func(err error) bool { return client.HasCode(err, "invalid-position") }},
		"it cannot be applied":   {[]answer{first}, unwilling, "101", func(err error) bool { return errors.Is(err, unwilling) }},
		"the context ends":       {[]answer{first, cut}, nil, "102", func(err error) bool { return errors.Is(err, context.DeadlineExceeded) && errors.Is(err, errCut) }},
		"the server goes in circles": {[]answer{first}, nil, "102", func(err error) bool {
			var bad *client.BadAnswer
			return errors.As(err, &bad)
		}},
		"the server says nothing": {[]answer{first, says(200, "{}")}, nil, "102", client.Temporary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				since, err := (&network{answers: test.answers}).client(client.Token("secret")).
					CatchUp(ctx, room, "101", func([]wire.MessageChange) error { return test.apply })
				if since != test.since || err == nil || !test.is(err) {
					t.Errorf("up to %s, %v", since, err)
				}
			})
		})
	}
}
