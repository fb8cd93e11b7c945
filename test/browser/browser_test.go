// Package browser reads streams as a browser does: with Chromium's own EventSource, through the gateway.
package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

//go:embed page.html
var page []byte

// report is what the page tells of its stream.
type report struct {
	Number int              `json:"number"`
	Opened bool             `json:"opened"`
	ID     string           `json:"id"`
	Data   wire.ChatMessage `json:"data"`
}

// reports are all that the page has told.
type reports struct {
	mu   sync.Mutex
	all  []report
	news chan struct{}
}

func (r *reports) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodGet {
		_, _ = w.Write(page)
		return
	}
	var told report
	if err := json.NewDecoder(request.Body).Decode(&told); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, told)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// await waits until what the page has told satisfies the condition.
func (r *reports) await(t *testing.T, what string, condition func(all []report) bool) []report {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		r.mu.Lock()
		all := slices.Clone(r.all)
		r.mu.Unlock()
		if condition(all) {
			return all
		}
		select {
		case <-r.news:
		case <-deadline:
			t.Fatalf("waited in vain for %s; the page told %d times", what, len(all))
		}
	}
}

// openings counts how often the stream was opened.
func openings(all []report) (n int) {
	for _, told := range all {
		if told.Opened {
			n++
		}
	}
	return n
}

// messages are those that the page has got.
func messages(all []report) (ids []uuid.UUID) {
	for _, told := range all {
		if told.Data.Type == "ChatMessage" {
			ids = append(ids, told.Data.Message.ID)
		}
	}
	return ids
}

// browse shows the address to a browser until the test ends.
func browse(t *testing.T, address string) {
	t.Helper()
	// Its processes are of one group. It runs as root in CI, where it cannot use its sandbox.
	cmd := exec.Command(enginetest.Installed(t, "chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
}

// The edge is killed again and again while messages come in. The browser opens its stream anew each time, and the page gets each message once,
// in the order of the history.
func TestEventSourceMissesNothingWhileItsEdgeIsKilled(t *testing.T) {
	told := &reports{news: make(chan struct{}, 1)}
	server := httptest.NewServer(told)
	defer server.Close()
	d := deployment.FiveProcesses(t, deployment.Settings{"ISM_HTTP_CORS_ORIGINS": server.URL})
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Browser", Invited: []uuid.UUID{alice.ID, bob.ID}})
	if err != nil {
		t.Fatal(err)
	}
	fragment := url.Values{"base": {d.BaseURL}, "token": {d.Token(t, "bob")}}
	browse(t, server.URL+"/#"+fragment.Encode())
	told.await(t, "the stream", func(all []report) bool { return openings(all) == 1 })

	var sent []uuid.UUID
	send := func(n int) {
		t.Helper()
		for i := range n {
			message, err := alice.SendText(t.Context(), room.ID, fmt.Sprintf("%d", len(sent)+i))
			if err != nil {
				t.Fatalf("send: %v", err)
			}
			sent = append(sent, message.ID)
		}
	}
	const kills = 3
	for kill := range kills {
		send(20)
		d.Kill(t, "realtime")
		send(10) // while nobody listens
		d.Restart(t, "realtime")
		send(10)
		told.await(t, "the stream once more", func(all []report) bool { return openings(all) == kill+2 })
	}
	send(10)
	all := told.await(t, "all messages", func(all []report) bool { return len(messages(all)) >= len(sent) })
	if got := messages(all); !slices.Equal(got, sent) {
		t.Errorf("the page has %d messages, not the %d that were sent, in their order", len(got), len(sent))
	}
	for i, one := range all {
		if one.Number != i || one.Data.Type == "Resync" {
			t.Errorf("report %d is %+v", i, one)
		}
	}
}
