package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/store"
)

func position(offset int64) events.Position { return events.Position{Offset: offset} }

func (f *fixture) refer(t testing.TB, medium, message uuid.UUID, offset int64) {
	t.Helper()
	if err := f.Refer(t.Context(), medium, message, position(offset), time.Time{}); err != nil {
		t.Fatalf("refer: %v", err)
	}
}

func (f *fixture) unrefer(t testing.TB, message uuid.UUID) {
	t.Helper()
	if err := f.Unrefer(t.Context(), message); err != nil {
		t.Fatalf("unrefer: %v", err)
	}
}

func lastUseDeletes(t *testing.T, f *fixture) {
	m, other := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New())
	first, second := uuid.New(), uuid.New()
	f.told(t)
	f.refer(t, m.ID, first, 1)
	f.refer(t, m.ID, second, 2)
	f.refer(t, m.ID, first, 1) // again
	f.unrefer(t, uuid.New())   // a message without a medium
	f.unrefer(t, first)
	f.unrefer(t, first)
	if state := f.state(t, m.ID); state != wire.MediaReady {
		t.Fatalf("while a message uses it, it is %s", state)
	}
	f.unrefer(t, second)
	got, err := f.ByID(t.Context(), m.ID)
	if err != nil || got.State != wire.MediaDeleted || got.Reason != store.ReasonUnused || got.FileName != "" {
		t.Errorf("used by none, it is %+v, %v", got, err)
	}
	f.has(t, "used by none", m, 0)
	if told := f.told(t); !slices.Equal(states(told), []store.State{wire.MediaDeleted}) {
		t.Errorf("told is %+v", told)
	}
	if state := f.state(t, other.ID); state != wire.MediaReady {
		t.Errorf("another one is %s", state)
	}
}

// replaysConverge takes what happened to two messages in every order, and then in the log's order once more.
func replaysConverge(t *testing.T, f *fixture) {
	first, second := 0, 1
	type step func(m uuid.UUID, messages []uuid.UUID)
	refer := func(which int) step {
		return func(m uuid.UUID, messages []uuid.UUID) { f.refer(t, m, messages[which], int64(which)) }
	}
	unrefer := func(which int) step {
		return func(_ uuid.UUID, messages []uuid.UUID) { f.unrefer(t, messages[which]) }
	}
	inOrder := []step{refer(first), refer(second), unrefer(first), unrefer(second)}
	for order := range permutations(len(inOrder)) {
		m, messages := f.create(t, f.asked(uuid.New(), uuid.New())), []uuid.UUID{uuid.New(), uuid.New()}
		for _, i := range order {
			inOrder[i](m.ID, messages)
		}
		if state := f.state(t, m.ID); state != wire.MediaDeleted {
			t.Errorf("in the order %v it is %s", order, state)
		}
		for _, again := range inOrder {
			again(m.ID, messages)
		}
		if told := states(f.told(t)); !slices.Equal(told, []store.State{wire.MediaDeleted}) {
			t.Errorf("in the order %v it is told %v", order, told)
		}
	}
	// While one message is there, no order deletes it, but where the log says that it was unused before.
	stays := []step{refer(first), refer(second), unrefer(first)}
	for order := range permutations(len(stays)) {
		if slices.Index(order, 1) > slices.Index(order, 0) && slices.Index(order, 1) > slices.Index(order, 2) {
			continue
		}
		m, messages := f.create(t, f.asked(uuid.New(), uuid.New())), []uuid.UUID{uuid.New(), uuid.New()}
		for _, i := range append(slices.Clone(order), 0, 1, 2, 0) { // a process that hung comes last
			stays[i](m.ID, messages)
		}
		if state := f.state(t, m.ID); state != wire.MediaPending {
			t.Errorf("used by one, in the order %v it is %s", order, state)
		}
		f.unrefer(t, messages[second])
		if state := f.state(t, m.ID); state != wire.MediaDeleted {
			t.Errorf("at last, after the order %v, it is %s", order, state)
		}
	}
}

// permutations gives all orders of n things.
func permutations(n int) func(yield func(order []int) bool) {
	return func(yield func(order []int) bool) {
		var extend func(order []int) bool
		extend = func(order []int) bool {
			if len(order) == n {
				return yield(slices.Clone(order))
			}
			for i := range n {
				if !slices.Contains(order, i) && !extend(append(order, i)) {
					return false
				}
			}
			return true
		}
		extend(nil)
	}
}

func editExchanges(t *testing.T, f *fixture) {
	before, after, message := f.ready(t, uuid.New(), uuid.New()), f.ready(t, uuid.New(), uuid.New()), uuid.New()
	f.refer(t, before.ID, message, 1)
	f.refer(t, after.ID, message, 5)
	f.refer(t, before.ID, message, 1) // the log again
	if is := []store.State{f.state(t, before.ID), f.state(t, after.ID)}; !slices.Equal(is, []store.State{wire.MediaDeleted, wire.MediaReady}) {
		t.Errorf("they are %v", is)
	}
	f.unrefer(t, message)
	f.refer(t, after.ID, message, 9) // an edit behind the deletion
	if state := f.state(t, after.ID); state != wire.MediaDeleted {
		t.Errorf("the message is deleted, and the medium %s", state)
	}
}

func deletedIsNotUsed(t *testing.T, f *fixture) {
	m := f.in(t, wire.MediaDeleted, f.asked(uuid.New(), uuid.New()))
	message := uuid.New()
	for _, medium := range []uuid.UUID{m.ID, uuid.New()} {
		f.refer(t, medium, message, 1)
	}
	if err := f.Forget(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	f.refer(t, m.ID, message, 2)
	used := f.ready(t, uuid.New(), uuid.New())
	f.refer(t, used.ID, message, 1) // as nothing was kept of those
	f.unrefer(t, message)
	if state := f.state(t, used.ID); state != wire.MediaDeleted {
		t.Errorf("it is %s", state)
	}
	image := f.asked(uuid.New(), uuid.New())
	image.Purpose = store.PurposeRoomImage
	picture := f.in(t, wire.MediaReady, image)
	f.refer(t, picture.ID, uuid.Max, 1)
	f.unrefer(t, uuid.Max)
	if state := f.state(t, picture.ID); state != wire.MediaReady {
		t.Errorf("a room's image is %s with a message", state)
	}
}
