package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

const month = 30 * 24 * time.Hour

// unused deletes what no message has shown since before a time, and gives at how many media it has looked.
func (f *fixture) unused(t testing.TB, before time.Time) int {
	t.Helper()
	looked, err := f.Unused(t.Context(), before, 10)
	if err != nil {
		t.Fatalf("delete what is unused: %v", err)
	}
	return looked
}

// show asks for a medium, for a message of its uploader's in its room, and gives its state.
func (f *fixture) show(t testing.TB, m store.Media) store.State {
	t.Helper()
	shown, err := f.Show(t.Context(), m.ID, m.Room, m.Uploader)
	if err != nil {
		t.Fatalf("show: %v", err)
	}
	return shown.State
}

func (f *fixture) are(t testing.TB, when string, want store.State, media ...store.Media) {
	t.Helper()
	for i, m := range media {
		if state := f.state(t, m.ID); state != want {
			t.Errorf("%s number %d is %s, want %s", when, i, state, want)
		}
	}
}

func neverShownIsDeleted(t *testing.T, f *fixture) {
	room, user := uuid.New(), uuid.New()
	m := f.ready(t, room, user)
	pending, uploaded, shown := f.in(t, wire.MediaPending, f.asked(room, uuid.New())), f.in(t, wire.MediaUploaded, f.asked(room, uuid.New())), f.ready(t, room, uuid.New())
	image := f.asked(room, uuid.New())
	image.Purpose = store.PurposeRoomImage
	picture := f.in(t, wire.MediaReady, image)
	f.refer(t, shown.ID, uuid.New(), 1)
	f.wait(month)
	late := f.ready(t, room, uuid.New())
	f.told(t)
	if looked := f.unused(t, time.Time{}); looked != 0 {
		t.Errorf("where nothing is deleted for its age, %d are looked at", looked)
	}
	if looked := f.unused(t, m.ChangedAt); looked != 0 {
		t.Errorf("before their time %d are looked at", looked)
	}
	if looked := []int{f.unused(t, late.ChangedAt), f.unused(t, late.ChangedAt)}; !slices.Equal(looked, []int{1, 0}) {
		t.Errorf("looked at are %v", looked)
	}
	got, err := f.ByID(t.Context(), m.ID)
	if err != nil || got.State != wire.MediaDeleted || got.Reason != store.ReasonUnused {
		t.Errorf("it is %+v, %v", got, err)
	}
	if usage := f.usage(t, store.ScopeUser, user); usage.Media != 0 || usage.Bytes != 0 {
		t.Errorf("its uploader has %+v", usage)
	}
	if told := f.told(t); !slices.Equal(states(told), []store.State{wire.MediaDeleted}) {
		t.Errorf("told is %+v", told)
	}
	f.are(t, "then", wire.MediaReady, shown, picture, late)
	f.are(t, "then", wire.MediaPending, pending)
	f.are(t, "then", wire.MediaUploaded, uploaded)
	done := run(t, f, nothing{})
	await(t, "its objects are removed", func() bool {
		return slices.ContainsFunc(done(), func(job store.Job) bool { return job.Kind == store.JobRemove && job.Medium == m.ID })
	})
	if state := f.show(t, m); state != wire.MediaDeleted {
		t.Errorf("a message that comes too late is told that it is %s", state)
	}
}

