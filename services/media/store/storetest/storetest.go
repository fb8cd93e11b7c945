// Package storetest holds every backend of the media store to what package store says.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

// Run runs the suite. Open gives an empty backend that is running, see [Start].
func Run(t *testing.T, open func(t *testing.T) store.Rows) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *fixture)
	}{
		{"a medium is kept as it is", mediumIsKept},
		{"who asks again is given what is there", createdOnce},
		{"every edge of the state machine", everyEdge},
		{"of many who say the same one is told", oneOfManyIsTold},
		{"the first multipart upload counts", firstUploadCounts},
		{"quotas refuse, and say which", quotasRefuse},
		{"quotas hold when many upload at once", quotasHold},
		{"a room's quota holds when many upload at once", roomQuotaHolds},
		{"of the same at once there is one", sameAtOnceIsOne},
		{"what is refused does not keep others out", refusedBesideOthers},
		{"a crowd's usages are what it has", crowdAgrees},
		{"quota is given back once", quotaIsGivenBack},
		{"a medium goes with the last message that uses it", lastUseDeletes},
		{"the order of replays does not matter", replaysConverge},
		{"an edit exchanges what a message uses", editExchanges},
		{"what is deleted is used by nothing", deletedIsNotUsed},
		{"a message that expires uses nothing any more", expiredMessageUsesNothing},
		{"who uses a medium is known", usesAreKnown},
		{"what no message has ever shown is deleted", neverShownIsDeleted},
		{"what a message is about to show stays", aboutToBeShownStays},
		{"the last message goes while another one comes", lastUseWhileAnotherComes},
		{"a medium is shown or deleted", showOrDelete},
		{"what no message shows is withdrawn", withdrawn},
		{"a room that has ended has nothing, and takes nothing", endedRoom},
		{"a deleted user is told erased when the objects are gone", userIsErased},
		{"what has expired is deleted", expiredIsDeleted},
		{"what is deleted is known until it is forgotten", forgotten},
		{"a room's images are apart", roomImages},
		{"what is only kept for replays is cleared", cleared},
		{"a change that fails leaves nothing", failureLeavesNothing},
		{"what cannot be kept is said so", unstorable},
		{"jobs are done, and again where that fails", jobsAreDone},
		{"jobs know the trace of what asks for them", jobsKnowTheirTrace},
		{"a job that is broken off is done again", brokenOffIsDoneAgain},
		{"lost jobs are found and queued again", lostJobsAreFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newFixture(t, open(t)))
		})
	}
	t.Run("outbox", func(t *testing.T) {
		t.Parallel()
		outboxtest.Run(t, func(t *testing.T) outboxtest.Store { return outboxOf{open(t)} })
	})
}

// outboxOf is the outbox of a backend, as its suite sees it.
type outboxOf struct{ store.Rows }

func (o outboxOf) Transact(ctx context.Context, change func(add func(row outbox.Row) (int64, error)) error) error {
	return o.Rows.Transact(ctx, "append", func(ctx context.Context, tx store.Tx) error {
		return change(func(row outbox.Row) (int64, error) { return tx.Append(ctx, row) })
	})
}

// Start runs a backend for the rest of the test, and waits until it can be written to. Before that and afterwards it must be unavailable.
func Start(t testing.TB, rows store.Rows) store.Rows {
	t.Helper()
	unavailable := func(when string) {
		t.Helper()
		ctx := context.WithoutCancel(t.Context())
		if _, err := rows.ByID(ctx, uuid.New()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s a read gives %v", when, err)
		}
		if err := rows.Transact(ctx, "nothing", func(context.Context, store.Tx) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s a change gives %v", when, err)
		}
		if _, err := rows.Lead(ctx); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s the lead gives %v", when, err)
		}
	}
	unavailable("before it runs")
	stop := servicetest.Run(t, "store", rows.Run)
	t.Cleanup(func() {
		stop()
		unavailable("when it has ended")
	})
	servicetest.AwaitSuccess(t, "the store", func() error { return rows.Ping(t.Context()) })
	return rows
}

// fixture is a store with a clock of its own.
type fixture struct {
	*store.Store

	leader outbox.Lead // once something is looked for in the outbox

	mu  sync.Mutex
	now time.Time
}

