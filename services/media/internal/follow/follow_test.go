package follow_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/follow"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// fixture is a follower on a real store, with a clock and a log of its own.
type fixture struct {
	*store.Store

	t        *testing.T
	follower *follow.Follower
	mu       sync.Mutex
	now      time.Time
	offset   int64
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	tel := telemetry.Discard(nil)
	rows, err := sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "media.db")}, tel)
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "store", rows.Run)
	servicetest.AwaitSuccess(t, "the store", func() error { return rows.Ping(t.Context()) })
	f := &fixture{t: t, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	f.Store = store.New(rows, tel, f.clock)
	f.follower = follow.New(f.Store, tracing())
	return f
}

func tracing() bus.Tracing { return bus.New(bus.Config{}, telemetry.Discard(nil)).Tracing("ism.media") }

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) wait(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// ready is a medium that may be used.
func (f *fixture) ready(room, uploader uuid.UUID, purpose store.Purpose) store.Media {
	f.t.Helper()
	ctx := f.t.Context()
	m, _, err := f.Create(ctx, store.Media{
		ID: uuid.New(), Room: room, Uploader: uploader, Purpose: purpose, FileName: "a", MimeType: "text/plain", Size: 1, ExpiresAt: f.clock().Add(time.Hour),
	}, store.Quotas{})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.Complete(ctx, m.ID, store.Facts{Size: 1, Type: "text/plain"}); err != nil {
		f.t.Fatal(err)
	}
	if m, err = f.Ready(ctx, m.ID, 0, 0, nil); err != nil {
		f.t.Fatal(err)
	}
	return m
}

func (f *fixture) record(data events.Data) bus.Record {
	f.t.Helper()
	f.offset++
	return recordOf(f.t, data, f.clock(), f.offset)
}

func recordOf(t testing.TB, data events.Data, at time.Time, offset int64) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", at, data))
	if err != nil {
		t.Fatal(err)
	}
	events.WithEpoch(headers, 1)
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Offset: offset}
}

func (f *fixture) take(records ...bus.Record) {
	f.t.Helper()
	if err := f.follower.Take(f.t.Context(), records); err != nil {
		f.t.Fatal(err)
	}
}

// is holds a medium to its state, and to why it is deleted.
func (f *fixture) is(when string, m store.Media, reason string) {
	f.t.Helper()
	got, err := f.ByID(f.t.Context(), m.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	want := wire.MediaReady
	if reason != "" {
		want = wire.MediaDeleted
	}
	if got.State != want || got.Reason != reason {
		f.t.Errorf("%s it is %s, %q; want %s, %q", when, got.State, got.Reason, want, reason)
	}
}

func message(room uuid.UUID, kind wire.MessageType, body any) wire.Message {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return wire.Message{RoomID: room, ID: uuid.New(), SenderID: uuid.New(), Body: encoded, Type: kind, CreatedAt: wire.At(time.Now())}
}

func posted(m wire.Message) events.MessagePosted {
	return events.MessagePosted{RoomID: m.RoomID, Message: m, Audience: events.WholeRoom(1)}
}

func revision(m wire.Message) events.Revision {
	m.Position = events.Position{Epoch: 1, Offset: 1}.String()
	return events.Revision{RoomID: m.RoomID, Message: m, Audience: events.WholeRoom(1)}
}

func deleted(m wire.Message) events.MessageDeleted {
	at := wire.At(time.Now())
	m.Body, m.DeletedAt = json.RawMessage(`{}`), &at
	return events.MessageDeleted{Revision: revision(m)}
}

func edited(m wire.Message, expires *wire.Time) events.MessageEdited {
	at := wire.At(time.Now())
	m.EditedAt = &at
	revised := revision(m)
	revised.Expires = expires
	return events.MessageEdited{Revision: revised}
}

func showing(m store.Media) wire.Message {
	return message(m.Room, wire.Media, wire.MediaBody{ID: m.ID, URL: "https://media.example/a", Type: "file"})
}

func TestAMediumGoesWithItsMessages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.ready(uuid.New(), uuid.New(), store.PurposeMessage)
	first, second := showing(m), showing(m)
	all := []bus.Record{f.record(posted(first)), f.record(posted(second)), f.record(edited(first, nil)), f.record(deleted(first))}
	f.take(all...)
	f.take(all...) // the log again
	f.is("used by one", m, "")
	if uses, err := f.Uses(t.Context(), m.ID, 10); err != nil || !slices.Equal(uses, []uuid.UUID{second.ID}) {
		t.Errorf("it is used by %v, %v", uses, err)
	}
	f.take(f.record(deleted(second)))
	f.is("used by none", m, store.ReasonUnused)
	f.take(all...)
	f.is("the log taken again", m, store.ReasonUnused)
}

