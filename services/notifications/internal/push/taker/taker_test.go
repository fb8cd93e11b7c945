package taker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/push/presence"
	"github.com/ism-chat/ism/services/notifications/internal/push/reads"
	"github.com/ism-chat/ism/services/notifications/store"
)

const grace = 5 * time.Second

// world is a taker in a bubble, whose outlet keeps what it is handed.
type world struct {
	t        *testing.T
	who      *presence.Who
	marks    *reads.Marks
	taker    *Taker
	settings []store.PushSetting
	devices  []store.Device
	down     bool // the outlet

	mu   sync.Mutex
	told []Told
}

func (w *world) Devices(context.Context, []uuid.UUID) ([]store.Device, error) { return w.devices, nil }

func (w *world) PushSettings(context.Context, []uuid.UUID, []uuid.UUID) ([]store.PushSetting, error) {
	return w.settings, nil
}

func (w *world) Tell(_ context.Context, told []Told) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return errors.New("the outlet is down")
	}
	w.told = append(w.told, told...)
	return nil
}

func (w *world) isDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

func play(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		known := make(chan struct{})
		close(known)
		w := &world{t: t, who: presence.New(time.Now), marks: reads.New(time.Now)}
		w.taker = New(Config{
			Grace: grace, Store: w, Who: w.who, Marks: w.marks, Known: known, Outlets: []Outlet{w}, Now: time.Now, Tel: telemetry.Discard(slog.New(slog.DiscardHandler)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := w.taker.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		test(w)
		cancel()
		running.Wait()
	})
}

func record(t *testing.T, data events.Data) bus.Record {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/test", time.Now(), data))
	if err != nil {
		t.Fatal(err)
	}
	return bus.Record{Key: data.PartitionKey(), Headers: headers, Value: value, Time: time.Now()}
}

func posted(room, sender uuid.UUID, to events.Audience, mentions ...uuid.UUID) events.MessagePosted {
	return events.MessagePosted{RoomID: room, Audience: to, Message: wire.Message{
		RoomID: room, ID: uuid.New(), SenderID: sender, Type: wire.Text, Body: json.RawMessage(`{"text":"Soup?"}`), CreatedAt: wire.At(time.Now()), Mentions: mentions,
	}}
}

// take takes records, and reports how long that took.
func (w *world) take(records ...bus.Record) (time.Duration, error) {
	begun := time.Now()
	err := w.taker.Take(w.t.Context(), records)
	return time.Since(begun), err
}

func (w *world) tellWho(data events.Data) {
	w.t.Helper()
	if err := w.who.Take(w.t.Context(), []bus.Record{record(w.t, data)}); err != nil {
		w.t.Fatal(err)
	}
}

// want looks for who was told, in this order.
func (w *world) want(what string, users ...uuid.UUID) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []uuid.UUID
	for _, one := range w.told {
		got = append(got, one.Users...)
	}
	if !slices.Equal(got, users) {
		w.t.Errorf("%s: %v are told, want %v", what, got, users)
	}
}

func named(users ...uuid.UUID) events.Audience { return events.Audience{Users: users, Version: 1} }

func TestWhoIsAwayIsToldAfterTheGrace(t *testing.T) {
	play(t, func(w *world) {
		alice, bob, carol, room := uuid.New(), uuid.New(), uuid.New(), uuid.New()
		message := record(t, posted(room, bob, named(alice, bob, carol)))
		time.AfterFunc(time.Second, func() { // carol opens the app and reads
			read := record(t, events.RoomRead{RoomID: room, UserID: carol, ReadAt: wire.At(time.Now()), Audience: named(alice, bob, carol)})
			if err := w.marks.Take(t.Context(), []bus.Record{read}); err != nil {
				t.Error(err)
			}
		})
		if took, err := w.take(message); err != nil || took != grace {
			t.Errorf("it took %s, %v", took, err)
		}
		w.want("a message", alice)
		if took, err := w.take(record(t, posted(room, alice, named(alice)))); err != nil || took != 0 {
			t.Errorf("who speaks alone is waited for %s, %v", took, err)
		}
		late := record(t, posted(room, bob, named(alice, bob)))
		time.Sleep(Stale + time.Second)
		if took, err := w.take(late); err != nil || took != 0 {
			t.Errorf("what is old is waited for %s, %v", took, err)
		}
		w.want("in the end", alice)
	})
}

func TestAReloadTellsNobody(t *testing.T) {
	play(t, func(w *world) {
		alice, bob, edge := uuid.New(), uuid.New(), uuid.New()
		w.tellWho(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now().Add(time.Hour))})
		message := record(t, posted(uuid.New(), bob, named(alice, bob)))
		time.AfterFunc(time.Second, func() { w.tellWho(events.PresenceChanged{UserID: alice, EdgeID: edge, Online: true}) })
		if _, err := w.take(message); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		w.want("who comes back")
	})
}

