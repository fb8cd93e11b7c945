package processing_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/internal/processing"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

func TestAnImageIsReadyWithItsVariants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.uploaded("image/jpeg", picture(t, 2000, 1000))
	got := f.process(m)
	if got.State != wire.MediaReady || got.Width != 2000 || got.Height != 1000 || !slices.Equal(got.Variants, []string{"256", "1024"}) {
		t.Errorf("it is %+v", got)
	}
	f.hasExactly("ready", m, "1024.jpg", "256.jpg", "original")
	content, info, err := f.objects.Store.Open(t.Context(), keys.Variant(m.Room, m.ID, "256"), objects.Range{})
	if err != nil || info.Type != "image/jpeg" {
		t.Fatalf("%+v, %v", info, err)
	}
	defer content.Close()
	small, err := images.Inspect(t.Context(), content, info.Size, images.DefaultLimits())
	if err != nil || small.Width != 256 || small.Height != 128 {
		t.Errorf("the small one is %+v, %v", small, err)
	}
	if again := f.process(m); again.ChangedAt != got.ChangedAt {
		t.Errorf("done again, it is %+v", again)
	}
	if err := f.Process(t.Context(), store.Job{Medium: uuid.New(), Attempt: 1}); err != nil {
		t.Errorf("one that there is not: %v", err)
	}
}

func TestOtherFilesAreReadyAsTheyAre(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	noSum := func(m *store.Media) { m.SHA256 = nil }
	for _, m := range []store.Media{f.uploaded("application/pdf", []byte("%PDF-1.7\n")), f.uploaded("image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), noSum)} {
		if got := f.process(m); got.State != wire.MediaReady || got.Width != 0 || len(got.Variants) != 0 {
			t.Errorf("it is %+v", got)
		}
		f.hasExactly("ready", m, "original")
	}
}

// A room's image was made by us; the request that made it has ended before it was ready.
func TestARoomsImageIsReadyAsItIs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.uploaded("image/jpeg", picture(t, 500, 500), func(m *store.Media) { m.Purpose = store.PurposeRoomImage })
	if got := f.process(m); got.State != wire.MediaReady || got.Width != 500 || got.Height != 500 || len(got.Variants) != 0 {
		t.Errorf("it is %+v", got)
	}
	f.hasExactly("ready", m, "original")
}

