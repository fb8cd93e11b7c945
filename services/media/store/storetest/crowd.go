package storetest

import (
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

// roomQuotaHolds has many users fill one room: it takes as much as it may, to the byte, and each of them is told why it takes no more.
func roomQuotaHolds(t *testing.T, f *fixture) {
	const most, users, each = 10, 5, 4
	room := uuid.New()
	quotas := store.Quotas{RoomBytes: most*size + size/2}
	var created, refused atomic.Int64
	var group sync.WaitGroup
	for range users {
		alice := uuid.New()
		for range each {
			group.Go(func() {
				_, _, err := f.Create(t.Context(), f.asked(room, alice), quotas)
				switch quota, ok := errors.AsType[store.QuotaError](err); {
				case err == nil:
					created.Add(1)
				case ok && quota == store.QuotaError{Of: store.QuotaRoomBytes, Limit: quotas.RoomBytes, Used: most * size}:
					refused.Add(1)
				default:
					t.Errorf("create: %v", err)
				}
			})
		}
	}
	group.Wait()
	if usage := f.usage(t, store.ScopeRoom, room); created.Load() != most || refused.Load() != users*each-most || usage.Media != most || usage.Bytes != most*size {
		t.Errorf("%d were created and %d refused, the room has %+v", created.Load(), refused.Load(), usage)
	}
	rest := f.asked(room, uuid.New())
	rest.Size = size / 2
	if _, _, err := f.Create(t.Context(), rest, quotas); err != nil {
		t.Errorf("what fills the room: %v", err)
	}
}

// sameAtOnceIsOne has many ask for the same medium at once, and for one that has been there since before.
func sameAtOnceIsOne(t *testing.T, f *fixture) {
	room, alice := uuid.New(), uuid.New()
	before := f.create(t, f.asked(room, alice))
	asked := f.asked(room, alice)
	var created atomic.Int64
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			got, isNew, err := f.Create(t.Context(), asked, store.Quotas{UserMedia: 2})
			if err != nil || got.ID != asked.ID || got.State != wire.MediaPending {
				t.Errorf("the same at once: %+v, %v", got, err)
			}
			if isNew {
				created.Add(1)
			}
		})
		group.Go(func() {
			if got, isNew, err := f.Create(t.Context(), before, store.Quotas{UserMedia: 2}); err != nil || isNew || !reflect.DeepEqual(got, before) {
				t.Errorf("what has been there: %+v, new: %t, %v", got, isNew, err)
			}
		})
	}
	group.Wait()
	if created.Load() != 1 {
		t.Errorf("it was created %d times", created.Load())
	}
	f.has(t, "created once", asked, 2)
}

// refusedBesideOthers has what is refused come at the same time as what is not.
func refusedBesideOthers(t *testing.T, f *fixture) {
	full, open, alice, bob := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	ended := uuid.New()
	for _, m := range []store.Media{f.asked(full, alice), f.asked(open, bob)} {
		f.create(t, m)
	}
	if _, _, err := f.DeleteRoom(t.Context(), ended, 10); err != nil {
		t.Fatal(err)
	}
	quotas := store.Quotas{UserMedia: 11}
	large := f.asked(full, alice)
	large.Size = 1<<63 - 1
	spoilt := f.asked(open, bob)
	spoilt.Purpose = "nothing"
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if _, _, err := f.Create(t.Context(), f.asked(ended, alice), quotas); !errors.Is(err, store.ErrClosed) {
				t.Errorf("in a room that has ended: %v", err)
			}
		})
		group.Go(func() {
			if _, _, err := f.Create(t.Context(), large, store.Quotas{UserBytes: 1 << 40}); !errors.Is(err, store.ErrQuota) {
				t.Errorf("a huge one: %v", err)
			}
		})
		group.Go(func() {
			if _, _, err := f.Create(t.Context(), spoilt, quotas); !errors.Is(err, store.ErrUnstorable) {
				t.Errorf("a wrong one: %v", err)
			}
		})
		group.Go(func() {
			if _, created, err := f.Create(t.Context(), f.asked(open, bob), quotas); err != nil || !created {
				t.Errorf("a right one: %t, %v", created, err)
			}
		})
	}
	group.Wait()
	f.has(t, "beside others", store.Media{Room: open, Uploader: bob}, 11)
	f.has(t, "beside others", store.Media{Room: full, Uploader: alice}, 1)
}

// crowdAgrees has users create, complete, reject and delete media in the same rooms all at once, while a room ends: nobody stands in another's way for good, and
// usages are the sums of what there is.
func crowdAgrees(t *testing.T, f *fixture) {
	const each = 6
	rooms := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	users := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	ends := rooms[2]
	var (
		group sync.WaitGroup
		left  atomic.Int64
	)
	for i := range each * len(users) {
		group.Go(func() {
			m := f.asked(rooms[i%len(rooms)], users[i%len(users)])
			steps := []func() error{
				func() error { _, _, err := f.Create(t.Context(), m, store.Quotas{UserMedia: 1 << 20}); return err },
				func() error { _, err := f.Complete(t.Context(), m.ID, facts()); return err },
			}
			switch i % 5 {
			case 0:
				steps = append(steps, func() error { _, err := f.Reject(t.Context(), m.ID, badReason); return err })
			case 1:
				steps = append(steps, func() error { _, err := f.Delete(t.Context(), m.ID, store.ReasonWithdrawn); return err })
			default:
				steps = append(steps, func() error { _, err := f.Ready(t.Context(), m.ID, 1, 1, nil); return err })
			}
			for _, step := range steps {
				if err := step(); err != nil {
					if m.Room != ends || !errors.Is(err, store.ErrClosed) && !errors.Is(err, store.ErrState) {
						t.Errorf("a step: %v", err)
					}
					return
				}
			}
			if m.Room != ends && i%5 > 1 {
				left.Add(1)
			}
		})
	}
	group.Go(func() {
		for more := true; more; {
			var err error
			if _, more, err = f.DeleteRoom(t.Context(), ends, 2); err != nil {
				t.Errorf("the room ends: %v", err)
				return
			}
		}
	})
	group.Wait()
	if usage := f.usage(t, store.ScopeRoom, ends); usage.Media != 0 || usage.Bytes != 0 {
		t.Errorf("the room that has ended has %+v", usage)
	}
	for kind, ids := range map[store.ScopeKind][]uuid.UUID{store.ScopeRoom: rooms, store.ScopeUser: users} {
		var media, bytes int64
		for _, id := range ids {
			usage := f.usage(t, kind, id)
			media, bytes = media+usage.Media, bytes+usage.Bytes
		}
		if media != left.Load() || bytes != left.Load()*size {
			t.Errorf("the usages of each %s have %d media and %d bytes together, want %d media", kind, media, bytes, left.Load())
		}
	}
}
