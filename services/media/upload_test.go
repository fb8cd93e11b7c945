package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/objects"
)

// picture is a PNG of so many pixels.
func picture(tb testing.TB, width, height int) []byte {
	tb.Helper()
	canvas := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			canvas.Set(x, y, color.RGBA{uint8(x), uint8(y), 128, 255})
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, canvas); err != nil {
		tb.Fatal(err)
	}
	return encoded.Bytes()
}

func TestAPictureIsUploadedAndDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, bob := w.member(room), w.member(room)
	content := picture(t, 600, 300)
	medium := w.uploaded(alice, room, "image/png", content)
	if medium.State != wire.MediaReady || medium.Width != 600 {
		t.Fatalf("the medium is %+v", medium)
	}
	for _, user := range []uuid.UUID{alice, bob} {
		if got, status := w.downloaded(user, medium.ID, ""); status != http.StatusOK || !bytes.Equal(got, content) {
			t.Errorf("downloaded was %d with %d bytes", status, len(got))
		}
	}
	thumb, status := w.downloaded(bob, medium.ID, "?variant=thumb")
	small, err := jpeg.DecodeConfig(bytes.NewReader(thumb))
	if status != http.StatusOK || err != nil || small.Width != 256 || small.Height != 128 {
		t.Errorf("the thumbnail is %d, %+v, %v", status, small, err)
	}
	if _, status := w.downloaded(bob, medium.ID, "?variant=512"); status != http.StatusNotFound {
		t.Errorf("a variant that there is not: %d", status)
	}
	answer := w.do(alice, http.MethodPost, "/api/media/"+medium.ID.String()+"/complete", "")
	if answer.Status != http.StatusOK || !strings.Contains(string(answer.Body), `"state":"ready"`) {
		t.Errorf("completed again: %s", answer)
	}
}

func TestTheNameThatADownloadHasIsSafe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	medium := w.uploaded(alice, room, "text/plain", []byte("soup"))
	_, header := w.ask(alice, http.MethodGet, "/api/media/"+medium.ID.String(), nil)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, header.Get("Location"), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind, as := response.Header.Get("Content-Type"), response.Header.Get("Content-Disposition"); kind != "application/octet-stream" || as != `attachment; filename="soup.png"` {
		t.Errorf("it is served as %s, %s", kind, as)
	}
}

func TestALargeMediumIsUploadedInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	content := make([]byte, objects.MinPartSize+1000)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	copy(content, "\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm") // what tells a film
	sum := sha256.Sum256(content)
	answer := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "video/webm", len(content), fmt.Sprintf(`,"sha256":%q`, hex.EncodeToString(sum[:]))))
	var c created
	if err := json.Unmarshal(answer.Body, &c); err != nil || c.Upload == nil || c.Upload.Form != nil || c.Upload.Parts != 2 || c.Upload.PartSize != objects.MinPartSize {
		t.Fatalf("created is %s", answer)
	}
	at := "/api/media/" + c.ID.String()
	if answer := w.do(alice, http.MethodPost, at+"/complete", ""); answer.Status != http.StatusConflict || answer.Code() != "media-not-uploaded" {
		t.Errorf("without parts: %s", answer)
	}
	var signed struct {
		Parts []struct {
			Number int
			Size   int
			objects.Request
		}
	}
	w.do(alice, http.MethodPost, at+"/parts", `{"numbers":[2,1]}`).Decode(t, &signed)
	for _, part := range signed.Parts {
		from := (part.Number - 1) * objects.MinPartSize
		request, err := http.NewRequestWithContext(context.Background(), part.Method, part.URL, bytes.NewReader(content[from:from+part.Size]))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range part.Headers {
			request.Header.Set(name, value)
		}
		if status := w.send(request, nil); status != http.StatusOK {
			t.Fatalf("part %d: %d", part.Number, status)
		}
	}
	var there struct{ Uploaded []struct{ Number, Size int } }
	w.do(alice, http.MethodGet, at+"/parts", "").Decode(t, &there)
	if len(there.Uploaded) != 2 || there.Uploaded[1].Size != 1000 {
		t.Errorf("there are %+v", there.Uploaded)
	}
	if answer := w.do(alice, http.MethodPost, at+"/parts", `{"numbers":[3]}`); answer.Code() != "invalid-request" {
		t.Errorf("a part that there is not: %s", answer)
	}
	if answer := w.do(alice, http.MethodPost, at+"/complete", ""); answer.Status != http.StatusAccepted {
		t.Fatalf("complete: %s", answer)
	}
	servicetest.Await(t, "the medium is ready", func() bool { return w.status(alice, c.ID).State == wire.MediaReady })
	if got, status := w.downloaded(alice, c.ID, ""); status != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("downloaded was %d with %d bytes", status, len(got))
	}
}

func TestUploadsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, stranger := w.member(room), uuid.New()
	former := uuid.New()
	w.stands(events.Standing{RoomID: room, Version: 2, UserID: former, Status: wire.Left})
	for name, c := range map[string]struct {
		by     uuid.UUID
		body   string
		status int
		code   string
	}{
		"nobody":                     {uuid.Nil, requestFor(room, "image/png", 1, ""), 401, "unauthorized"},
		"a stranger":                 {stranger, requestFor(room, "image/png", 1, ""), 404, "room-not-found"},
		"a former member":            {former, requestFor(room, "image/png", 1, ""), 404, "room-not-found"},
		"no size":                    {alice, requestFor(room, "image/png", 0, ""), 422, "invalid-request"},
		"a size below 0":             {alice, requestFor(room, "image/png", -1, ""), 422, "invalid-request"},
		"too large":                  {alice, requestFor(room, "image/png", 8<<20+1, ""), 413, "media-too-large"},
		"a type that is not allowed": {alice, requestFor(room, "application/x-msdownload", 1, ""), 422, "media-type-not-allowed"},
		"no media type":              {alice, requestFor(room, "picture", 1, ""), 422, "invalid-request"},
		"a type without a subtype":   {alice, requestFor(room, "image/", 1, ""), 422, "invalid-request"},
		"a type that nobody signs":   {alice, requestFor(room, "image/"+strings.Repeat("x", 122), 1, ""), 422, "invalid-request"},
		"no checksum":                {alice, requestFor(room, "image/png", 1, `,"sha256":"abc"`), 422, "invalid-request"},
		"no room":                    {alice, `{"fileName":"a","mimeType":"image/png","size":1}`, 422, "invalid-request"},
		"no JSON":                    {alice, `{`, 400, "malformed-json"},
	} {
		if answer := w.do(c.by, http.MethodPost, "/api/media", c.body); answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%s: %s", name, answer)
		}
	}
	for range 2 { // of 20 MiB three of 8 MiB are too many
		w.create(alice, room, "video/mp4", 8<<20)
	}
	if answer := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "video/mp4", 8<<20, "")); answer.Status != 422 || answer.Code() != "media-quota" {
		t.Errorf("above the quota: %s", answer)
	}
	w.set(func() { w.down = true })
	if answer := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "image/png", 1, "")); answer.Status != 503 || answer.Code() != "rooms-unavailable" || answer.Header.Get("Retry-After") == "" {
		t.Errorf("rooms does not answer: %s", answer)
	}
}

func TestOnlyWhatWasSaidIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, bob := w.member(room), w.member(room)
	content := picture(t, 10, 10)
	c := w.create(alice, room, "image/png", len(content))
	at := "/api/media/" + c.ID.String()
	if status := w.post(*c.Upload.Form, append(content, 0)); status/100 != 4 {
		t.Errorf("a larger one: %d", status)
	}
	another := objects.Form{URL: c.Upload.Form.URL, Fields: map[string]string{}}
	for name, value := range c.Upload.Form.Fields {
		another.Fields[name] = strings.ReplaceAll(value, c.ID.String(), uuid.NewString())
	}
	if status := w.post(another, content); status/100 != 4 {
		t.Errorf("another key: %d", status)
	}
	if answer := w.do(alice, http.MethodPost, at+"/complete", ""); answer.Code() != "media-not-uploaded" {
		t.Errorf("complete without an upload: %s", answer)
	}
	if answer := w.do(bob, http.MethodPost, at+"/complete", ""); answer.Code() != "media-not-found" {
		t.Errorf("somebody else completes: %s", answer)
	}
	if _, status := w.downloaded(bob, c.ID, ""); status != http.StatusNotFound {
		t.Errorf("before it is there: %d", status)
	}
	if _, status := w.downloaded(alice, c.ID, ""); status != http.StatusConflict {
		t.Errorf("its uploader, before it is there: %d", status)
	}
	page := []byte("<html><script>alert(1)</script></html>")
	if got := w.uploaded(alice, room, "image/png", page); got.State != wire.MediaRejected || got.Reason != "not-what-it-says" {
		t.Errorf("a page as a picture is %+v", got)
	}
	if got := w.uploaded(alice, room, "image/png", content[:len(content)/2]); got.State != wire.MediaRejected || got.Reason != "unreadable-image" {
		t.Errorf("half a picture is %+v", got)
	}
}

func TestANamedUploadGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	first := w.create(alice, room, "image/png", 100, "Idempotency-Key", "soup")
	again := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "image/png", 100, ""), "Idempotency-Key", "soup")
	var second created
	again.Decode(t, &second)
	if second.ID != first.ID || second.Upload == nil || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("asked again: %s", again)
	}
	if other := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "image/png", 101, ""), "Idempotency-Key", "soup"); other.Code() != "idempotency-key-reused" {
		t.Errorf("for another one: %s", other)
	}
	w.do(alice, http.MethodDelete, "/api/media/"+first.ID.String(), "")
	gone := w.do(alice, http.MethodPost, "/api/media", requestFor(room, "image/png", 100, ""), "Idempotency-Key", "soup")
	if gone.Status != http.StatusConflict && gone.Status != http.StatusCreated { // where it is forgotten, it is a new one
		t.Errorf("once it is deleted: %s", gone)
	}
}

func TestWhoMayDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, bob := w.member(room), w.member(room)
	medium := w.uploaded(alice, room, "image/png", picture(t, 10, 10))
	message := uuid.New()
	former, late, stranger := uuid.New(), uuid.New(), uuid.New()
	w.stands(events.Standing{RoomID: room, Version: 2, UserID: former, Status: wire.Left, To: &message})
	w.stands(events.Standing{RoomID: room, Version: 2, UserID: late, Status: wire.Joined, From: &message})
	body, err := json.Marshal(wire.MediaBody{ID: medium.ID, URL: "https://chat.example/", Type: "image"})
	if err != nil {
		t.Fatal(err)
	}
	w.tells(events.MessagePosted{
		RoomID: room, Preview: wire.MediaPreview("alice", "image"), Audience: events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1},
		Message: wire.Message{ID: message, RoomID: room, SenderID: alice, Type: wire.Media, Body: body, CreatedAt: wire.At(time.Now())},
	})
	status := func(user uuid.UUID) int {
		_, status := w.downloaded(user, medium.ID, "")
		return status
	}
	servicetest.Await(t, "the message is known", func() bool { return status(late) == http.StatusNotFound })
	if got := status(bob); got != http.StatusOK {
		t.Errorf("a member: %d", got)
	}
	if got := status(stranger); got != http.StatusNotFound {
		t.Errorf("a stranger: %d", got)
	}
	if got := status(former); got != http.StatusNotFound {
		t.Errorf("a former member who does not see the message: %d", got)
	}
	w.set(func() { w.readers[[2]uuid.UUID{message, former}], w.readers[[2]uuid.UUID{message, late}] = true, true })
	if a, b := status(former), status(late); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("who sees the message: %d, %d", a, b)
	}
	if answer := w.do(alice, http.MethodDelete, "/api/media/"+medium.ID.String(), ""); answer.Code() != "media-in-use" {
		t.Errorf("withdrawn while a message shows it: %s", answer)
	}
	gone := wire.At(time.Now())
	w.tells(events.MessageDeleted{Revision: events.Revision{
		RoomID: room, Audience: events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1},
		Message: wire.Message{ID: message, RoomID: room, SenderID: alice, Type: wire.Media, Body: json.RawMessage("{}"), CreatedAt: wire.At(time.Now()), DeletedAt: &gone, Position: events.Position{Offset: 1}.String()},
	}})
	servicetest.Await(t, "the medium has gone with its message", func() bool { return status(bob) == http.StatusNotFound })
	servicetest.Await(t, "its objects are gone", func() bool {
		left, err := w.objects.List(t.Context(), room.String()+"/"+medium.ID.String(), "", 10)
		return err == nil && len(left) == 0
	})
}

func TestAnUploadIsWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, bob := w.member(room), w.member(room)
	medium := w.uploaded(alice, room, "text/plain", []byte("soup"))
	at := "/api/media/" + medium.ID.String()
	if answer := w.do(bob, http.MethodDelete, at, ""); answer.Code() != "media-not-found" {
		t.Errorf("by somebody else: %s", answer)
	}
	if answer := w.do(alice, http.MethodDelete, at, ""); answer.Status != http.StatusNoContent {
		t.Errorf("by its uploader: %s", answer)
	}
	if answer := w.do(alice, http.MethodGet, at, ""); answer.Status != http.StatusNotFound {
		t.Errorf("then: %s", answer)
	}
}

func TestMessagesAsksForAMedium(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	medium := w.uploaded(alice, room, "image/png", picture(t, 40, 30))
	ask := func(id uuid.UUID, query string) (answer events.MediaAnswer, status int) {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.internal+"/internal/media/"+id.String()+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		var body []byte
		status = w.send(request, &body)
		_ = json.Unmarshal(body, &answer)
		return answer, status
	}
	got, _ := ask(medium.ID, "")
	want := events.MediaAnswer{
		ID: medium.ID, RoomID: room, UploaderID: alice, State: wire.MediaReady, URL: "https://chat.example/api/media/" + medium.ID.String(),
		FileName: "soup.png", MIMEType: "image/png", Size: got.Size, Width: 40, Height: 30,
	}
	if got != want || got.Size == 0 {
		t.Errorf("the answer is %+v", got)
	}
	if _, status := ask(uuid.New(), ""); status != http.StatusNotFound {
		t.Errorf("of none: %d", status)
	}
	if _, status := ask(medium.ID, "?roomId=soup"); status != http.StatusBadRequest {
		t.Errorf("of no room: %d", status)
	}
	withdraw := func() nodetest.Answer { return w.do(alice, http.MethodDelete, "/api/media/"+medium.ID.String(), "") }
	if got, _ := ask(medium.ID, "?roomId="+room.String()+"&senderId="+alice.String()); got != want {
		t.Errorf("for a message the answer is %+v", got)
	}
	if answer := withdraw(); answer.Status != http.StatusConflict || answer.Code() != "media-in-use" {
		t.Errorf("withdrawn while a message is about to show it: %s", answer)
	}
}
