package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

func mediumIsKept(t *testing.T, f *fixture) {
	asked := f.asked(uuid.New(), uuid.New())
	asked.SHA256 = slices.Repeat([]byte{7}, 32)
	want := asked
	want.State, want.CreatedAt, want.ChangedAt = wire.MediaPending, f.clock(), f.clock()
	check := func(got store.Media, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("it is\n%+v, %v, want\n%+v", got, err, want)
		}
		if got, err = f.ByID(t.Context(), asked.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read, it is\n%+v, %v, want\n%+v", got, err, want)
		}
	}
	check(f.create(t, asked), nil)
	if told := f.told(t); len(told) != 0 {
		t.Errorf("told is %+v", told)
	}
	want.UploadID, want.PartSize = "upload", 5<<20
	check(f.SetUpload(t.Context(), asked.ID, "upload", 5<<20))
	f.wait(time.Minute)
	want.State, want.SHA256, want.Type, want.ChangedAt, want.ExpiresAt = wire.MediaUploaded, facts().SHA256, "image/jpeg", f.clock(), time.Time{}
	check(f.Complete(t.Context(), asked.ID, facts()))
	f.wait(time.Minute)
	want.State, want.Width, want.Height, want.Variants, want.ChangedAt = wire.MediaReady, goodWidth, goodHeight, goodVariants(), f.clock()
	check(f.Ready(t.Context(), asked.ID, goodWidth, goodHeight, goodVariants()))
	event := events.MediaChanged{
		MediaID: asked.ID, RoomID: asked.Room, UploaderID: asked.Uploader, Tenant: "acme", Purpose: "message", State: wire.MediaReady, FileName: asked.FileName,
		MimeType: "image/jpeg", Size: size, Width: goodWidth, Height: goodHeight, Variants: goodVariants(), ChangedAt: wire.At(f.clock()),
	}
	if told := f.told(t); !slices.Equal(states(told), []store.State{wire.MediaUploaded, wire.MediaReady}) || !reflect.DeepEqual(told[1], events.Data(event)) {
		t.Errorf("told is %+v", told)
	}
	f.wait(time.Minute)
	deleted := store.Media{
		ID: asked.ID, Room: asked.Room, Uploader: asked.Uploader, Tenant: "acme", Purpose: store.PurposeMessage, Size: size, Variants: goodVariants(),
		UploadID: "upload", PartSize: 5 << 20, State: wire.MediaDeleted, Reason: store.ReasonWithdrawn, CreatedAt: want.CreatedAt, ChangedAt: f.clock(),
	}
	want = deleted
	check(f.Delete(t.Context(), asked.ID, store.ReasonWithdrawn))
	event = events.MediaChanged{
		MediaID: asked.ID, RoomID: asked.Room, UploaderID: asked.Uploader, Tenant: "acme", Purpose: "message", State: wire.MediaDeleted,
		Reason: store.ReasonWithdrawn, ChangedAt: wire.At(f.clock()),
	}
	if told := f.told(t); len(told) != 1 || !reflect.DeepEqual(told[0], events.Data(event)) {
		t.Errorf("told is %+v", told)
	}
}

func createdOnce(t *testing.T, f *fixture) {
	asked := f.asked(uuid.New(), uuid.New())
	first := f.create(t, asked)
	for range 2 {
		f.wait(time.Minute)
		again := asked
		again.ExpiresAt = f.clock().Add(24 * time.Hour)
		if got, created, err := f.Create(t.Context(), again, store.Quotas{UserMedia: 1}); err != nil || created || !reflect.DeepEqual(got, first) {
			t.Fatalf("asked again: %+v, %t, %v", got, created, err)
		}
	}
	f.has(t, "created", asked, 1)
	for name, other := range map[string]func(m *store.Media){
		"room":     func(m *store.Media) { m.Room = uuid.New() },
		"uploader": func(m *store.Media) { m.Uploader = uuid.New() },
		"tenant":   func(m *store.Media) { m.Tenant = "" },
		"purpose":  func(m *store.Media) { m.Purpose = store.PurposeRoomImage },
		"name":     func(m *store.Media) { m.FileName = "dog.jpg" },
		"type":     func(m *store.Media) { m.MimeType = "image/png" },
		"size":     func(m *store.Media) { m.Size++ },
		"checksum": func(m *store.Media) { m.SHA256 = make([]byte, 32) },
	} {
		changed := asked
		other(&changed)
		if _, _, err := f.Create(t.Context(), changed, store.Quotas{}); !errors.Is(err, store.ErrExists) {
			t.Errorf("with another %s: %v", name, err)
		}
	}
	completed, err := f.Complete(t.Context(), asked.ID, facts())
	if err != nil {
		t.Fatal(err)
	}
	if got, created, err := f.Create(t.Context(), asked, store.Quotas{}); err != nil || created || !reflect.DeepEqual(got, completed) {
		t.Errorf("asked again when it is uploaded: %+v, %t, %v", got, created, err)
	}
	if _, err := f.Delete(t.Context(), asked.ID, store.ReasonWithdrawn); err != nil {
		t.Fatal(err)
	}
	if got, created, err := f.Create(t.Context(), asked, store.Quotas{}); err != nil || created || got.State != wire.MediaDeleted {
		t.Errorf("asked again when it is deleted: %+v, %t, %v", got, created, err)
	}
	f.has(t, "deleted", asked, 0)
}

