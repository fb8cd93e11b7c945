//go:build compose

package compose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/test/deployment"
)

// With two of each, both work, and what they deliver is whole; with one again, the gateway knows it.
func TestComposeReplicasShareTheWork(t *testing.T) {
	stack := deployment.Compose(t)
	var two, one []string
	for _, service := range deployment.ComposeServices() {
		two, one = append(two, "--scale", service+"=2"), append(one, "--scale", service+"=1")
	}
	alice, bob := stack.SignIn(t, "alice"), stack.SignIn(t, "bob")
	whileAsked(t, alice, createRoom(t, alice, bob), "a second replica of each service starts", func() {
		stack.Up(t, append([]string{"--no-recreate"}, two...)...)
	})
	defer stack.Up(t, append([]string{"--no-recreate"}, one...)...)

	var rooms []uuid.UUID // enough to be in partitions of both
	for range 24 {
		rooms = append(rooms, createRoom(t, alice, bob))
	}
	eventually(t, "the gateway knows both edges", func() (bool, string) { // it asks for names every two seconds
		ask(t, stack, "/api/poll") // without a position it does not wait
		return bothWork(t, stack, "realtime")
	})
	var listeners []*deployment.Listener
	for range 6 { // the gateway spreads them over both
		listeners = append(listeners, bob.Listen(t))
	}
	sent := 0
	for _, service := range deployment.ComposeServices() {
		eventually(t, "both replicas of "+service+" work", func() (bool, string) {
			for _, room := range rooms {
				if _, err := alice.SendText(t.Context(), room, fmt.Sprintf("%d", sent)); err != nil {
					return false, err.Error()
				}
			}
			sent++ // in each room
			for _, path := range []string{"/api/rooms", "/api/notify", "/api/media/x"} {
				ask(t, stack, path)
			}
			return bothWork(t, stack, service)
		})
	}
	for i, listener := range listeners {
		for _, room := range rooms {
			if got := len(listener.AwaitMessages(t, room, sent)); got != sent {
				t.Errorf("stream %d has %d of %d messages", i, got, sent)
			}
		}
	}

	whileAsked(t, alice, rooms[0], "one replica of each service stops", func() {
		stack.Up(t, append([]string{"--no-recreate"}, one...)...)
	})
	eventually(t, "one of each serves", func() (bool, string) {
		_, err := alice.SendText(t.Context(), rooms[0], "alone again")
		return err == nil, fmt.Sprint(err)
	})
}

// isOfReplicas is whether something was refused as a replica was not reached, or was not ready.
func isOfReplicas(err error) bool {
	refused := (*client.Problem)(nil)
	return !errors.As(err, &refused) || refused.Code == "service-unavailable" || refused.Code == "issuer-unavailable"
}

// whileAsked has a user ask each service while something is done, and fails where a replica that comes or goes is noticed.
func whileAsked(t *testing.T, user *deployment.User, room uuid.UUID, what string, done func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var working sync.WaitGroup
	var asked atomic.Int64
	for name, ask := range map[string]func(context.Context) error{
		"list rooms": func(ctx context.Context) error { _, err := user.Rooms(ctx); return err },
		"mark read":  func(ctx context.Context) error { return user.MarkRead(ctx, room) },
		"send":       func(ctx context.Context) error { _, err := user.SendText(ctx, room, what); return err },
		"page":       func(ctx context.Context) error { _, err := user.Timeline(ctx, room, ""); return err },
		"poll":       func(ctx context.Context) error { _, err := user.Poll(ctx, "", 0); return err }, // without a position it does not wait
		"inbox":      func(ctx context.Context) error { _, err := user.InboxSince(ctx, ""); return err },
		"medium": func(ctx context.Context) error {
			_, err := user.Medium(ctx, uuid.New())
			if refused := (*client.Problem)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotFound {
				return nil // as it has been looked for
			}
			return err
		},
	} {
		working.Go(func() {
			pause := time.NewTicker(50 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
				switch err := ask(asking); {
				case err == nil:
				case isOfReplicas(err):
					t.Errorf("%s while %s: %v", name, what, err)
				default: // of engines that are busy, on a busy machine
					t.Logf("%s while %s: %v", name, what, err)
				}
				cancel()
				asked.Add(1)
				<-pause.C
			}
		})
	}
	done()
	end()
	working.Wait()
	t.Logf("%d requests while %s", asked.Load(), what)
}

func ask(t *testing.T, stack *deployment.Stack, path string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+stack.Token(t, "alice"))
	response, err := stack.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// bothWork says whether each of two replicas has answered requests and, where the service consumes, handled records.
func bothWork(t *testing.T, stack *deployment.Stack, service string) (bool, string) {
	t.Helper()
	addresses := stack.Addresses(t, service)
	found := fmt.Sprint(addresses)
	busy := 0
	for _, address := range addresses {
		series := scrape(t, address)
		requests := total(series, "ism_http_requests_total", `listener="public"`)
		groups := `group="ism.`
		if service == "realtime" { // its edges read without a group: each reads everything
			groups = `group="(reader)",outcome="ok",topic="ism.rooms"`
		}
		consumed := total(series, "ism_consume_operations_total", groups)
		found += fmt.Sprintf(" %s: %v requests, %v batches", address, requests, consumed)
		consumes := service == "rooms" || service == "messages" || service == "realtime"
		if requests > 0 && (consumed > 0 || !consumes) {
			busy++
		}
	}
	return busy == 2, found
}

func scrape(t *testing.T, address string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+":9403/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("scrape: %v", err)
	}
	defer response.Body.Close()
	var lines []string
	for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}

// total adds up the series of a metric that have the label, but those of probes.
func total(series []string, metric, label string) float64 {
	sum := 0.0
	for _, line := range series {
		if !strings.HasPrefix(line, metric+"{") || !strings.Contains(line, label) || strings.Contains(line, `route="/ready"`) || strings.Contains(line, `route="/health"`) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &value); err == nil {
			sum += value
		}
	}
	return sum
}
