package edge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

func users() cut.Topic {
	return cut.Topic{Name: events.TopicUsers, ID: "6a6c2e5e-0000-4000-8000-000000000002", Partitions: 1}
}

func notifications() cut.Topic {
	return cut.Topic{Name: events.TopicNotifications, ID: "6a6c2e5e-0000-4000-8000-000000000003", Partitions: 1}
}

func media() cut.Topic {
	return cut.Topic{Name: events.TopicMedia, ID: "6a6c2e5e-0000-4000-8000-000000000004", Partitions: 1}
}

// ofBoth is an edge that reads the rooms' log and those of users, and has caught up.
func ofBoth(t *testing.T) *Edge {
	t.Helper()
	tel := telemetry.Discard(nil)
	e, err := New(limits(), bus.New(bus.Config{}, tel).Tracing(""), tel)
	if err != nil {
		t.Fatal(err)
	}
	e.Open(0, time.Time{}, rooms(), users(), notifications(), media())
	for number := range int32(partitions) {
		e.Begin(events.TopicRooms, number, 0, 0)
	}
	e.Begin(events.TopicUsers, 0, 0, 0)
	e.Begin(events.TopicNotifications, 0, 0, 0)
	e.Begin(events.TopicMedia, 0, 0, 0)
	e.CaughtUp()
	return e
}

// asked is the record of a request to be friends.
func asked(t *testing.T, offset int64, event, to uuid.UUID) bus.Record {
	t.Helper()
	record := recordOf(t, 0, offset, event, events.FriendRequested{UserID: to, FromUser: wire.User{ID: uuid.New(), DisplayName: "bob"}})
	record.Topic = events.TopicUsers
	return record
}

// told is the record of a notification.
func told(t *testing.T, offset int64, event, to uuid.UUID, text string) bus.Record {
	t.Helper()
	record := recordOf(t, 0, offset, event, events.NotificationSent{UserID: to, Message: []byte(`{"text":"` + text + `"}`)})
	record.Topic = events.TopicNotifications
	return record
}

// mediumChanged is the record of what became of a medium.
func mediumChanged(t *testing.T, offset int64, event, uploader uuid.UUID, state wire.MediaState) bus.Record {
	t.Helper()
	record := recordOf(t, 0, offset, event, events.MediaChanged{
		MediaID: uuid.New(), RoomID: uuid.New(), UploaderID: uploader, Purpose: "message", State: state, ChangedAt: wire.At(time.Now()),
	})
	record.Topic = events.TopicMedia
	return record
}

func TestWhatBecomesOfAMediumGoesToItsUploaderOnceAndInOrder(t *testing.T) {
	e := ofBoth(t)
	alice, carol := uuid.New(), uuid.New()
	atAlice, atCarol := newClient(), newClient()
	opened := attach(t, e, alice, "", atAlice)
	attach(t, e, carol, "", atCarol)
	first := mediumChanged(t, 0, uuid.New(), alice, wire.MediaUploaded)
	again := first // the outbox may write it twice
	again.Offset = 2
	ingest(t, e, first, mediumChanged(t, 1, uuid.New(), alice, wire.MediaReady), again)
	states := func(frames []sse.Frame) (all []string) {
		for _, frame := range frames {
			_, state, _ := strings.Cut(string(frame.Event.Data), `"state":"`)
			state, _, _ = strings.Cut(state, `"`)
			all = append(all, state)
		}
		return all
	}
	if got := states(atAlice.take()); !slices.Equal(got, []string{"uploaded", "ready"}) {
		t.Errorf("the uploader is told %v", got)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(string(opened.Opening), "id: "), "\n")
	if got := states(attach(t, e, alice, id, newClient()).Backlog); !slices.Equal(got, []string{"uploaded", "ready"}) {
		t.Errorf("resumed, the uploader is told %v", got)
	}
	broken := mediumChanged(t, 3, uuid.New(), alice, wire.MediaReady)
	broken.Value = []byte(`{}`)
	ingest(t, e, broken)
	if got := atAlice.take(); len(got) != 1 || got[0].Event.Resync != reasonUnreadable {
		t.Errorf("of one that cannot be read the uploader got %+v", got)
	}
	if got := atCarol.take(); len(got) != 0 {
		t.Errorf("another user got %+v", got)
	}
}

func TestANotificationGoesToItsUserOnceAndInOrder(t *testing.T) {
	e := ofBoth(t)
	alice, carol := uuid.New(), uuid.New()
	atAlice, atCarol := newClient(), newClient()
	opened := attach(t, e, alice, "", atAlice)
	attach(t, e, carol, "", atCarol)
	first, second := uuid.New(), uuid.New()
	ingest(t, e, told(t, 0, first, alice, "first"), told(t, 1, second, alice, "second"), told(t, 2, first, alice, "first")) // which was asked for again
	texts := func(frames []sse.Frame) (all []string) {
		for _, frame := range frames {
			_, text, _ := strings.Cut(string(frame.Event.Data), `"message":{"text":"`)
			text, _, _ = strings.Cut(text, `"`)
			all = append(all, text)
		}
		return all
	}
	if got := texts(atAlice.take()); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("the user is told %v", got)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(string(opened.Opening), "id: "), "\n")
	if got := texts(attach(t, e, alice, id, newClient()).Backlog); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("resumed, the user is told %v", got)
	}
	broken := told(t, 3, uuid.New(), alice, "")
	broken.Value = []byte(`{}`)
	ingest(t, e, broken)
	if got := atAlice.take(); len(got) != 1 || got[0].Event.Resync != reasonUnreadable {
		t.Errorf("of one that cannot be read the user got %+v", got)
	}
	if got := atCarol.take(); len(got) != 0 {
		t.Errorf("another user got %+v", got)
	}
}

