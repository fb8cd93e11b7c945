package media_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/media/internal/scan"
)

// waiting is what the internal listener says of the upload that has waited longest.
func (w *world) waiting() string {
	w.tb.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.internal+"/metrics", nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	var body []byte
	w.send(request, &body)
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, "ism_media_uploaded_oldest_seconds "); ok {
			return strings.TrimSpace(value)
		}
	}
	w.tb.Error("it is not measured for how long uploads wait")
	return ""
}

// While the scanner is away, it shows that an upload waits.
func TestHowLongUploadsWaitIsMeasured(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Scan = scan.Config{URL: "tcp://127.0.0.1:1"}
	w := newWorld(t, cfg)
	room := uuid.New()
	alice := w.member(room)
	if got := w.waiting(); got != "0" {
		t.Errorf("at rest it is %s", got)
	}
	content := []byte("soup")
	c := w.create(alice, room, "text/plain", len(content))
	if status := w.post(*c.Upload.Form, content); status != http.StatusNoContent {
		t.Fatalf("the form: %d", status)
	}
	if answer := w.do(alice, http.MethodPost, "/api/media/"+c.ID.String()+"/complete", ""); answer.Status != http.StatusAccepted {
		t.Fatalf("complete: %s", answer)
	}
	servicetest.Await(t, "it waits", func() bool { return w.waiting() != "0" })
	if answer := w.do(alice, http.MethodDelete, "/api/media/"+c.ID.String(), ""); answer.Status != http.StatusNoContent {
		t.Fatalf("withdraw: %s", answer)
	}
	servicetest.Await(t, "it waits no more", func() bool { return w.waiting() == "0" })
}