func TestAMediumGoesWithAMessageThatExpires(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m, longer := f.ready(uuid.New(), uuid.New(), store.PurposeMessage), f.ready(uuid.New(), uuid.New(), store.PurposeMessage)
	soon, late := wire.At(f.clock().Add(time.Hour)), wire.At(f.clock().Add(2*time.Hour))
	one, other := posted(showing(m)), posted(showing(longer))
	one.Expires, other.Expires = &soon, &soon
	f.take(f.record(one), f.record(other), f.record(edited(other.Message, &late)))
	f.wait(time.Hour)
	if n, err := f.ExpiredUses(t.Context(), f.clock(), 10); n != 1 || err != nil {
		t.Errorf("%d have expired, %v", n, err)
	}
	f.is("its message expired", m, store.ReasonUnused)
	f.is("its message edited", longer, "")
}

func TestTheMediaOfARoomGoWithIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, end := range []func(room uuid.UUID) events.Data{
		func(room uuid.UUID) events.Data {
			return events.RoomEnded{RoomID: room, Removed: []uuid.UUID{uuid.New()}, Audience: events.Audience{Version: 2}}
		},
		func(room uuid.UUID) events.Data {
			return events.MembershipChanged{
				RoomID: room, Change: wire.Leave, Member: wire.Member{ID: uuid.New()}, Message: message(room, wire.RoomChange, wire.RoomChangeBody{}),
				Ended: true, Audience: events.Audience{Version: 2},
			}
		},
	} {
		room := uuid.New()
		m, elsewhere := f.ready(room, uuid.New(), store.PurposeMessage), f.ready(uuid.New(), uuid.New(), store.PurposeMessage)
		stays := events.MembershipChanged{
			RoomID: room, Change: wire.Leave, Member: wire.Member{ID: uuid.New()}, Message: message(room, wire.RoomChange, wire.RoomChangeBody{}),
			Audience: events.Audience{Users: []uuid.UUID{uuid.New()}, Version: 2},
		}
		f.take(f.record(stays))
		f.is("while somebody is there", m, "")
		ended := f.record(end(room))
		f.take(ended, ended)
		f.is("the room ended", m, store.ReasonRoomEnded)
		f.is("in another room", elsewhere, "")
	}
}

func TestTheMediaOfAUserAreErasedWithAReceipt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, erasure, room := uuid.New(), uuid.New(), uuid.New()
	var all []store.Media
	for range 102 { // more than one transaction has
		all = append(all, f.ready(room, user, store.PurposeMessage))
	}
	other := f.ready(room, uuid.New(), store.PurposeMessage)
	f.wait(time.Minute)
	f.take(f.record(events.UserDeleted{UserID: user, ErasureID: erasure}))
	for _, m := range all {
		f.is("the user deleted", m, store.ReasonUserDeleted)
		if err := f.Forget(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
	}
	f.is("of another user", other, "")
	leader, err := f.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Release()
	var receipts []events.UserErased
	for _, row := range outboxtest.Drain(t, leader) {
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatal(err)
		}
		if erased, ok := event.Data.(events.UserErased); ok {
			receipts = append(receipts, erased)
		}
	}
	if len(receipts) != 1 || receipts[0].ErasureID != erasure || receipts[0].Erased != int64(len(all)) || receipts[0].Service != "media" {
		t.Errorf("the receipts are %+v", receipts)
	}
}

func changed(room uuid.UUID, imageURL string) events.RoomChanged {
	event := events.RoomChanged{RoomID: room, Room: wire.PublicRoom{ID: room, Type: wire.Group}, Audience: events.WholeRoom(1)}
	if imageURL != "" {
		event.Room.ImageURL = &imageURL
	}
	return event
}

func shown(m store.Media) string {
	return "https://chat.example/base/api/media/rooms/" + m.Room.String() + "/" + m.ID.String() + ".jpg"
}

func TestARoomsImageReplacesThoseBefore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	room := uuid.New()
	image := func() store.Media {
		defer f.wait(10 * time.Second)
		return f.ready(room, uuid.New(), store.PurposeRoomImage)
	}
	first, second, shared := image(), image(), f.ready(room, uuid.New(), store.PurposeMessage)
	f.take(f.record(changed(room, shown(first)))) // it is late: the second is there
	f.is("the room's", first, "")
	f.is("not announced yet", second, "")
	announced := f.record(changed(room, shown(second)))
	third := image()
	f.take(announced)
	f.is("replaced", first, store.ReasonReplaced)
	f.is("the room's", second, "")
	f.take(f.record(changed(room, shown(third))), announced) // the log again
	f.is("replaced", second, store.ReasonReplaced)
	f.is("the room's", third, "")
	f.is("no image of the room", shared, "")
}

