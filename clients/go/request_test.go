package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/ism-chat/ism/clients/go"
)

// jwt is a token that claims it was issued and ends then, in seconds from now.
func jwt(issued, ends int) string {
	now := int(time.Now().Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"exp":%d}`, now+issued, now+ends)) + "."
}

// A token is kept until shortly before its end; a clock that is off by a day changes nothing.
func TestTokensAreKeptUntilShortlyBeforeTheirEnd(t *testing.T) {
	t.Parallel()
	const day = 24 * 3600
	for name, test := range map[string]struct {
		issued, ends int
		keeps        time.Duration
	}{
		"ten minutes":                 {0, 600, 570 * time.Second},
		"a minute":                    {0, 60, 54 * time.Second},
		"half of its life is over":    {-300, 300, 270 * time.Second},
		"the clock is a day ahead":    {-day, -day + 600, 570 * time.Second},
		"the clock is a day behind":   {day, day + 600, 570 * time.Second},
		"no time of its issue, so -1": {-1 << 40, 600, 570 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := (&network{answers: []answer{says(200, "[]")}}).client(func(context.Context) (string, error) {
					asked++
					return jwt(test.issued, test.ends), nil
				}).KeepingToken()
				for _, step := range []struct {
					after time.Duration
					asked int
				}{{0, 1}, {test.keeps - time.Second, 1}, {time.Second, 2}} {
					time.Sleep(step.after)
					if _, err := c.Rooms(t.Context()); err != nil || asked != step.asked {
						t.Errorf("asked %d times, expected %d; %v", asked, step.asked, err)
					}
				}
			})
		})
	}
}

func TestARefusedTokenIsAskedForAgainOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := problem(401, "unauthorized")
		n := &network{answers: []answer{refused, says(200, "[]"), refused, refused, refused}}
		asked := 0
		c := n.client(func(context.Context) (string, error) { asked++; return fmt.Sprint(min(asked, 4)), nil })
		if _, err := c.KeepingToken().Rooms(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := c.KeepingToken().Rooms(t.Context()); !client.HasCode(err, "unauthorized") || client.Temporary(err) {
			t.Errorf("error %v", err)
		}
		if _, err := c.KeepingToken().Rooms(t.Context()); !client.HasCode(err, "unauthorized") { // the source has one more, and then no other
			t.Errorf("error %v", err)
		}
		if got := n.headers("Authorization"); !slices.Equal(got, []string{"Bearer 1", "Bearer 2", "Bearer 2", "Bearer 3", "Bearer 3", "Bearer 4"}) {
			t.Errorf("tokens %q", got)
		}
		before := asked
		if _, err := c.Rooms(t.Context()); !client.HasCode(err, "unauthorized") || asked != before+1 {
			t.Errorf("a client that keeps no token asked %d times; %v", asked-before, err)
		}
	})
}

func TestErrorsSayWhatIsTheMatter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			answer
			temporary bool
			wait      time.Duration
			says      string
		}{
			{problem(503, "kafka-unavailable", "Retry-After: 3"), true, 3 * time.Second, "kafka-unavailable"},
			{problem(429, "too-many-requests", "Retry-After: 86400"), true, time.Hour, "4bf9"},
			{problem(503, "x", "Retry-After: Sat, 01 Jan 2000 00:01:00 GMT"), true, time.Minute, "503"},
			{problem(503, "x", "Retry-After: soon"), true, 0, "503"},
			{problem(503, "x", "Retry-After: -5"), true, 0, "503"},
			{problem(404, "room-not-found"), false, 0, "room-not-found"},
			{problem(409, "media-not-ready", "Retry-After: 1"), true, time.Second, "media-not-ready"},
			{problem(409, "another"), false, 0, "409"},
			{says(502, "<html>Bad Gateway"), true, 0, "Bad Gateway"},
			{says(404, strings.Repeat("x", 1<<20)), false, 0, "404"},
			{says(200, "<html>sign in", "Content-Type: text/html"), true, 0, "sign in"},
			{says(200, `[{"id":7}]`), true, 0, "not ISM's"},
			{says(204, ""), true, 0, "204"},
			{cut, true, 0, "connection reset"},
		} {
			_, err := (&network{answers: []answer{test.answer}}).client(client.Token("secret")).Rooms(t.Context())
			if err == nil || client.Temporary(err) != test.temporary || client.RetryIn(err) != test.wait || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 600 {
				t.Errorf("%v: temporary %v, in %v; expected %+v", err, client.Temporary(err), client.RetryIn(err), test)
			}
		}
	})
	if client.Temporary(nil) || client.Temporary(errors.New("another")) {
		t.Error("what is no answer is tried again")
	}
}

// A POST that a login page is the answer to was not done.
func TestARedirectToALoginPageIsNoSuccess(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, taken)
			return
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := client.New(server.URL, server.Client(), client.Token("secret"))
	var bad *client.BadAnswer
	if err := c.MarkRead(t.Context(), room); !errors.As(err, &bad) || !strings.Contains(err.Error(), "/login") {
		t.Errorf("error %v", err)
	}
	if _, err := c.SendText(t.Context(), room, "Soup?"); !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
}