func newFixture(t testing.TB, rows store.Rows) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC)}
	f.Store = store.New(rows, telemetry.Discard(nil), f.clock)
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// wait lets time pass.
func (f *fixture) wait(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

const size = 1000 // bytes, of most media

// asked is a picture for a room.
func (f *fixture) asked(room, uploader uuid.UUID) store.Media {
	return store.Media{
		ID: uuid.New(), Room: room, Uploader: uploader, Tenant: "acme", Purpose: store.PurposeMessage, FileName: "Katze 🐙.jpg", MimeType: "image/jpeg", Size: size,
		ExpiresAt: f.clock().Add(24 * time.Hour),
	}
}

func (f *fixture) create(t testing.TB, m store.Media) store.Media {
	t.Helper()
	stored, created, err := f.Create(t.Context(), m, store.Quotas{})
	if err != nil || !created {
		t.Fatalf("created: %t, %v", created, err)
	}
	return stored
}

func facts() store.Facts {
	return store.Facts{Size: size, SHA256: make([]byte, 32), Type: "image/jpeg"}
}

const (
	badReason  = "type-differs"
	goodWidth  = 4000
	goodHeight = 3000
)

func goodVariants() []string { return []string{"256", "1024"} }

// in gives a new medium in a state.
func (f *fixture) in(t testing.TB, state store.State, asked store.Media) store.Media {
	t.Helper()
	m := f.create(t, asked)
	path := map[store.State][]func() (store.Media, error){}
	complete := func() (store.Media, error) { return f.Complete(t.Context(), m.ID, facts()) }
	ready := func() (store.Media, error) { return f.Ready(t.Context(), m.ID, goodWidth, goodHeight, goodVariants()) }
	reject := func() (store.Media, error) { return f.Reject(t.Context(), m.ID, badReason) }
	remove := func() (store.Media, error) { return f.Delete(t.Context(), m.ID, store.ReasonWithdrawn) }
	path[wire.MediaUploaded] = append(path[wire.MediaUploaded], complete)
	path[wire.MediaReady] = append(path[wire.MediaReady], complete, ready)
	path[wire.MediaRejected] = append(path[wire.MediaRejected], complete, reject)
	path[wire.MediaDeleted] = append(path[wire.MediaDeleted], remove)
	for _, step := range path[state] {
		var err error
		if m, err = step(); err != nil {
			t.Fatal(err)
		}
	}
	if m.State != state {
		t.Fatalf("it is %s, want %s", m.State, state)
	}
	return m
}

func (f *fixture) ready(t testing.TB, room, uploader uuid.UUID) store.Media {
	t.Helper()
	return f.in(t, wire.MediaReady, f.asked(room, uploader))
}

// state gives the state of a medium by now.
func (f *fixture) state(t testing.TB, id uuid.UUID) store.State {
	t.Helper()
	m, err := f.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return m.State
}

// told takes all events out of the outbox, which must satisfy the contract.
func (f *fixture) told(t testing.TB) (all []events.Data) {
	t.Helper()
	if f.leader == nil {
		f.leader = outboxtest.Lead(t, f.Store)
	}
	for _, row := range outboxtest.Drain(t, f.leader) {
		eventstest.Conforms(t, row.Headers, row.Value)
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatalf("decode the event of row %d: %v", row.ID, err)
		}
		if row.Topic != event.Data.Topic() || row.Key != event.Data.PartitionKey() || event.Source != store.Source {
			t.Errorf("row %d goes to %s with key %s from %s", row.ID, row.Topic, row.Key, event.Source)
		}
		all = append(all, event.Data)
	}
	return all
}

// states are those that events tell of, in their order.
func states(told []events.Data) (all []store.State) {
	for _, data := range told {
		if changed, ok := data.(events.MediaChanged); ok {
			all = append(all, changed.State)
		}
	}
	return all
}

func (f *fixture) usage(t testing.TB, kind store.ScopeKind, id uuid.UUID) store.Usage {
	t.Helper()
	usage, err := f.Usage(t.Context(), store.Scope{Kind: kind, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return usage
}

// has holds what an uploader and a room have to what they should.
func (f *fixture) has(t testing.TB, when string, m store.Media, media int64) {
	t.Helper()
	for kind, id := range map[store.ScopeKind]uuid.UUID{store.ScopeUser: m.Uploader, store.ScopeRoom: m.Room} {
		if usage := f.usage(t, kind, id); usage.Media != media || usage.Bytes != media*size {
			t.Errorf("%s the %s has %+v, want %d media", when, kind, usage, media)
		}
	}
}
