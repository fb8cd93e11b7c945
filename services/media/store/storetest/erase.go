package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

func endedRoom(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	other := f.ready(t, uuid.New(), alice)
	for _, state := range []store.State{wire.MediaPending, wire.MediaUploaded, wire.MediaReady, wire.MediaRejected, wire.MediaDeleted} {
		f.in(t, state, f.asked(room, alice))
	}
	f.told(t)
	for i, want := range []struct {
		deleted int
		more    bool
	}{{3, true}, {1, false}, {0, false}} {
		if deleted, more, err := f.DeleteRoom(t.Context(), room, 3); err != nil || deleted != want.deleted || more != want.more {
			t.Errorf("%d: deleted %d, more: %t, %v", i, deleted, more, err)
		}
	}
	told := f.told(t)
	if !slices.Equal(states(told), slices.Repeat([]store.State{wire.MediaDeleted}, 4)) || told[0].(events.MediaChanged).Reason != store.ReasonRoomEnded {
		t.Errorf("told is %+v", told)
	}
	if usage := f.usage(t, store.ScopeRoom, room); usage.Media != 0 || usage.Bytes != 0 || !usage.ClosedAt.Equal(f.clock()) {
		t.Errorf("the room has %+v", usage)
	}
	if usage := f.usage(t, store.ScopeUser, alice); usage.Media != 1 || f.state(t, other.ID) != wire.MediaReady {
		t.Errorf("the user has %+v", usage)
	}
	f.wait(time.Hour)
	if _, _, err := f.Create(t.Context(), f.asked(room, alice), store.Quotas{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a new one: %v", err)
	}
}

// receipts are those that were told.
func receipts(told []events.Data) (all []events.UserErased) {
	for _, data := range told {
		if erased, ok := data.(events.UserErased); ok {
			all = append(all, erased)
		}
	}
	return all
}

func userIsErased(t *testing.T, f *fixture) {
	alice, bob, erasure := uuid.New(), uuid.New(), uuid.New()
	room := uuid.New()
	others := f.ready(t, room, bob)
	var hers []uuid.UUID
	for range 3 {
		hers = append(hers, f.ready(t, room, alice).ID)
	}
	hers = append(hers, f.in(t, wire.MediaDeleted, f.asked(room, alice)).ID)
	at := f.clock()
	f.wait(store.Settle)
	hers = append(hers, f.create(t, f.asked(room, alice)).ID) // which belongs to what she was
	f.told(t)
	for _, want := range []struct {
		deleted int
		more    bool
	}{{2, true}, {2, false}, {0, false}} {
		if deleted, more, err := f.DeleteUser(t.Context(), alice, erasure, at, 2); err != nil || deleted != want.deleted || more != want.more {
			t.Fatalf("deleted %d, more: %t, %v", deleted, more, err)
		}
	}
	if told := f.told(t); len(told) != 4 || len(receipts(told)) != 0 {
		t.Errorf("told is %+v: objects are still there", told)
	}
	if _, _, err := f.Create(t.Context(), f.asked(room, alice), store.Quotas{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a new one: %v", err)
	}
	f.wait(time.Microsecond)
	f.create(t, f.asked(room, alice)) // she came again
	var group sync.WaitGroup
	for _, id := range hers {
		group.Go(func() {
			if err := f.Forget(t.Context(), id); err != nil {
				t.Errorf("forget: %v", err)
			}
		})
	}
	group.Wait()
	want := events.UserErased{UserID: alice, ErasureID: erasure, Service: "media", Erased: 4, FinishedAt: wire.At(f.clock())}
	if told := receipts(f.told(t)); len(told) != 1 || !reflect.DeepEqual(told[0], want) {
		t.Errorf("the receipts are %+v, want %+v", told, want)
	}
	if deleted, more, err := f.DeleteUser(t.Context(), alice, erasure, at, 2); err != nil || deleted != 0 || more {
		t.Errorf("again, deleted %d, more: %t, %v", deleted, more, err)
	}
	if told := receipts(f.told(t)); len(told) != 1 || told[0].Erased != 0 {
		t.Errorf("again, the receipts are %+v", told)
	}
	if usage := f.usage(t, store.ScopeUser, alice); usage.Media != 1 || f.state(t, others.ID) != wire.MediaReady {
		t.Errorf("who came again has %+v", usage)
	}
	// Who had nothing is told at once.
	if _, _, err := f.DeleteUser(t.Context(), uuid.New(), erasure, at, 2); err != nil || len(receipts(f.told(t))) != 1 {
		t.Errorf("of nothing there is no receipt, %v", err)
	}
}

func expiredIsDeleted(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	begun := f.clock()
	pending := f.create(t, f.asked(room, alice))
	uploaded, ready := f.in(t, wire.MediaUploaded, f.asked(room, alice)), f.ready(t, room, alice)
	f.wait(time.Hour)
	rejected := f.in(t, wire.MediaRejected, f.asked(room, alice))
	f.told(t)
	for _, c := range []struct {
		at      time.Duration
		deleted int
	}{{24*time.Hour - time.Microsecond, 0}, {24 * time.Hour, 1}, {24 * time.Hour, 0}, {24*time.Hour + store.RejectedFor, 1}} {
		if deleted, err := f.Expired(t.Context(), begun.Add(c.at), 10); err != nil || deleted != c.deleted {
			t.Errorf("after %s deleted are %d, %v, want %d", c.at, deleted, err, c.deleted)
		}
	}
	for m, want := range map[uuid.UUID]store.State{
		pending.ID: wire.MediaDeleted, rejected.ID: wire.MediaDeleted, uploaded.ID: wire.MediaUploaded, ready.ID: wire.MediaReady,
	} {
		if state := f.state(t, m); state != want {
			t.Errorf("it is %s, want %s", state, want)
		}
	}
	if told := f.told(t); len(told) != 2 || told[0].(events.MediaChanged).MediaID != pending.ID || told[0].(events.MediaChanged).Reason != store.ReasonExpired {
		t.Errorf("told is %+v", told)
	}
	for range 3 {
		f.create(t, f.asked(room, alice))
	}
	f.wait(25 * time.Hour)
	for i, want := range []int{2, 1, 0} {
		if deleted, err := f.Expired(t.Context(), f.clock(), 2); err != nil || deleted != want {
			t.Errorf("%d: deleted are %d, %v, want %d", i, deleted, err, want)
		}
	}
}

func forgotten(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	m := f.ready(t, room, alice)
	message := uuid.New()
	f.refer(t, m.ID, message, 1)
	if err := f.Forget(t.Context(), m.ID); !errors.Is(err, store.ErrState) {
		t.Errorf("what is not deleted is forgotten: %v", err)
	}
	first, err := f.Delete(t.Context(), m.ID, store.ReasonRoomEnded)
	if err != nil {
		t.Fatal(err)
	}
	f.wait(time.Minute)
	second := f.in(t, wire.MediaDeleted, f.asked(room, alice))
	deleted := func(before time.Time, limit int) (ids []uuid.UUID) {
		t.Helper()
		all, err := f.Deleted(t.Context(), before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			ids = append(ids, m.ID)
		}
		return ids
	}
	if got := deleted(second.ChangedAt, 10); !slices.Equal(got, []uuid.UUID{first.ID}) {
		t.Errorf("deleted before are %v", got)
	}
	if got := deleted(f.clock().Add(1), 1); len(got) != 1 {
		t.Errorf("at most one: %v", got)
	}
	later := f.clock().Add(time.Second)
	if got := deleted(later, 10); !slices.Equal(got, []uuid.UUID{first.ID, second.ID}) {
		t.Errorf("deleted are %v", got)
	}
	pending, stranger := f.create(t, f.asked(room, alice)), uuid.New()
	known := func() []uuid.UUID {
		t.Helper()
		got, err := f.Known(t.Context(), []uuid.UUID{first.ID, stranger, second.ID, pending.ID})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := known(); len(got) != 3 || slices.Contains(got, stranger) {
		t.Errorf("known are %v", got)
	}
	for range 2 {
		if err := f.Forget(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := known(); len(got) != 2 || slices.Contains(got, first.ID) {
		t.Errorf("known are %v", got)
	}
	if got := deleted(later, 10); !slices.Equal(got, []uuid.UUID{second.ID}) {
		t.Errorf("deleted are %v", got)
	}
	if _, err := f.ByID(t.Context(), first.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("forgotten: %v", err)
	}
	if got, err := f.Known(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of none known are %v, %v", got, err)
	}
	f.unrefer(t, message) // later
}

func roomImages(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	f.ready(t, room, alice)
	var ids []uuid.UUID
	for range 3 {
		f.wait(time.Second)
		asked := f.asked(room, alice)
		asked.Purpose = store.PurposeRoomImage
		ids = append(ids, f.in(t, wire.MediaReady, asked).ID)
	}
	if _, err := f.Delete(t.Context(), ids[1], store.ReasonReplaced); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int][]uuid.UUID{10: {ids[2], ids[0]}, 1: {ids[2]}} {
		images, err := f.RoomImages(t.Context(), room, limit)
		got := []uuid.UUID{}
		for _, m := range images {
			got = append(got, m.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the images are %v, %v, want %v", got, err, want)
		}
	}
	if images, err := f.RoomImages(t.Context(), uuid.New(), 10); err != nil || len(images) != 0 {
		t.Errorf("another room's are %v, %v", images, err)
	}
}

func cleared(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	for range 3 {
		f.unrefer(t, uuid.New())
	}
	if _, _, err := f.DeleteRoom(t.Context(), room, 1); err != nil {
		t.Fatal(err)
	}
	m, message := f.ready(t, uuid.New(), alice), uuid.New()
	f.refer(t, m.ID, message, 1)
	if more, err := f.Clear(t.Context(), f.clock(), 2); err != nil || more {
		t.Errorf("nothing is old: %t, %v", more, err)
	}
	f.wait(time.Hour)
	for i, want := range []bool{true, false, false} {
		if more, err := f.Clear(t.Context(), f.clock(), 2); err != nil || more != want {
			t.Errorf("%d: more: %t, %v", i, more, err)
		}
	}
	if usage := f.usage(t, store.ScopeRoom, room); !usage.ClosedAt.IsZero() {
		t.Errorf("the room has %+v", usage)
	}
	if f.unrefer(t, message); f.state(t, m.ID) != wire.MediaDeleted {
		t.Error("the use of a message that is there was cleared")
	}
}

func failureLeavesNothing(t *testing.T, f *fixture) {
	m := f.create(t, f.asked(uuid.New(), uuid.New()))
	failed := errors.New("failed")
	err := f.Transact(t.Context(), "fail", func(ctx context.Context, tx store.Tx) error {
		if err := tx.Remove(ctx, m.ID); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, []store.Job{{Kind: store.JobRemove, Medium: m.ID}}); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) || f.state(t, m.ID) != wire.MediaPending {
		t.Errorf("it gives %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := f.Complete(ended, m.ID, facts()); err == nil {
		t.Error("a request that had ended completed an upload")
	}
	if told := f.told(t); len(told) != 0 || f.state(t, m.ID) != wire.MediaPending {
		t.Errorf("told is %+v", told)
	}
	done := run(t, f, nothing{})
	other := f.in(t, wire.MediaUploaded, f.asked(uuid.New(), uuid.New()))
	await(t, "the other job is done", func() bool { return len(done()) > 0 })
	if jobs := done(); len(jobs) != 1 || jobs[0].Medium != other.ID {
		t.Errorf("done are %+v", jobs)
	}
}

func unstorable(t *testing.T, f *fixture) {
	for name, spoil := range map[string]func(m *store.Media){
		"size":     func(m *store.Media) { m.Size = 0 },
		"checksum": func(m *store.Media) { m.SHA256 = []byte{1} },
		"purpose":  func(m *store.Media) { m.Purpose = "nothing" },
	} {
		m := f.asked(uuid.New(), uuid.New())
		spoil(&m)
		if _, _, err := f.Create(t.Context(), m, store.Quotas{}); !errors.Is(err, store.ErrUnstorable) {
			t.Errorf("of a wrong %s: %v", name, err)
		}
		if _, err := f.ByID(t.Context(), m.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of a wrong %s something is left: %v", name, err)
		}
	}
	long := f.asked(uuid.New(), uuid.New())
	long.FileName = strings.Repeat("ä", 5000)
	if f.create(t, long); f.state(t, long.ID) != wire.MediaPending {
		t.Error("a long name is not kept")
	}
}