func aboutToBeShownStays(t *testing.T, f *fixture) {
	m, failed, strangers := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New())
	f.wait(month)
	if states := []store.State{f.show(t, m), f.show(t, failed)}; !slices.Equal(states, []store.State{wire.MediaReady, wire.MediaReady}) {
		t.Fatalf("they are %v", states)
	}
	for _, by := range []store.Media{{Room: strangers.Room, Uploader: uuid.New()}, {Room: uuid.New(), Uploader: strangers.Uploader}} {
		if got, err := f.Show(t.Context(), strangers.ID, by.Room, by.Uploader); err != nil || got.State != wire.MediaReady {
			t.Errorf("somebody else is told %+v, %v", got, err)
		}
	}
	if _, err := f.Show(t.Context(), uuid.New(), m.Room, m.Uploader); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one that there is not: %v", err)
	}
	f.wait(store.HeldFor - time.Microsecond)
	f.unused(t, f.clock())
	f.are(t, "while messages may come", wire.MediaReady, m, failed)
	f.are(t, "that nobody may show", wire.MediaDeleted, strangers)
	message := uuid.New()
	f.refer(t, m.ID, message, 1)
	f.wait(time.Microsecond)
	f.unused(t, f.clock().Add(-store.HeldFor)) // it was asked for since
	f.are(t, "asked for a day ago", wire.MediaReady, m, failed)
	f.wait(month)
	f.unused(t, f.clock().Add(-store.HeldFor))
	f.are(t, "whose message never came", wire.MediaDeleted, failed)
	f.are(t, "shown", wire.MediaReady, m)
	f.unrefer(t, message)
	f.are(t, "whose message is deleted", wire.MediaDeleted, m)
}

// lastUseWhileAnotherComes deletes the only message that shows a medium while another one is on its way.
func lastUseWhileAnotherComes(t *testing.T, f *fixture) {
	m := f.ready(t, uuid.New(), uuid.New())
	first, second, third, only := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	f.show(t, m)
	f.refer(t, m.ID, first, 1)
	f.show(t, m) // for the second
	f.show(t, m) // for the third
	f.unrefer(t, first)
	f.unused(t, f.clock().Add(month))
	f.are(t, "two are on their way", wire.MediaReady, m)
	f.refer(t, m.ID, second, 3)
	f.refer(t, m.ID, second, 3) // the log again
	f.refer(t, m.ID, second, 4) // an edit
	f.unrefer(t, second)
	f.are(t, "one is on its way", wire.MediaReady, m)
	f.refer(t, m.ID, third, 6)
	f.unrefer(t, third)
	f.are(t, "none is", wire.MediaDeleted, m)

	never := f.ready(t, uuid.New(), uuid.New())
	f.show(t, never)
	f.refer(t, never.ID, only, 7)
	f.show(t, never)
	f.unrefer(t, only)
	f.wait(store.HeldFor)
	f.are(t, "one never came", wire.MediaReady, never)
	f.unused(t, time.Time{})
	f.are(t, "nor will it", wire.MediaDeleted, never)
}

// showOrDelete has messages show media in the very moment in which they are deleted: whoever is told that one is ready finds it so.
func showOrDelete(t *testing.T, f *fixture) {
	var media []store.Media
	for range 8 {
		media = append(media, f.ready(t, uuid.New(), uuid.New()))
	}
	f.wait(month)
	told := make([]store.State, len(media))
	var all sync.WaitGroup
	for i, m := range media {
		all.Go(func() { told[i] = f.show(t, m) })
		if i%2 == 0 {
			all.Go(func() { f.unused(t, f.clock()) })
		}
	}
	all.Wait()
	for i, m := range media {
		f.are(t, "shown or deleted", told[i], m)
	}
}

func withdrawn(t *testing.T, f *fixture) {
	withdraw := func(when string, m store.Media, want error) {
		t.Helper()
		if err := f.Withdraw(context.WithoutCancel(t.Context()), m.ID); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	m, shown, pending := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New()), f.in(t, wire.MediaPending, f.asked(uuid.New(), uuid.New()))
	f.refer(t, shown.ID, uuid.New(), 1)
	f.show(t, m)
	f.wait(time.Minute - time.Microsecond)
	withdraw("about to be shown", m, store.ErrInUse)
	withdraw("shown", shown, store.ErrInUse)
	f.wait(time.Microsecond)
	withdraw("whose message never came", m, nil)
	withdraw("pending", pending, nil)
	withdraw("again", m, nil)
	f.are(t, "withdrawn", wire.MediaDeleted, m, pending)
	f.are(t, "shown", wire.MediaReady, shown)
	f.has(t, "withdrawn", m, 0)
	if err := f.Forget(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	withdraw("forgotten", m, store.ErrNotFound)
}
