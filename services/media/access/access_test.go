package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/access"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var room, user, message = uuid.New(), uuid.New(), uuid.New()

// neighbours answer what they have been given.
type neighbours struct {
	standing events.Standing
	err      error               // of rooms
	reads    map[uuid.UUID]error // of messages; nil: yes; none: not found
}

func (n neighbours) Standing(context.Context, uuid.UUID, uuid.UUID) (events.Standing, error) {
	return n.standing, n.err
}
func (n neighbours) SetPicture(context.Context, events.RoomPicture) error { return n.err }
func (n neighbours) Reads(_ context.Context, _, message, _ uuid.UUID) error {
	if err, ok := n.reads[message]; ok {
		return err
	}
	return access.ErrNotFound
}

func TestWhoMay(t *testing.T) {
	at := uuid.New()
	member, late := events.Standing{Status: wire.Joined}, events.Standing{Status: wire.Joined, From: &at}
	former := events.Standing{Status: wire.Left, To: &at}
	down := errors.New("nobody listens")
	read, unread, unknown := map[uuid.UUID]error{message: nil}, map[uuid.UUID]error{}, map[uuid.UUID]error{message: down}
	for name, c := range map[string]struct {
		is       neighbours
		shows    []uuid.UUID
		upload   error
		download error
	}{
		"a member":                               {neighbours{standing: member}, []uuid.UUID{message}, nil, nil},
		"a member, of what was just sent":        {neighbours{standing: member}, nil, nil, nil},
		"who came later and reads it":            {neighbours{standing: late, reads: read}, []uuid.UUID{uuid.New(), message}, nil, nil},
		"who came later and does not":            {neighbours{standing: late, reads: unread}, []uuid.UUID{message}, nil, access.ErrNotFound},
		"who came later, of what was just sent":  {neighbours{standing: late}, nil, nil, nil},
		"a former member who reads it":           {neighbours{standing: former, reads: read}, []uuid.UUID{message}, access.ErrNotFound, nil},
		"a former member who does not":           {neighbours{standing: former, reads: unread}, []uuid.UUID{message}, access.ErrNotFound, access.ErrNotFound},
		"a former member, of what was just sent": {neighbours{standing: former}, nil, access.ErrNotFound, access.ErrNotFound},
		"messages does not answer":               {neighbours{standing: former, reads: unknown}, []uuid.UUID{message}, access.ErrNotFound, access.ErrMessages},
		"a stranger":                             {neighbours{err: access.ErrNotFound}, []uuid.UUID{message}, access.ErrNotFound, access.ErrNotFound},
		"rooms does not answer":                  {neighbours{err: down}, []uuid.UUID{message}, access.ErrRooms, access.ErrRooms},
	} {
		decides := access.New(c.is, c.is)
		if err := decides.Upload(t.Context(), room, user); !errors.Is(err, c.upload) || err != nil && c.upload == nil {
			t.Errorf("%s uploads: %v", name, err)
		}
		if err := decides.Download(t.Context(), room, user, c.shows); !errors.Is(err, c.download) || err != nil && c.download == nil {
			t.Errorf("%s downloads: %v", name, err)
		}
	}
	for err, want := range map[error]error{access.ErrSingleRoom: access.ErrSingleRoom, access.ErrNotFound: access.ErrNotFound, down: access.ErrRooms} {
		if got := access.New(neighbours{err: err}, nil).SetPicture(t.Context(), events.RoomPicture{}); !errors.Is(got, want) {
			t.Errorf("%v is %v", err, got)
		}
	}
}

func TestRoomsAndMessagesAreAsked(t *testing.T) {
	var asked string
	status, answer := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	rooms := access.NewRoomsClient(access.RoomsConfig{URL: server.URL}, internalapi.Credential{}, telemetry.Discard(nil))
	messages := access.NewMessagesClient(access.MessagesConfig{URL: server.URL}, internalapi.Credential{}, telemetry.Discard(nil))
	servicetest.Run(t, "rooms", rooms.Run)
	servicetest.Run(t, "messages", messages.Run)

	answer = fmt.Sprintf(`{"roomId":%q,"userId":%q,"version":3,"status":"Joined"}`, room, user)
	if standing, err := rooms.Standing(t.Context(), room, user); err != nil || standing.Status != wire.Joined || asked != fmt.Sprintf("GET /internal/rooms/%s/members/%s", room, user) {
		t.Errorf("at %s: %+v, %v", asked, standing, err)
	}
	if standing, err := rooms.Standing(t.Context(), room, room); err == nil {
		t.Errorf("an answer about somebody else is taken: %+v", standing)
	}
	status, answer = http.StatusNoContent, ""
	if err := rooms.SetPicture(t.Context(), events.RoomPicture{RoomID: room}); err != nil || asked != fmt.Sprintf("PUT /internal/rooms/%s/picture", room) {
		t.Errorf("at %s: %v", asked, err)
	}
	if err := messages.Reads(t.Context(), room, message, user); err != nil || asked != fmt.Sprintf("GET /internal/rooms/%s/messages/%s/readers/%s", room, message, user) {
		t.Errorf("at %s: %v", asked, err)
	}
	status = http.StatusNotFound
	for code, found := range map[string]bool{"room-not-found": false, "message-not-found": false, "not-found": true} {
		answer = fmt.Sprintf(`{"code":%q}`, code)
		if err := messages.Reads(t.Context(), room, message, user); err == nil || errors.Is(err, access.ErrNotFound) == found {
			t.Errorf("404 with %s gives %v", code, err)
		}
	}
	status, answer = http.StatusUnprocessableEntity, `{"code":"single-room"}`
	if err := rooms.SetPicture(t.Context(), events.RoomPicture{RoomID: room}); !errors.Is(err, access.ErrSingleRoom) {
		t.Errorf("of a Single room: %v", err)
	}
}

func TestAddressesAreURLs(t *testing.T) {
	for _, faults := range []int{len(access.RoomsConfig{URL: "rooms:9403"}.Validate()), len(access.MessagesConfig{URL: ""}.Validate())} {
		if faults != 1 {
			t.Errorf("%d faults", faults)
		}
	}
}