// Of two that are uploaded at once, either may be the one that is announced last.
func TestOfTwoRoomImagesAtOnceNeitherIsDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	room := uuid.New()
	slow := f.ready(room, uuid.New(), store.PurposeRoomImage)
	f.wait(time.Second)
	quick := f.ready(room, uuid.New(), store.PurposeRoomImage)
	f.take(f.record(changed(room, shown(quick))))
	f.is("announced later", slow, "")
	f.take(f.record(changed(room, shown(slow))))
	f.is("the room's", slow, "")
}

// A picture of somebody else's, or none, replaces ours as well. A URL that only looks like one of ours is no reason to keep any.
func TestOtherRoomImagesReplaceOurs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	room := uuid.New()
	for _, other := range []func(m store.Media) string{
		func(store.Media) string { return "" },
		func(store.Media) string { return "https://elsewhere.example/a.jpg" },
		func(store.Media) string { return ":\x7f//" },
		func(m store.Media) string { return strings.Replace(shown(m), room.String(), uuid.NewString(), 1) },
		func(m store.Media) string { return strings.TrimSuffix(shown(m), ".jpg") },
		func(m store.Media) string { return strings.Replace(shown(m), "/api/media/", "/api/", 1) },
	} {
		m := f.ready(room, uuid.New(), store.PurposeRoomImage)
		f.take(f.record(changed(room, other(m))))
		f.is("at once", m, "") // it may be announced yet
		f.wait(time.Minute)
		f.take(f.record(changed(room, other(m))))
		f.is("after "+other(m), m, store.ReasonReplaced)
	}
}

// untouched is a store that nobody may ask.
type untouched struct{ follow.Store }

func TestRecordsThatAreNotAboutMediaCostNothing(t *testing.T) {
	follower := follow.New(untouched{}, tracing()) // would panic
	room := uuid.New()
	text := message(room, wire.Text, wire.TextBody{Text: `"mediaId": "ended" "Media"`})
	elsewhere := message(room, wire.Media, wire.MediaBody{URL: "https://elsewhere.example/a.jpg", Type: "image"})
	quoting := message(room, wire.Reply, wire.ReplyBody{MessageID: uuid.New(), Type: wire.Media, Details: json.RawMessage(`{"mediaId":"` + uuid.NewString() + `"}`)})
	var records []bus.Record
	for _, data := range []events.Data{
		posted(text), posted(elsewhere), posted(quoting), edited(text, nil), deleted(text), deleted(quoting),
		events.RoomRead{RoomID: room, UserID: uuid.New(), ReadAt: wire.At(time.Now()), Audience: events.WholeRoom(1)},
		events.FriendRequested{UserID: uuid.New(), FromUser: wire.User{ID: uuid.New()}},
	} {
		records = append(records, recordOf(t, data, time.Now(), 1))
	}
	broken := recordOf(t, posted(text), time.Now(), 1)
	broken.Value = []byte(`{"chatRoomId":`) // others bury it
	unknown := bus.Record{Topic: events.TopicRooms, Headers: map[string]string{events.HeaderType: "ism.room.painted.v1"}}
	if err := follower.Take(t.Context(), append(records, broken, unknown, bus.Record{})); err != nil {
		t.Error(err)
	}
	if got := testing.AllocsPerRun(100, func() { _ = follower.Take(context.Background(), records[:2]) }); got > 0 {
		t.Errorf("it allocates %v times", got)
	}
}

// failing is a store that fails.
type failing struct {
	follow.Store
	err error
}

func (f failing) Refer(context.Context, uuid.UUID, uuid.UUID, events.Position, time.Time) error {
	return f.err
}

func TestWhatCanNeverBeTakenIsRejected(t *testing.T) {
	t.Parallel()
	m := store.Media{ID: uuid.New(), Room: uuid.New()}
	good := recordOf(t, posted(showing(m)), time.Now(), 1)
	broken := good
	broken.Value = broken.Value[:len(broken.Value)-1]
	noID := recordOf(t, posted(message(m.Room, wire.Media, map[string]string{"mediaId": "7"})), time.Now(), 1)
	for _, c := range []struct {
		record   bus.Record
		fails    error
		rejected bool
	}{
		{broken, nil, true},
		{noID, nil, true},
		{good, store.ErrUnstorable, true},
		{good, store.ErrUnavailable, false},
	} {
		err := follow.New(failing{err: c.fails}, tracing()).Take(t.Context(), []bus.Record{c.record})
		if errors.Is(err, bus.ErrRejected) != c.rejected || err == nil {
			t.Errorf("it ends with %v, rejected: %t", err, c.rejected)
		}
	}
}
