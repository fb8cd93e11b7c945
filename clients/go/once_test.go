package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

var room = uuid.MustParse("0192d3a0-0000-7000-8000-000000000001")

func draft(name string) client.Draft {
	return client.Draft{Room: room, Type: wire.Text, Body: wire.TextBody{Text: "Soup?"}, Name: name}
}

const taken = `{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","messageId":"02000000-0000-0000-0000-000000000000","msgType":"Text","msgBody":{"text":"Soup?"}}`

func TestSendOnceTriesAgainUnderTheSameName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{
			cut,
			problem(429, "too-many-requests", "Retry-After: 7"),
			problem(408, "timeout"),
			problem(503, "kafka-unavailable", "Retry-After: Sat, 01 Jan 2000 00:01:00 GMT"), // the bubble's time begins with 2000
			problem(504, "outcome-unknown"),
			problem(409, "send-under-way", "Retry-After: 1"),
			says(200, "<html>sign in", "Content-Type: text/html"),
			says(204, ""),
			says(200, "{}"),
			says(200, taken[:30]),
			says(302, ""),
			func(r *http.Request) (*http.Response, error) { // a server that never answers
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
			problem(401, "unauthorized"),
			says(200, taken),
		}}
		asked := 0
		c := n.client(func(context.Context) (string, error) { asked++; return fmt.Sprint("token-", asked), nil })
		sent, err := c.SendOnce(t.Context(), draft(""))
		if err != nil || sent.ID == uuid.Nil {
			t.Fatalf("%+v, %v", sent, err)
		}
		var first struct {
			Name string `json:"clientMsgId"`
		}
		if err := json.Unmarshal([]byte(n.bodies[0]), &first); err != nil || first.Name == "" {
			t.Fatalf("%s, %v", n.bodies[0], err)
		}
		for i, key := range n.headers("Idempotency-Key") {
			if n.bodies[i] != n.bodies[0] || key != `"`+first.Name+`"` {
				t.Errorf("attempt %d sends %s under %s; the first was %s", i, n.bodies[i], key, n.bodies[0])
			}
		}
		waits := n.waits()
		if waits[0] > 500*time.Millisecond || waits[1] < 7*time.Second || waits[5] < time.Second || n.at[4].Before(time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)) {
			t.Errorf("waited %v", waits)
		}
		if waits[11] < 30*time.Second || waits[12] != 0 || asked != 2 {
			t.Errorf("waited %v; asked %d times for a token", waits, asked)
		}
	})
}

func TestSendOnceSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	refused, full := problem(422, "invalid-request"), problem(429, "too-many-requests")
	for name, test := range map[string]struct {
		answers []answer
		known   bool
		code    string
	}{
		"refused":                      {[]answer{refused}, true, "invalid-request"},
		"full, then refused":           {[]answer{full, refused}, true, "invalid-request"},
		"cut, then refused":            {[]answer{cut, refused}, false, "invalid-request"},
		"cut, until the end":           {[]answer{cut}, false, ""},
		"full, until the end":          {[]answer{full}, true, "too-many-requests"},
		"under way, until the end":     {[]answer{problem(409, "send-under-way")}, false, "send-under-way"},
		"a proxy's 503, until the end": {[]answer{says(503, "Service Unavailable")}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := (&network{answers: test.answers}).client(client.Token("secret")).SendOnce(ctx, draft("mine"))
				var unsure *client.NotConfirmed
				if err == nil || errors.As(err, &unsure) == test.known {
					t.Fatalf("error %v", err)
				}
				if unsure != nil && unsure.Name != "mine" {
					t.Errorf("the name is %q", unsure.Name)
				}
				if test.code != "" && !client.HasCode(err, test.code) {
					t.Errorf("the error is not %s: %v", test.code, err)
				}
				if strings.Contains(name, "until") && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("the error does not tell the end: %v", err)
				}
			})
		})
	}
}

// A name that no header can hold goes in the body alone. What asks for tokens is not asked twice at a time, and its failure is tried again.
func TestSendOnceNamesAndTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []answer{says(200, taken)}}
		asking, asked := 0, 0
		c := n.client(func(context.Context) (string, error) {
			asking++
			defer func() { asking-- }()
			if asked++; asking > 1 {
				t.Error("asked twice at a time")
			}
			time.Sleep(time.Second)
			if asked == 1 {
				return "", errors.New("issuer down")
			}
			return "secret", nil
		})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := c.SendOnce(t.Context(), draft(`Süppchen "7"`)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if asked != 2 || n.headers("Idempotency-Key")[0] != "" || !strings.Contains(n.bodies[0], `"clientMsgId":"Süppchen \"7\""`) {
			t.Errorf("asked %d times; %q, %s", asked, n.headers("Idempotency-Key"), n.bodies[0])
		}
	})
}

// Over TCP, with a server that drops the connection once it has the message, and one that is not there for a moment.
func TestSendOnceOverConnectionsThatAreCut(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent, tries := map[string]int{}, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		sent[r.Header.Get("Idempotency-Key")]++
		if tries++; tries < 3 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(w, taken)
	}))
	t.Cleanup(server.Close)
	if _, err := client.New(server.URL, server.Client(), client.Token("secret")).SendOnce(t.Context(), draft("")); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 || tries != 3 {
		t.Errorf("%d attempts under the names %v", tries, sent)
	}
}
