package intake

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

// rooms knows some users, and counts the questions.
type rooms struct {
	tenants   map[uuid.UUID]string
	down      bool
	questions []int // how many users each asked for
}

func (r *rooms) Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	r.questions = append(r.questions, len(users))
	if r.down {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	known := map[uuid.UUID]string{}
	for _, user := range users {
		if tenant, is := r.tenants[user]; is {
			known[user] = tenant
		}
	}
	return known, nil
}

func TestABackendTellsUsersOfItsTenant(t *testing.T) {
	carol := uuid.New()
	knows := map[uuid.UUID]string{alice: "acme", bob: ""}
	for name, c := range map[string]struct {
		tenant    string
		refuse    bool
		users     []uuid.UUID
		unknown   []uuid.UUID
		questions int
	}{
		"of its tenant":                 {"acme", false, []uuid.UUID{alice}, nil, 1},
		"of no tenant":                  {"acme", false, []uuid.UUID{alice, bob}, []uuid.UUID{bob}, 1},
		"of another tenant":             {"umbrella", false, []uuid.UUID{alice}, []uuid.UUID{alice}, 1},
		"unknown":                       {"acme", true, []uuid.UUID{carol, alice}, []uuid.UUID{carol}, 1},
		"any, kept":                     {"", false, []uuid.UUID{alice, bob, carol}, nil, 0},
		"any known one":                 {"", true, []uuid.UUID{alice, bob}, nil, 1},
		"unknown, by a backend of none": {"", true, []uuid.UUID{alice, carol}, []uuid.UUID{carol}, 1},
	} {
		rooms := &rooms{tenants: knows}
		refusals, err := New(nil, rooms, c.refuse).Vet(t.Context(), c.tenant, asked(`{}`, c.users...))
		var unknown UnknownUsersError
		if got := errors.As(refusals[0], &unknown); err != nil || got != (len(c.unknown) > 0) || got && unknown.IDs[0] != c.unknown[0] || len(unknown.IDs) != len(c.unknown) {
			t.Errorf("%s: %v, %v", name, refusals, err)
		}
		if len(rooms.questions) != c.questions {
			t.Errorf("%s: rooms is asked for %v", name, rooms.questions)
		}
	}
}

func TestRoomsIsAskedForEachUserOnceAndForAThousandAtMost(t *testing.T) {
	rooms := &rooms{tenants: map[uuid.UUID]string{}}
	users := make([]uuid.UUID, 2500)
	for i := range users {
		users[i] = uuid.New()
		rooms.tenants[users[i]] = "acme"
	}
	last := users[2499]
	delete(rooms.tenants, last)
	refusals, err := New(nil, rooms, false).Vet(t.Context(), "acme", asked(`{}`, users[:1000]...), asked(`{}`, users[500:1500]...), asked(`{}`, users[1500:]...))
	if err != nil || refusals[0] != nil || refusals[1] != nil || !strings.Contains(refusals[2].Error(), last.String()) {
		t.Errorf("refused is %v, %v", refusals, err)
	}
	if len(rooms.questions) != 3 || rooms.questions[2] != 500 {
		t.Errorf("rooms is asked for %v", rooms.questions)
	}
}

func TestRoomsHasASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, err := New(nil, &rooms{down: true}, false).Vet(t.Context(), "acme", asked(`{}`, alice))
		if !errors.Is(err, ErrRooms) || time.Since(begun) != time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestUnknownUsersAreNamed(t *testing.T) {
	ids := make([]uuid.UUID, 7)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for count, want := range map[int]string{1: "no user " + ids[0].String(), 2: "as 2 of them: " + ids[0].String() + ", " + ids[1].String(), 7: "as 7 of them: "} {
		if got := (UnknownUsersError{IDs: ids[:count]}).Error(); !strings.Contains(got, want) || strings.Contains(got, ids[5].String()) {
			t.Errorf("of %d: %s", count, got)
		}
	}
}
