package processing_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/internal/processing"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

func (f *fixture) sweep() {
	f.t.Helper()
	if err := f.Sweep(f.t.Context()); err != nil {
		f.t.Fatalf("sweep: %v", err)
	}
}

func TestWhatNoMessageShowsIsDeletedByItsAge(t *testing.T) {
	t.Parallel()
	for after, deleted := range map[time.Duration]bool{0: false, 48 * time.Hour: true} {
		f := newFixture(t, func(deps *processing.Deps) { deps.UnusedAfter = after })
		m := f.process(f.uploaded("text/plain", []byte("soup")))
		f.wait(47 * time.Hour)
		f.sweep()
		if got := f.is(m); got.State != wire.MediaReady {
			t.Errorf("after %s, in time, it is %s", after, got.State)
		}
		f.wait(2 * time.Hour)
		f.sweep()
		if got := f.is(m); (got.State == wire.MediaDeleted && got.Reason == store.ReasonUnused) != deleted {
			t.Errorf("after %s it is %s, %s", after, got.State, got.Reason)
		}
	}
}

func TestRemovalEndsTheUploadInParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.created(store.Media{
		ID: uuid.New(), Room: uuid.New(), Uploader: uuid.New(), Purpose: store.PurposeMessage, FileName: "a", MimeType: "video/mp4", Size: 10 << 20,
		ExpiresAt: f.clock().Add(time.Hour),
	})
	id, err := f.objects.BeginParts(t.Context(), objects.Upload{Key: keys.Original(m.Room, m.ID), Type: m.MimeType, Size: m.Size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.media.SetUpload(t.Context(), m.ID, id, objects.MinPartSize); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(t.Context(), job(m)); err != nil || len(f.objects.aborts) > 0 {
		t.Errorf("one that is pending: %v, aborted are %v", err, f.objects.aborts)
	}
	f.wait(2 * time.Hour)
	f.sweep()
	if got := f.is(m); got.State != wire.MediaDeleted || got.Reason != store.ReasonExpired {
		t.Errorf("it is %s, %s", got.State, got.Reason)
	}
	if err := f.Remove(t.Context(), job(m)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.media.ByID(t.Context(), m.ID); !errors.Is(err, store.ErrNotFound) || !slices.Equal(f.objects.aborts, []string{id}) {
		t.Errorf("%v, aborted are %v", err, f.objects.aborts)
	}
	if _, err := f.objects.Parts(t.Context(), keys.Original(m.Room, m.ID), id); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("its parts: %v", err)
	}
	if err := f.Remove(t.Context(), job(m)); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestMediaOfExpiredMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.process(f.uploaded("text/plain", []byte("a")))
	if err := f.media.Refer(t.Context(), m.ID, uuid.New(), events.Position{Offset: 1}, f.clock().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.sweep()
	if state := f.is(m).State; state != wire.MediaReady {
		t.Errorf("before that it is %s", state)
	}
	f.wait(time.Hour)
	f.sweep()
	if state := f.is(m).State; state != wire.MediaDeleted {
		t.Errorf("it is %s", state)
	}
}

// A job that waits for an object store is not lost: it is not asked for at every sweep.
func TestLostJobsAreAskedForOnceADay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	uploaded, deleted := f.uploaded("text/plain", []byte("a")), f.uploaded("text/plain", []byte("b"))
	if _, err := f.media.Delete(t.Context(), deleted.ID, store.ReasonWithdrawn); err != nil {
		t.Fatal(err)
	}
	asked := func(when string, want ...uuid.UUID) {
		t.Helper()
		f.media.ids = nil
		f.sweep()
		if !slices.Equal(f.media.ids, want) {
			t.Errorf("%s jobs are asked for of %v, want %v", when, f.media.ids, want)
		}
	}
	asked("at once")
	f.wait(16 * time.Minute)
	asked("after a while", uploaded.ID, deleted.ID)
	f.wait(time.Hour)
	asked("after an hour more")
	f.wait(23 * time.Hour)
	asked("after a day", uploaded.ID, deleted.ID)
}

func TestOrphansAreRemovedAfterADay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.process(f.uploaded("image/jpeg", picture(t, 300, 300)))
	orphan := store.Media{ID: uuid.New(), Room: m.Room}
	f.put(keys.Variant(orphan.Room, orphan.ID, "256"), []byte("a"))
	f.put(keys.Upload(m.Room, m.ID), []byte("again")) // by a form that was used twice
	f.wait(23 * time.Hour)
	f.sweep()
	f.hasExactly("before a day has passed", orphan, "256.jpg")
	f.wait(2 * time.Hour)
	f.sweep()
	f.hasExactly("after a day", orphan)
	f.hasExactly("after a day", m, "1024.jpg", "256.jpg", "original", "upload")
	f.wait(24 * time.Hour)
	f.sweep()
	f.hasExactly("after two days", m, "1024.jpg", "256.jpg", "original")
}

// A database that knows hardly anything is another one, or was lost: what it does not know is left.
func TestWithTheWrongDatabaseNothingIsRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	known := f.process(f.uploaded("text/plain", []byte("a")))
	var unknown []store.Media
	for range 12 {
		m := store.Media{ID: uuid.New(), Room: uuid.New()}
		f.put(keys.Original(m.Room, m.ID), []byte("a"))
		unknown = append(unknown, m)
	}
	f.wait(100 * time.Hour)
	f.sweep()
	for _, m := range append(unknown, known) {
		f.hasExactly("with another database", m, "original")
	}
}

func TestUploadsThatNobodyCompletesAreAborted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := keys.Original(uuid.New(), uuid.New())
	begun := func(d time.Duration) time.Time { return f.clock().Add(-d) }
	f.objects.listed = []objects.Unfinished{
		{Key: "somebody/else's", UploadID: "1", Begun: begun(1000 * time.Hour)},
		{Key: key, UploadID: "2", Begun: begun(26 * time.Hour)},
		{Key: key, UploadID: "3", Begun: begun(24 * time.Hour)},
	}
	for _, c := range []struct {
		can  objects.Capabilities
		want []string
	}{
		{objects.Capabilities{}, nil},
		{objects.Capabilities{ListsUploads: true, ExpireUploads: true}, nil},
		{objects.Capabilities{ListsUploads: true}, []string{"2"}},
	} {
		f.objects.can, f.objects.aborts = &c.can, nil
		_ = f.Sweep(t.Context()) // ids that the directory would not give
		if !slices.Equal(f.objects.aborts, c.want) {
			t.Errorf("where it can %+v, aborted are %v", c.can, f.objects.aborts)
		}
	}
}

func TestWhatFailsDoesNotKeepTheRestFromBeingSwept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	orphan := store.Media{ID: uuid.New(), Room: uuid.New()}
	f.put(keys.Original(orphan.Room, orphan.ID), []byte("a"))
	f.wait(25 * time.Hour)
	f.media.fail = true
	if err := f.Sweep(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("it ends with %v", err)
	}
	f.hasExactly("after a sweep of which a part failed", orphan)
	f.media.fail = false
	f.objects.calls, f.objects.fail = nil, 1
	if err := f.Sweep(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("it ends with %v", err)
	}
	f.objects.fail = 0
	f.sweep()
}

var _ processing.Media = (*store.Store)(nil)