// Whoever asks for a notification again gives it a later end: the first one counts.
func TestANotificationThatHasExpiredIsShownToNobody(t *testing.T) {
	e := ofBoth(t)
	alice, client := uuid.New(), newClient()
	opened := attach(t, e, alice, "", client)
	until := func(offset int64, id uuid.UUID, end time.Duration, text string) bus.Record {
		at := wire.At(time.Now().Add(end))
		record := recordOf(t, 0, offset, id, events.NotificationSent{UserID: alice, Message: []byte(`{"text":"` + text + `"}`), ExpiresAt: &at})
		record.Topic = events.TopicNotifications
		return record
	}
	late := uuid.New()
	ingest(t, e, until(0, late, -time.Second, "late"), until(1, uuid.New(), time.Hour, "kept"), until(2, late, time.Hour, "again"))
	if got := client.take(); len(got) != 1 || !strings.Contains(string(got[0].Event.Data), `"message":{"text":"kept"}`) {
		t.Errorf("the user is told %+v", got)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(string(opened.Opening), "id: "), "\n")
	if got := attach(t, e, alice, id, newClient()).Backlog; len(got) != 1 {
		t.Errorf("resumed, the user is told %+v", got)
	}
}

func TestAUsersEventGoesToThatUserAlone(t *testing.T) {
	e := ofBoth(t)
	alice, carol := uuid.New(), uuid.New()
	atAlice, alsoAlice, atCarol := newClient(), newClient(), newClient()
	opened := attach(t, e, alice, "", atAlice)
	attach(t, e, alice, "", alsoAlice)
	attach(t, e, carol, "", atCarol)
	request := uuid.New()
	ingest(t, e, record(t, 1, 0, "before", carol))
	ingest(t, e, asked(t, 0, request, alice), asked(t, 1, request, alice)) // an outbox may write it twice
	for name, sub := range map[string]*client{"a stream": atAlice, "another one": alsoAlice} {
		got := sub.take()
		if len(got) != 1 || !strings.Contains(string(got[0].Event.Data), `"type":"FriendRequestReceived"`) {
			t.Errorf("%s of the user got %+v", name, got)
		}
	}
	if got := atCarol.take(); len(got) != 1 || textOf(t, got[0]) != "before" {
		t.Errorf("another user got %+v", got)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(string(opened.Opening), "id: "), "\n")
	missed := attach(t, e, alice, id, newClient()).Backlog
	if len(missed) != 1 || !strings.Contains(string(missed[0].Event.Data), `"displayName":"bob"`) {
		t.Errorf("resumed with %+v", missed)
	}
}

func TestARecordOfUsersThatCannotBeReadIsToldTheUserAlone(t *testing.T) {
	e := ofBoth(t)
	alice, carol := uuid.New(), uuid.New()
	atAlice, atCarol := newClient(), newClient()
	attach(t, e, alice, "", atAlice)
	attach(t, e, carol, "", atCarol)
	broken := asked(t, 0, uuid.New(), alice)
	broken.Value = []byte(`{"audience":["` + carol.String() + `"]}`) // an audience is of rooms
	ingest(t, e, broken)
	if got := atAlice.take(); len(got) != 1 || got[0].Event.Resync != reasonUnreadable {
		t.Errorf("the user got %+v", got)
	}
	if got := atCarol.take(); len(got) != 0 {
		t.Errorf("another user got %+v", got)
	}
	keyless := asked(t, 1, uuid.New(), alice)
	keyless.Key, keyless.Value = "nobody", []byte(`{}`)
	ingest(t, e, keyless)
	for _, sub := range []*client{atAlice, atCarol} {
		if got := sub.take(); len(got) != 1 || got[0].Event.Resync != reasonUnreadable {
			t.Errorf("of one without a key a stream got %+v", got)
		}
	}
}

// Ids from before edges read the users' log say nothing about it.
func TestIdsOfTheRoomsLogAloneAreOfOtherLogs(t *testing.T) {
	e := ofBoth(t)
	got := attach(t, e, uuid.New(), id(0, 0, 0, 0), newClient())
	if opening := string(got.Opening); strings.Count(opening, "data: ") != 1 || !strings.Contains(opening, `"reason":"`+reasonOther+`"`) || len(got.Backlog) != 0 {
		t.Errorf("the stream begins with %s", opening)
	}
}
