package attachments_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/attachments"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var medium, room, alice = uuid.New(), uuid.New(), uuid.New()

// media answers what it has been given.
type media struct {
	answer events.MediaAnswer
	err    error
}

func (m media) Medium(context.Context, uuid.UUID, uuid.UUID, uuid.UUID) (events.MediaAnswer, error) {
	return m.answer, m.err
}

func TestOnlyAReadyMediumOfTheRoomAndItsUploaderIsFound(t *testing.T) {
	of := func(room, user uuid.UUID, state wire.MediaState) media {
		return media{answer: events.MediaAnswer{ID: medium, RoomID: room, UploaderID: user, State: state}}
	}
	for name, test := range map[string]struct {
		media media
		want  error
	}{
		"ready":                  {of(room, alice, wire.MediaReady), nil},
		"pending":                {of(room, alice, wire.MediaPending), attachments.ErrNotReady},
		"uploaded":               {of(room, alice, wire.MediaUploaded), attachments.ErrNotReady},
		"rejected":               {of(room, alice, wire.MediaRejected), attachments.ErrRejected},
		"deleted":                {of(room, alice, wire.MediaDeleted), attachments.ErrNotFound},
		"of a state to come":     {of(room, alice, "frozen"), attachments.ErrNotFound},
		"of another room":        {of(uuid.New(), alice, wire.MediaReady), attachments.ErrNotFound},
		"of somebody else":       {of(room, uuid.New(), wire.MediaReady), attachments.ErrNotFound},
		"pending elsewhere":      {of(uuid.New(), alice, wire.MediaPending), attachments.ErrNotFound},
		"unknown":                {media{err: attachments.ErrNotFound}, attachments.ErrNotFound},
		"media does not answer":  {media{err: context.DeadlineExceeded}, attachments.ErrUnavailable},
		"media answers in error": {media{err: errors.New("status 500")}, attachments.ErrUnavailable},
	} {
		got, err := attachments.Find(t.Context(), test.media, medium, room, alice)
		if !errors.Is(err, test.want) || (err == nil) != (got.ID == medium) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func newClient(t *testing.T, serve http.HandlerFunc) *attachments.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	client := attachments.NewClient(attachments.ClientConfig{URL: server.URL}, internalapi.Credential{}, telemetry.Discard(nil))
	servicetest.Run(t, "client", client.Run)
	return client
}

func TestMediaIsAsked(t *testing.T) {
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/internal/media/"+medium.String()+"?roomId="+room.String()+"&senderId="+alice.String() {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write([]byte(`{"id":"` + medium.String() + `","roomId":"` + room.String() + `","state":"ready","size":7}`))
	})
	if got, err := client.Medium(t.Context(), medium, room, alice); err != nil || got.RoomID != room || got.State != wire.MediaReady || got.Size != 7 {
		t.Errorf("the answer is %+v, %v", got, err)
	}
	if got, err := client.Medium(t.Context(), room, room, alice); err == nil {
		t.Errorf("an answer about another one is taken: %+v", got)
	}
}

func TestWhatMediaDoesNotKnowIsNotFound(t *testing.T) {
	for body, unknown := range map[string]bool{`{"code":"media-not-found"}`: true, `{"code":"not-found"}`: false, "404 page not found": false} {
		var tries atomic.Int32
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			tries.Add(1)
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		})
		_, err := client.Medium(t.Context(), medium, room, alice)
		if err == nil || errors.Is(err, attachments.ErrNotFound) != unknown || (tries.Load() == 1) != unknown {
			t.Errorf("404 with %s gives %v after %d tries", body, err, tries.Load())
		}
	}
}

func TestMediaIsAskedAgain(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	done := make(chan struct{})
	client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) == 1 {
			<-done
		}
		_, _ = w.Write([]byte(`{"id":"` + medium.String() + `"}`))
	})
	t.Cleanup(func() { close(done) })
	if _, err := client.Medium(t.Context(), medium, room, alice); err != nil {
		t.Error(err)
	}
}

func TestTheAddressOfMediaIsAURL(t *testing.T) {
	if faults := (attachments.ClientConfig{URL: "http://media:9403"}).Validate(); len(faults) != 0 {
		t.Error(faults)
	}
	if faults := (attachments.ClientConfig{URL: "media:9403"}).Validate(); len(faults) != 1 || faults[0].Variable != "URL" {
		t.Error(faults)
	}
}
