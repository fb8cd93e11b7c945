package messages_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/attachments"
)

// media stands in for the media service: another service, not an engine.
type media struct {
	mu    sync.Mutex
	known map[uuid.UUID]events.MediaAnswer
	down  bool
}

func (m *media) put(medium events.MediaAnswer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[medium.ID] = medium
}

func (m *media) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Medium implements [attachments.Media].
func (m *media) Medium(_ context.Context, id, _, _ uuid.UUID) (events.MediaAnswer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return events.MediaAnswer{}, errors.New("nobody listens")
	}
	medium, ok := m.known[id]
	if !ok {
		return medium, attachments.ErrNotFound
	}
	return medium, nil
}

// upload makes a picture that a user may show in a room.
func (w *world) upload(user, room uuid.UUID, state wire.MediaState) events.MediaAnswer {
	id := uuid.New()
	medium := events.MediaAnswer{
		ID: id, RoomID: room, UploaderID: user, State: state, URL: "https://chat.example/api/media/" + id.String(),
		FileName: "soup.png", MIMEType: "image/png", Size: 1234, Width: 40, Height: 30,
	}
	w.media.put(medium)
	return medium
}

func shownOf(medium events.MediaAnswer, kind, more string) string {
	return fmt.Sprintf(`{"mediaId":%q,"mediaUrl":%q,"mediaType":%q,"mimeType":"image/png"%s,"fileName":"soup.png","size":1234,"width":40,"height":30}`,
		medium.ID, medium.URL, kind, more)
}

func TestAMessageShowsAMedium(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	medium := w.upload(user, room, wire.MediaReady)
	got, preview := w.mustSay(caller{id: user}, user, room, wire.Media, fmt.Sprintf(`{"mediaId":%q}`, medium.ID))
	if string(got.Body) != shownOf(medium, "image", "") || preview != wire.MediaPreview(tokenName, "image") {
		t.Errorf("the body is %s, the preview %+v", got.Body, preview)
	}
	got, _ = w.mustSay(caller{id: user}, user, room, wire.Media, fmt.Sprintf(`{"mediaId":%q,"mediaType":"sticker","altText":"a soup"}`, medium.ID))
	if string(got.Body) != shownOf(medium, "sticker", `,"altText":"a soup"`) {
		t.Errorf("the body is %s", got.Body)
	}
	edited := w.editAs(caller{id: user}, room, got.ID, `{"altText":"a red soup"}`)
	if edited.Status != http.StatusOK || !strings.Contains(string(edited.Body), shownOf(medium, "sticker", `,"altText":"a red soup"`)) {
		t.Errorf("edited it is %s", edited)
	}
	for _, other := range []string{fmt.Sprintf(`{"mediaId":%q}`, uuid.New()), `{"mediaUrl":"https://x/y","mediaType":"image"}`} {
		if answer := w.editAs(caller{id: user}, room, got.ID, other); answer.Status != http.StatusUnprocessableEntity || answer.Code() != "invalid-request" {
			t.Errorf("edited to %s: %s", other, answer)
		}
	}
	elsewhere, _ := w.mustSay(caller{id: user}, user, room, wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image"}`)
	if answer := w.editAs(caller{id: user}, room, elsewhere.ID, fmt.Sprintf(`{"mediaId":%q}`, medium.ID)); answer.Status != http.StatusUnprocessableEntity {
		t.Errorf("an edit adds a medium: %s", answer)
	}
}

func TestANamedSendOfAMediumIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	medium := w.upload(user, room, wire.MediaReady)
	send := func(body string) nodetest.Answer {
		return w.do(user, http.MethodPost, "/api/send-msg",
			strings.NewReader(fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Media","msgBody":%s,"clientMsgId":"1"}`, room, body)))
	}
	first := send(fmt.Sprintf(`{"mediaId":%q,"altText":"soup"}`, medium.ID))
	medium.State = wire.MediaDeleted // it does not matter any more
	w.media.put(medium)
	again := send(fmt.Sprintf(`{"mediaId":%q,"altText":"soup"}`, medium.ID))
	if first.Status != http.StatusOK || string(again.Body) != string(first.Body) {
		t.Errorf("sent was %s, then %s", first, again)
	}
	for _, other := range []string{`{"mediaId":"` + medium.ID.String() + `"}`, `{"mediaId":"` + uuid.NewString() + `","altText":"soup"}`} {
		if answer := send(other); answer.Code() != "idempotency-key-reused" {
			t.Errorf("%s: %s", other, answer)
		}
	}
}

func TestMediaThatCannotBeShownAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	elsewhere, other := w.newRoom()
	before := len(w.posted(room))
	refuses := func(body string, status int, code string) {
		t.Helper()
		if answer := w.say(caller{id: user}, room, wire.Media, body); answer.Status != status || answer.Code() != code {
			t.Errorf("%s: %s", body, answer)
		}
	}
	naming := func(medium uuid.UUID) string { return fmt.Sprintf(`{"mediaId":%q}`, medium) }
	refuses(naming(uuid.New()), http.StatusUnprocessableEntity, "media-not-found")
	refuses(naming(w.upload(user, elsewhere, wire.MediaReady).ID), http.StatusUnprocessableEntity, "media-not-found")
	refuses(naming(w.upload(other, room, wire.MediaReady).ID), http.StatusUnprocessableEntity, "media-not-found")
	refuses(naming(w.upload(user, room, wire.MediaPending).ID), http.StatusConflict, "media-not-ready")
	refuses(naming(w.upload(user, room, wire.MediaRejected).ID), http.StatusUnprocessableEntity, "media-rejected")
	ready := w.upload(user, room, wire.MediaReady).ID
	for _, body := range []string{
		`{"mediaId":"soup"}`, naming(uuid.Nil), fmt.Sprintf(`{"mediaId":%q,"mediaUrl":"https://x/y"}`, ready),
		fmt.Sprintf(`{"mediaId":%q,"mimeType":"image/png"}`, ready), fmt.Sprintf(`{"mediaId":%q,"mediaType":""}`, ready),
	} {
		refuses(body, http.StatusUnprocessableEntity, "invalid-request")
	}
	w.media.setDown(true)
	refuses(naming(ready), http.StatusServiceUnavailable, "media-unavailable")
	if after := len(w.posted(room)); after != before {
		t.Errorf("the log has %d messages of the room more", after-before)
	}
}

func TestMediaAsksWhoMayReadAMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	message := w.mustSend(user, room, "soup")
	reads := func(message, by uuid.UUID) nodetest.Answer {
		path := fmt.Sprintf("%s/internal/rooms/%s/messages/%s/readers/%s", w.internal, room, message, by)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := nodetest.Do(t, w.http, w.description, request)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if answer := reads(message.ID, user); answer.Status != http.StatusNoContent {
		t.Errorf("a member: %s", answer)
	}
	if answer := reads(uuid.New(), user); answer.Status != http.StatusNotFound || answer.Code() != "message-not-found" {
		t.Errorf("no message: %s", answer)
	}
	if answer := reads(message.ID, uuid.New()); answer.Status != http.StatusNotFound || answer.Code() != "room-not-found" {
		t.Errorf("a stranger: %s", answer)
	}
}
