package media_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
)

// uploadPicture uploads a room's picture in a field of a form.
func (w *world) uploadPicture(user, room uuid.UUID, field string, content []byte) nodetest.Answer {
	w.tb.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	file, _ := writer.CreateFormFile(field, "room.png")
	_, _ = file.Write(content)
	_ = writer.Close()
	return w.do(user, http.MethodPost, "/api/rooms/"+room.String()+"/upload-img", body.String(), "Content-Type", writer.FormDataContentType())
}

func TestARoomGetsAPicture(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	answer := w.uploadPicture(alice, room, "image", picture(t, 900, 600))
	var got struct{ ImageURL, ImageName string }
	answer.Decode(t, &got)
	if got.ImageURL != w.pictures[room] || !strings.HasSuffix(got.ImageURL, "/"+got.ImageName) {
		t.Fatalf("the answer is %s, the room has %s", answer, w.pictures[room])
	}
	path := strings.TrimPrefix(got.ImageURL, "https://chat.example")
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := nodetest.Do(t, w.http, w.description, request)
	if err != nil {
		t.Fatal(err)
	}
	size, err := jpeg.DecodeConfig(bytes.NewReader(shown.Body))
	if err != nil || size.Width != 500 || size.Height != 500 || !strings.Contains(shown.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the picture is %+v, %v, %v", size, err, shown.Header)
	}
	for _, other := range []string{strings.Replace(path, room.String(), uuid.NewString(), 1), strings.TrimSuffix(path, ".jpg"), strings.Replace(path, got.ImageName, uuid.NewString()+".jpg", 1)} {
		if answer := w.do(uuid.Nil, http.MethodGet, other, ""); answer.Status != http.StatusNotFound {
			t.Errorf("%s: %s", other, answer)
		}
	}
}

func TestPicturesOfRoomsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	for name, c := range map[string]struct {
		answer nodetest.Answer
		status int
		code   string
	}{
		"a stranger":     {w.uploadPicture(uuid.New(), room, "image", picture(t, 10, 10)), 404, "room-not-found"},
		"another field":  {w.uploadPicture(alice, room, "picture", picture(t, 10, 10)), 422, "invalid-request"},
		"no picture":     {w.uploadPicture(alice, room, "image", []byte("soup")), 422, "unsupported-image"},
		"no form":        {w.do(alice, http.MethodPost, "/api/rooms/"+room.String()+"/upload-img", "{}"), 422, "invalid-request"},
		"above 5 MB":     {w.uploadPicture(alice, room, "image", make([]byte, 5<<20+1)), 413, "media-too-large"},
		"far above 5 MB": {w.uploadPicture(alice, room, "image", make([]byte, 6<<20)), 413, "body-too-large"},
	} {
		if c.answer.Status != c.status || c.answer.Code() != c.code {
			t.Errorf("%s: %s", name, c.answer)
		}
	}
	w.set(func() { w.single = true })
	if answer := w.uploadPicture(alice, room, "image", picture(t, 10, 10)); answer.Code() != "single-room" {
		t.Errorf("a Single room: %s", answer)
	}
}