func TestWhoWentWithADeadEdgeIsTold(t *testing.T) {
	play(t, func(w *world) {
		alice, bob, edge := uuid.New(), uuid.New(), uuid.New()
		w.tellWho(events.EdgeAlive{EdgeID: edge, Until: wire.At(time.Now().Add(30 * time.Second))})
		w.tellWho(events.PresenceChanged{UserID: alice, EdgeID: edge, Online: true})
		time.Sleep(time.Second) // and here it dies
		if _, err := w.take(record(t, posted(uuid.New(), bob, named(alice, bob)))); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Second)
		w.want("while nobody knows")
		w.isDown(true) // and whom it is not possible to tell is told later
		time.Sleep(10 * time.Second)
		w.isDown(false)
		time.Sleep(2 * time.Second)
		w.want("once it is known", alice)
		time.Sleep(time.Hour)
		w.want("once", alice)
	})
}

func TestInALargeRoomThoseWhoAreMentionedAreTold(t *testing.T) {
	play(t, func(w *world) {
		alice, bob := uuid.New(), uuid.New()
		for _, mentions := range [][]uuid.UUID{nil, {bob, alice}} {
			if _, err := w.take(record(t, posted(uuid.New(), bob, events.WholeRoom(3), mentions...))); err != nil {
				t.Error(err)
			}
		}
		w.want("two messages", alice)
	})
}

func TestWhatATakerWaitsForIsGivenUpWhenItStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, who: presence.New(time.Now), marks: reads.New(time.Now)}
		w.taker = New(Config{
			Grace: grace, Store: w, Who: w.who, Marks: w.marks, Known: make(chan struct{}), Outlets: []Outlet{w}, Now: time.Now,
			Tel: telemetry.Discard(slog.New(slog.DiscardHandler)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.taker.Run(ctx); err != nil {
			t.Error(err)
		}
		if _, err := w.take(record(t, posted(uuid.New(), uuid.New(), named(uuid.New())))); !errors.Is(err, errStopping) {
			t.Errorf("it ends with %v", err)
		}
		w.want("nobody")
	})
}

func TestSettingsAreObeyed(t *testing.T) {
	t.Parallel()
	now, user, room := time.Now(), uuid.New(), uuid.New()
	message := &Event{Type: chatMessage, RoomID: room}
	mention := &Event{Type: chatMessage, RoomID: room, Mentions: []uuid.UUID{user}}
	friend := &Event{Type: friendRequest}
	setting := func(room uuid.UUID, level string, muted time.Time) store.PushSetting {
		return store.PushSetting{UserID: user, RoomID: room, Level: level, MutedUntil: muted}
	}
	for i, c := range []struct {
		kept                     []store.PushSetting
		message, mention, friend bool
	}{
		{nil, true, true, true},
		{[]store.PushSetting{setting(uuid.Nil, store.PushMentions, time.Time{})}, false, true, true},
		{[]store.PushSetting{setting(uuid.Nil, store.PushNone, time.Time{})}, false, false, false},
		{[]store.PushSetting{setting(uuid.Nil, "", now.Add(time.Hour))}, false, false, false},
		{[]store.PushSetting{setting(uuid.Nil, "", now.Add(-time.Hour))}, true, true, true},
		{[]store.PushSetting{setting(room, store.PushNone, time.Time{})}, false, false, true},
		{[]store.PushSetting{setting(room, "", now.Add(time.Hour))}, false, false, true},
		{[]store.PushSetting{setting(uuid.Nil, store.PushNone, time.Time{}), setting(room, store.PushMentions, time.Time{})}, false, true, false},
	} {
		all := settingsOf(c.kept)
		got := fmt.Sprint(all.want(message, user, now), all.want(mention, user, now), all.want(friend, user, now))
		if want := fmt.Sprint(c.message, c.mention, c.friend); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

func TestOfWhatTheLogHasTwiceUsersAreToldOnce(t *testing.T) {
	for name, batches := range map[string][][]int64{"in one batch": {{7, 8}}, "in two": {{7}, {8}}, "taken again": {{7}, {8}, {8}}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				alice, bob := uuid.New(), uuid.New()
				message := record(t, posted(uuid.New(), bob, named(alice, bob)))
				for _, batch := range batches {
					var records []bus.Record
					for _, offset := range batch {
						message.Offset = offset
						records = append(records, message)
					}
					if _, err := w.take(records...); err != nil {
						t.Error(err)
					}
				}
				w.want("of a message", alice)
			})
		})
	}
}