func TestWhatIsAtFaultItselfIsRejected(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.objects.can = &objects.Capabilities{} // nobody else has checked anything
	other := func(m *store.Media) { m.SHA256 = bytes.Repeat([]byte{1}, 32) }
	missing := f.uploaded("text/plain", []byte("a"))
	if err := f.objects.Store.Delete(t.Context(), keys.Original(missing.Room, missing.ID)); err != nil {
		t.Fatal(err)
	}
	longer := f.uploaded("text/plain", []byte("a"))
	f.put(keys.Original(longer.Room, longer.ID), []byte("ab"))
	whole := picture(t, 100, 100)
	for want, m := range map[string]store.Media{
		processing.ReasonMissing:     missing,
		processing.ReasonSize:        longer,
		processing.ReasonChecksum:    f.uploaded("text/plain", []byte("abc"), other),
		string(images.NotWhatItSays): f.uploaded("image/png", []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")),
		string(images.Unreadable):    f.uploaded("image/jpeg", whole[:len(whole)/2]),
	} {
		if got := f.process(m); got.State != wire.MediaRejected || got.Reason != want {
			t.Errorf("it is %s, %s; want %s", got.State, got.Reason, want)
		}
		if err := f.Remove(t.Context(), job(m)); err != nil {
			t.Fatal(err)
		}
		f.hasExactly("rejected as "+want, m)
		if got := f.is(m); got.State != wire.MediaRejected {
			t.Errorf("its objects removed, it is %s", got.State)
		}
	}
}

func TestAScannerStandsBetween(t *testing.T) {
	t.Parallel()
	by := &scanner{}
	f := newFixture(t, func(deps *processing.Deps) { deps.Scanner = by })
	content := []byte("content")
	for _, c := range []struct {
		says   scan.Verdict
		state  wire.MediaState
		reason string
	}{
		{scan.Verdict{Outcome: scan.Clean}, wire.MediaReady, ""},
		{scan.Verdict{Outcome: scan.Infected, Detail: "Eicar"}, wire.MediaRejected, processing.ReasonInfected},
		{scan.Verdict{Outcome: scan.TooLarge}, wire.MediaRejected, processing.ReasonTooLargeToScan},
	} {
		by.says = c.says
		if got := f.process(f.uploaded("text/plain", content)); got.State != c.state || got.Reason != c.reason || !bytes.Equal(by.read, content) {
			t.Errorf("said %+v of %q, it is %s, %q", c.says, by.read, got.State, got.Reason)
		}
	}
	m := f.uploaded("text/plain", content)
	by.says = scan.Verdict{}
	if err := f.Process(t.Context(), job(m)); err == nil || f.is(m).State != wire.MediaUploaded {
		t.Errorf("without a verdict: %v", err)
	}
	by.err = scan.ErrUnavailable
	f.stays(m, f.Process(t.Context(), store.Job{Medium: m.ID, Attempt: 1000}), scan.ErrUnavailable)
	if got := f.measured("ism_media_scans_failed_total"); got != 1 {
		t.Errorf("%v scans have failed", got)
	}
	by.err, by.says = nil, scan.Verdict{Outcome: scan.Clean}
	if got := f.process(m); got.State != wire.MediaReady {
		t.Errorf("once the scanner is back, it is %s", got.State)
	}
}

// Whichever call of the object store fails, or is the last one of a process: the next job ends well.
func TestAfterAnyFailureTheNextJobEndsWell(t *testing.T) {
	t.Parallel()
	by := &scanner{says: scan.Verdict{Outcome: scan.Clean}}
	f := newFixture(t, func(deps *processing.Deps) { deps.Scanner = by })
	f.objects.can = &objects.Capabilities{}
	content := picture(t, 300, 300)
	for n := 1; ; n++ {
		m := f.uploaded("image/jpeg", content)
		f.objects.calls, f.objects.fail = nil, n
		err := processing.New(f.deps).Process(t.Context(), job(m)) // a process of its own, which remembers nothing
		f.objects.fail = 0
		if err == nil {
			if n < 6 {
				t.Errorf("it takes %d calls", n)
			}
			break
		}
		f.stays(m, err, errAway)
		if got := f.process(m); got.State != wire.MediaReady {
			t.Errorf("after call %d failed, it is %s", n, got.State)
		}
		f.hasExactly("ready", m, "1024.jpg", "256.jpg", "original")
		if _, err := f.media.Delete(t.Context(), m.ID, store.ReasonWithdrawn); err != nil {
			t.Fatal(err)
		}
		f.objects.calls, f.objects.fail = nil, 1
		if err := f.Remove(t.Context(), job(m)); err == nil || f.is(m).State != wire.MediaDeleted {
			t.Errorf("its objects are there: %v", err)
		}
		f.objects.fail = 0
		if err := f.Remove(t.Context(), job(m)); err != nil {
			t.Fatal(err)
		}
		f.hasExactly("deleted", m)
	}
}

// What is deleted while it is looked at leaves nothing behind.
func TestDeletedMeanwhileItLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.uploaded("image/jpeg", picture(t, 300, 300))
	f.objects.before["put"] = func() {
		if _, err := f.media.Delete(t.Context(), m.ID, store.ReasonWithdrawn); err != nil {
			t.Error(err)
		}
		if err := f.Remove(t.Context(), job(m)); err != nil {
			t.Error(err)
		}
	}
	if err := f.Process(t.Context(), job(m)); err != nil {
		t.Errorf("process: %v", err)
	}
	f.hasExactly("deleted meanwhile", m)
}

