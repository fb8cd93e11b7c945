package media_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
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

// Who may not give a room a picture is told so by the head of the request: no byte of the picture is awaited.
func TestPicturesOfWhoMayNotAreNotReceived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice, shop := w.member(room), uuid.New()
	former := uuid.New()
	w.stands(events.Standing{RoomID: room, Version: 2, UserID: former, Status: wire.Left})
	at := func(room string) string { return "/api/rooms/" + room + "/upload-img" }
	const picture = 3 << 20
	asking := func(user uuid.UUID) string {
		return "Authorization: Bearer " + w.issuer.Sign(t, w.issuer.Claims(user, "somebody")) + "\r\n"
	}
	backend := w.issuer.Claims(shop, "shop")
	backend["azp"] = "shop"
	for name, c := range map[string]struct {
		path, head string
		size       int
		status     int
		code       string
	}{
		"nobody":              {at(room.String()), "", picture, 401, "unauthorized"},
		"a token of no one's": {at(room.String()), "Authorization: Bearer x.y.z\r\n", picture, 401, "unauthorized"},
		"a stranger":          {at(room.String()), asking(uuid.New()), picture, 404, "room-not-found"},
		"a former member":     {at(room.String()), asking(former), picture, 404, "room-not-found"},
		"of no room":          {at("soup"), asking(alice), picture, 400, "invalid-id"},
		"above 5 MB":          {at(room.String()), asking(alice), 6 << 20, 413, "body-too-large"},
		"a member":            {at(room.String()), asking(alice), picture, 100, ""},
		"the backend":         {at(room.String()), "Authorization: Bearer " + w.issuer.Sign(t, backend) + "\r\n", picture, 100, ""},
	} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", c.path, c.head, c.size); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var problem struct{ Code string }
		if c.status != http.StatusContinue {
			err = json.NewDecoder(response.Body).Decode(&problem)
		}
		if err != nil || response.StatusCode != c.status || problem.Code != c.code {
			t.Errorf("%s: %d %+v, %v", name, response.StatusCode, problem, err)
		}
	}
	w.set(func() { w.down = true })
	if answer := w.uploadPicture(alice, room, "image", make([]byte, picture)); answer.Status != http.StatusServiceUnavailable || answer.Code() != "rooms-unavailable" {
		t.Errorf("rooms does not answer: %s", answer)
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
