package browser

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

//go:embed media.html
var mediaPage []byte

var scripts = regexp.MustCompile("(?s)```js\n(.*?)```")

// documented are the functions that docs/media.md has for pages.
func documented(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/media.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, block := range scripts.FindAllSubmatch(text, -1) {
		all.Write(block[1])
	}
	if all.Len() == 0 {
		t.Fatal("docs/media.md has no functions for pages")
	}
	return []byte(all.String())
}

// shown is what the page tells at its end.
type shown struct {
	Error   string    `json:"error"`
	Picture uuid.UUID `json:"picture"`
	Text    uuid.UUID `json:"text"`
	Width   int       `json:"width"` // pixels, of the thumbnail
	Height  int       `json:"height"`
}

// A page of another origin uploads and shows by what the documentation gives it: where API and object store are one origin, and where they are two.
func TestAPageUploadsAndShowsMedia(t *testing.T) {
	told := make(chan shown, 1)
	functions := documented(t)
	pages := http.NewServeMux()
	pages.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(mediaPage) })
	pages.HandleFunc("GET /docs.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(functions)
	})
	pages.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var result shown
		if err := json.NewDecoder(r.Body).Decode(&result); err != nil {
			result.Error = err.Error()
		}
		told <- result
	})
	server := httptest.NewServer(pages)
	defer server.Close()
	origins := deployment.Settings{"ISM_HTTP_CORS_ORIGINS": server.URL}
	for name, start := range map[string]func(t testing.TB, settings ...deployment.Settings) *deployment.Deployment{
		"one process": deployment.OneProcess, "five processes": deployment.FiveProcesses,
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, origins)
			alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
			room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Browser", Invited: []uuid.UUID{alice.ID, bob.ID}})
			if err != nil {
				t.Fatal(err)
			}
			browse(t, server.URL+"/#"+url.Values{"base": {d.BaseURL}, "token": {d.Token(t, "alice")}, "room": {room.ID.String()}}.Encode())
			var result shown
			select {
			case result = <-told:
			case <-time.After(2 * time.Minute):
				t.Fatal("the page tells nothing")
			}
			if result.Error != "" || result.Width != 256 || result.Height != 192 {
				t.Fatalf("the page tells %+v", result)
			}
			if content, _, err := bob.Download(t.Context(), result.Picture, ""); err != nil || http.DetectContentType(content) != "image/jpeg" {
				t.Errorf("bob gets %d bytes, %v", len(content), err)
			}
			if content, _, err := bob.Download(t.Context(), result.Text, ""); err != nil || string(content) != strings.Repeat("soup or salad\n", 450_000) {
				t.Errorf("bob gets %d bytes, %v", len(content), err)
			}
		})
	}
}