func TestAFileThatKillsIsRejectedAndAnOutageIsNoDeath(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	m := f.uploaded("text/plain", []byte("a"))
	if err := f.Process(t.Context(), store.Job{Medium: m.ID, Attempt: 100, Died: 4}); err != nil || f.is(m).State != wire.MediaReady {
		t.Errorf("after 4 deaths and an outage it is %s, %v", f.is(m).State, err)
	}
	killer := f.uploaded("text/plain", []byte("a"))
	if err := f.Process(t.Context(), store.Job{Medium: killer.ID, Attempt: 6, Died: 5}); err != nil {
		t.Error(err)
	}
	if got := f.is(killer); got.State != wire.MediaRejected || got.Reason != processing.ReasonUnprocessable {
		t.Errorf("it is %s, %s", got.State, got.Reason)
	}
}

// Two of which processes have died are not looked at together: the harmless one would die each time with the other.
func TestSuspectsAreExaminedOneAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, second, third := f.uploaded("text/plain", []byte("a")), f.uploaded("text/plain", []byte("b")), f.uploaded("text/plain", []byte("c"))
	f.objects.before["stat"] = func() {
		err := f.Process(t.Context(), store.Job{Medium: second.ID, Attempt: 2, Died: 1})
		if err == nil || f.is(second).State != wire.MediaUploaded {
			t.Errorf("beside another suspect: %v", err)
		}
		if got := f.process(third); got.State != wire.MediaReady {
			t.Errorf("one that nobody suspects is %s", got.State)
		}
	}
	for _, m := range []store.Media{first, second} {
		if err := f.Process(t.Context(), store.Job{Medium: m.ID, Attempt: 2, Died: 1}); err != nil || f.is(m).State != wire.MediaReady {
			t.Errorf("it is %s, %v", f.is(m).State, err)
		}
	}
}

// The checksum of a file that takes longer than a job goes on where it was.
func TestALongChecksumGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	content := bytes.Repeat([]byte("0123456789"), 1200)
	m := f.uploaded("text/plain", content)
	f.objects.can, f.objects.broken = &objects.Capabilities{}, 5000
	for range 2 {
		f.stays(m, f.Process(t.Context(), job(m)), errAway)
	}
	f.objects.broken = 0
	if got := f.process(m); got.State != wire.MediaReady {
		t.Errorf("it is %s, %s", got.State, got.Reason)
	}
	if want := []int64{0, 0, 0, 5000, 0, 10_000}; !slices.Equal(f.objects.from, want) {
		t.Errorf("with its beginning each time it was read from %v, want %v", f.objects.from, want)
	}
}

func TestWhatTheObjectStoreHasCheckedIsNotRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	content := []byte("content")
	m := f.uploaded("text/plain", content)
	upload := objects.Upload{Key: keys.Original(m.Room, m.ID), Type: "text/plain", Size: m.Size, SHA256: m.SHA256}
	if _, err := f.objects.Store.Put(t.Context(), upload, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	f.objects.can = &objects.Capabilities{FormChecksum: true}
	if got := f.process(m); got.State != wire.MediaReady || !slices.Equal(f.objects.calls, []string{"stat", "open"}) {
		t.Errorf("it is %s, after %v; want that only its beginning is read", got.State, f.objects.calls)
	}
}

// The worker behind the store's jobs, from the upload to the row's end.
func TestJobsEndInFinalStates(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ended := servicetest.Run(t, "jobs", func(ctx context.Context) error {
		return f.media.RunJobs(ctx, store.Jobs{AtOnce: 2, Timeout: time.Minute, SweepEvery: time.Hour, Log: telemetry.Discard(nil).Log}, f.Worker)
	})
	defer ended()
	m := f.uploaded("image/jpeg", picture(t, 300, 300))
	servicetest.Await(t, "it is ready", func() bool { return f.is(m).State == wire.MediaReady })
	if _, err := f.media.Delete(t.Context(), m.ID, store.ReasonWithdrawn); err != nil {
		t.Fatal(err)
	}
	servicetest.Await(t, "it is forgotten", func() bool {
		_, err := f.media.ByID(t.Context(), m.ID)
		return err != nil
	})
	f.hasExactly("forgotten", m)
}