// everyEdge walks all edges of the state machine that [store.Media] draws, and tries all others.
func everyEdge(t *testing.T, f *fixture) {
	ctx := t.Context()
	const pending, uploaded, ready, rejected, deleted = wire.MediaPending, wire.MediaUploaded, wire.MediaReady, wire.MediaRejected, wire.MediaDeleted
	steps := map[string]func(id uuid.UUID) (store.Media, error){
		"complete": func(id uuid.UUID) (store.Media, error) { return f.Complete(ctx, id, facts()) },
		"complete otherwise": func(id uuid.UUID) (store.Media, error) {
			other := facts()
			other.Type = "text/html"
			return f.Complete(ctx, id, other)
		},
		"ready": func(id uuid.UUID) (store.Media, error) {
			return f.Ready(ctx, id, goodWidth, goodHeight, goodVariants())
		},
		"ready otherwise":  func(id uuid.UUID) (store.Media, error) { return f.Ready(ctx, id, 1, 1, nil) },
		"reject":           func(id uuid.UUID) (store.Media, error) { return f.Reject(ctx, id, badReason) },
		"reject otherwise": func(id uuid.UUID) (store.Media, error) { return f.Reject(ctx, id, "infected") },
		"delete":           func(id uuid.UUID) (store.Media, error) { return f.Delete(ctx, id, store.ReasonRoomEnded) },
		"begin multipart":  func(id uuid.UUID) (store.Media, error) { return f.SetUpload(ctx, id, "upload", 1) },
	}
	// What becomes of each state by each step; a step that is not there is refused.
	becomes := map[store.State]map[string]store.State{
		pending:  {"complete": uploaded, "complete otherwise": uploaded, "delete": deleted, "begin multipart": pending},
		uploaded: {"complete": uploaded, "ready": ready, "ready otherwise": ready, "reject": rejected, "reject otherwise": rejected, "delete": deleted},
		ready:    {"complete": ready, "ready": ready, "delete": deleted},
		rejected: {"complete": rejected, "reject": rejected, "delete": deleted},
		deleted:  {"delete": deleted},
	}
	counts := map[store.State]int64{pending: 1, uploaded: 1, ready: 1}
	for from, edges := range becomes {
		for step, do := range steps {
			name := fmt.Sprintf("%s: %s", from, step)
			m := f.in(t, from, f.asked(uuid.New(), uuid.New()))
			f.told(t)
			want, allowed := edges[step]
			got, err := do(m.ID)
			if allowed {
				if err != nil || got.State != want || f.state(t, m.ID) != want {
					t.Errorf("%s gives %s, %v, want %s", name, got.State, err, want)
				}
			} else {
				want = from
				if refused, ok := errors.AsType[store.StateError](err); !ok || refused.State != from || !errors.Is(err, store.ErrState) || f.state(t, m.ID) != from {
					t.Errorf("%s gives %v", name, err)
				}
			}
			var tell []store.State
			if want != from {
				tell = []store.State{want}
			}
			if told := f.told(t); !slices.Equal(states(told), tell) {
				t.Errorf("%s tells %v, want %v", name, states(told), tell)
			}
			f.has(t, name, m, counts[want])
		}
	}
	for step, do := range steps {
		if _, err := do(uuid.New()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of none, %s gives %v", step, err)
		}
	}
}

func oneOfManyIsTold(t *testing.T, f *fixture) {
	m := f.create(t, f.asked(uuid.New(), uuid.New()))
	at := func(do func() error) (failed int64) {
		var group sync.WaitGroup
		var failures atomic.Int64
		for range 10 {
			group.Go(func() {
				if err := do(); err != nil {
					failures.Add(1)
				}
			})
		}
		group.Wait()
		return failures.Load()
	}
	if n := at(func() error {
		_, err := f.Complete(t.Context(), m.ID, facts())
		return err
	}); n != 0 {
		t.Errorf("%d could not complete", n)
	}
	var number atomic.Int64
	n := at(func() error {
		if number.Add(1)%2 == 0 {
			_, err := f.Ready(t.Context(), m.ID, 1, 1, nil)
			return err
		}
		_, err := f.Reject(t.Context(), m.ID, badReason)
		return err
	})
	if n != 5 {
		t.Errorf("%d were refused, want those that came too late", n)
	}
	if told := states(f.told(t)); len(told) != 2 || told[0] != wire.MediaUploaded || told[1] != f.state(t, m.ID) {
		t.Errorf("told is %v", told)
	}
}

