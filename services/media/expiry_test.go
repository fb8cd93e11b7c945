package media_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/objects"
)

// What is signed for an upload is good no longer than the upload: what came later would be nobody's.
func TestNothingIsSignedBeyondTheEndOfAnUpload(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.UploadTTL = 3 * time.Second
	w := newWorld(t, cfg)
	room := uuid.New()
	alice := w.member(room)
	named := []string{"Idempotency-Key", "soup"}
	content := []byte("soup")
	parts := w.create(alice, room, "video/webm", objects.MinPartSize+1) // its end comes first
	begun := time.Now()
	answer := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "text/plain", len(content), ""), named...)
	var said struct {
		created
		ExpiresAt wire.Time `json:"expiresAt"`
		Upload    struct {
			Form      objects.Form `json:"form"`
			ExpiresAt wire.Time    `json:"expiresAt"`
		} `json:"upload"`
	}
	if err := json.Unmarshal(answer.Body, &said); err != nil || time.Until(said.Upload.ExpiresAt.Time) > cfg.UploadTTL+time.Second {
		t.Fatalf("created is %s, %v", answer, err)
	}
	var good time.Duration // how long after the beginning a form was sent that was taken, at the latest
	servicetest.Await(t, "the form is refused", func() bool {
		sent := time.Since(begun)
		switch status := w.post(said.Upload.Form, content); status {
		case http.StatusNoContent:
			good = sent
			return false
		case http.StatusForbidden:
			return true
		default:
			t.Fatalf("the form: %d", status)
			return false
		}
	})
	if good > time.Until(said.Upload.ExpiresAt.Time)+time.Since(begun)+time.Second {
		t.Errorf("the form was good for %s", good)
	}
	for what, answer := range map[string]struct{ path, body string }{
		"the upload is begun again": {"/api/media", requestFor(room, "text/plain", len(content), "")},
		"a part is signed":          {"/api/media/" + parts.ID.String() + "/parts", `{"numbers":[1]}`},
	} {
		if got := w.do(alice, http.MethodPost, answer.path, answer.body, named...); got.Status != http.StatusConflict || got.Code() != "media-state" {
			t.Errorf("after its end %s: %s", what, got)
		}
	}
}

func TestADownloadIsGoodAsLongAsIsConfigured(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.DownloadTTL = 2 * time.Second
	w := newWorld(t, cfg)
	room := uuid.New()
	alice := w.member(room)
	medium := w.uploaded(alice, room, "text/plain", []byte("soup"))
	_, header := w.ask(alice, http.MethodGet, "/api/media/"+medium.ID.String(), nil)
	if kept := header.Get("Cache-Control"); kept != "private, max-age=1" {
		t.Errorf("the answer may be kept: %s", kept)
	}
	signed := header.Get("Location")
	var content []byte
	servicetest.Await(t, "the address is refused", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, signed, nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.send(request, &content) == http.StatusForbidden
	})
	if !strings.Contains(string(content), "AccessDenied") {
		t.Errorf("it is refused by %s", content)
	}
	if got, status := w.downloaded(alice, medium.ID, ""); status != http.StatusOK || string(got) != "soup" {
		t.Errorf("a new address: %d, %q", status, got)
	}
}