func firstUploadCounts(t *testing.T, f *fixture) {
	m := f.create(t, f.asked(uuid.New(), uuid.New()))
	for _, upload := range []string{"first", "second", "first"} {
		if got, err := f.SetUpload(t.Context(), m.ID, upload, int64(len(upload))); err != nil || got.UploadID != "first" || got.PartSize != 5 {
			t.Errorf("it is %q in parts of %d, %v", got.UploadID, got.PartSize, err)
		}
	}
}

func quotasRefuse(t *testing.T, f *fixture) {
	for _, c := range []struct {
		of     store.Quota
		quotas store.Quotas
		limit  int64
		used   int64
	}{
		{store.QuotaUserMedia, store.Quotas{UserMedia: 1}, 1, 1},
		{store.QuotaUserBytes, store.Quotas{UserBytes: 2*size - 1}, 2*size - 1, size},
		{store.QuotaRoomBytes, store.Quotas{RoomBytes: 2*size - 1}, 2*size - 1, size},
	} {
		room, alice := uuid.New(), uuid.New()
		first := f.create(t, f.asked(room, alice))
		second := f.asked(room, alice)
		_, _, err := f.Create(t.Context(), second, c.quotas)
		if refused, ok := errors.AsType[store.QuotaError](err); !ok || refused != (store.QuotaError{Of: c.of, Limit: c.limit, Used: c.used}) || !errors.Is(err, store.ErrQuota) {
			t.Errorf("%s: %v", c.of, err)
		}
		if _, err := f.ByID(t.Context(), second.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: of what was refused there is something, %v", c.of, err)
		}
		f.has(t, "refused", first, 1)
		_, _, err = f.Create(t.Context(), f.asked(room, uuid.New()), c.quotas)
		if ofRoom := c.of == store.QuotaRoomBytes; errors.Is(err, store.ErrQuota) != ofRoom {
			t.Errorf("%s of another user: %v", c.of, err)
		}
		_, _, err = f.Create(t.Context(), f.asked(uuid.New(), alice), c.quotas)
		if ofUser := c.of != store.QuotaRoomBytes; errors.Is(err, store.ErrQuota) != ofUser {
			t.Errorf("%s in another room: %v", c.of, err)
		}
	}
	room, alice := uuid.New(), uuid.New()
	f.create(t, f.asked(room, alice))
	huge := f.asked(room, alice)
	huge.Size = 1<<63 - 1
	if _, _, err := f.Create(t.Context(), huge, store.Quotas{UserBytes: 1 << 40}); !errors.Is(err, store.ErrQuota) {
		t.Errorf("a huge one: %v", err)
	}
	if _, _, err := f.Create(t.Context(), f.asked(room, alice), store.Quotas{UserMedia: 2, UserBytes: 2 * size, RoomBytes: 2 * size}); err != nil {
		t.Errorf("up to the limit: %v", err)
	}
}

func quotasHold(t *testing.T, f *fixture) {
	const most, tries = 5, 20
	alice := uuid.New()
	rooms := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	var created, refused atomic.Int64
	var group sync.WaitGroup
	for i := range tries {
		group.Go(func() {
			switch _, _, err := f.Create(t.Context(), f.asked(rooms[i%len(rooms)], alice), store.Quotas{UserMedia: most}); {
			case err == nil:
				created.Add(1)
			case errors.Is(err, store.ErrQuota):
				refused.Add(1)
			default:
				t.Errorf("create: %v", err)
			}
		})
	}
	group.Wait()
	if usage := f.usage(t, store.ScopeUser, alice); created.Load() != most || refused.Load() != tries-most || usage.Media != most || usage.Bytes != most*size {
		t.Errorf("%d were created and %d refused, the user has %+v", created.Load(), refused.Load(), usage)
	}
}

func quotaIsGivenBack(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	m := f.create(t, f.asked(room, alice))
	larger := facts()
	larger.Size = 3 * size
	if _, err := f.Complete(t.Context(), m.ID, larger); err != nil {
		t.Fatal(err)
	}
	if usage := f.usage(t, store.ScopeRoom, room); usage.Bytes != 3*size || usage.Media != 1 {
		t.Errorf("of what turned out to be larger the room has %+v", usage)
	}
	if _, err := f.Reject(t.Context(), m.ID, badReason); err != nil {
		t.Fatal(err)
	}
	f.has(t, "rejected", m, 0)
	for range 2 {
		if _, err := f.Delete(t.Context(), m.ID, store.ReasonWithdrawn); err != nil {
			t.Fatal(err)
		}
		f.has(t, "deleted", m, 0)
	}
	if err := f.Forget(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	f.has(t, "forgotten", m, 0)
}
