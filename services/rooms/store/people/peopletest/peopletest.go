// Package peopletest holds every backend to what package people says, and to the rules of package relationships on it.
package peopletest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Run runs the suite. Open gives an empty store that is running.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"a user is seen with its relationship", userIsSeen},
		{"tenants never see each other", tenantsAreApart},
		{"a user stays with its tenant", userStaysWithItsTenant},
		{"users are found by the beginning of their names", usersAreFound},
		{"a search goes on where it was", searchGoesOn},
		{"a renamed user is found by the new name", renamedUserIsFound},
		{"names of any length and script can be searched for", anyNameCanBeSearchedFor},
		{"what a backend says counts", profilesCount},
		{"profiles are given", profilesAreGiven},
		{"tenants are given of those who are there", tenantsAreGiven},
		{"many profiles are taken at once", manyProfilesAreTaken},
		{"relatives are listed, the latest first", relativesAreListed},
		{"users are locked in the order of their ids", usersAreLockedInOrder},
		{"a locked user is waited for", lockedUserIsWaitedFor},
		{"no block comes while somebody relies on it", blocksStayAway},
		{"a bond has two sides", bondHasTwoSides},
		{"a transaction that fails leaves nothing", failureLeavesNothing},
		{"a request is sent and accepted", requestIsAccepted},
		{"a request is rejected, or taken back", requestIsRejected},
		{"what is so already changes nothing", repeatsChangeNothing},
		{"a block ends what there was", blockEndsWhatThereWas},
		{"a block is left behind by a room", blockLeavesTheRoom},
		{"a block ends the Single room of the two", blockLeavesTheSingleRoom},
		{"nobody has more than the limits", limitsHold},
		{"random changes come to what a model says", modelAgrees},
		{"100 at once ask the same", parallelRequests},
		{"two ask each other", parallelCrossing},
		{"accept against reject", parallelAcceptAndReject},
		{"block against add", parallelBlockAndAdd},
		{"block against create-room", parallelBlockAndCreate},
		{"100 at once are accepted up to the limit", parallelLimit},
		{"100 at once come and go, and are counted", parallelCounts},
		{"two backends write the same users", parallelProfiles},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func start() time.Time { return time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC) }

func after(d time.Duration) time.Time { return start().Add(d) }

// flow is the changes that the service makes, on the store under test. Nobody leaves rooms.
func flow(s store.Store) *relationships.Relationships { return limited(s, relationships.Default()) }

func limited(s store.Store, limits relationships.Limits) *relationships.Relationships {
	return relationships.New(s, limits, telemetry.Discard(nil).Propagator, nil)
}

// addUsers adds users of a tenant with the given names.
func addUsers(t testing.TB, s store.Store, tenant string, names ...string) []people.Viewer {
	t.Helper()
	users := make([]people.Viewer, len(names))
	for i, name := range names {
		users[i] = people.Viewer{ID: uuid.New(), Tenant: tenant}
		picture := "https://example.com/" + name + ".png"
		err := s.PutUser(t.Context(), store.User{ID: users[i].ID, DisplayName: name, Picture: &picture, Tenant: tenant}, time.Time{})
		if err != nil {
			t.Fatalf("add %s: %v", name, err)
		}
	}
	return users
}

// change is a method of [relationships.Relationships].
type change func(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (relationships.Outcome, error)

// do makes a change, which must succeed.
func do(t testing.TB, make change, by, other people.Viewer) relationships.Outcome {
	t.Helper()
	outcome, err := make(t.Context(), by, other.ID, start())
	if err != nil {
		t.Fatalf("change how %s stands to %s: %v", by.ID, other.ID, err)
	}
	return outcome
}

func seen(t testing.TB, s store.Store, by, other people.Viewer) wire.RelatedUser {
	t.Helper()
	found, err := s.User(t.Context(), by, other.ID)
	if err != nil {
		t.Fatalf("get a user: %v", err)
	}
	return found
}

// stand checks how two users see each other.
func stand(t testing.TB, s store.Store, a, b people.Viewer, asA, asB wire.Relationship) {
	t.Helper()
	for _, side := range []struct {
		by, other people.Viewer
		want      wire.Relationship
	}{{a, b, asA}, {b, a, asB}} {
		if got := as(seen(t, s, side.by, side.other)); got != side.want {
			t.Errorf("the first of the two is %q, want %q", got, side.want)
		}
	}
}

func as(user wire.RelatedUser) wire.Relationship {
	if user.Relationship == nil {
		return ""
	}
	return *user.Relationship
}

func friendsOf(t testing.TB, s store.Store, user people.Viewer) []people.Relative {
	t.Helper()
	friends, err := s.Relatives(t.Context(), user, wire.Friend, people.Newest(), 10_000)
	if err != nil {
		t.Fatalf("list friends: %v", err)
	}
	return friends
}

func transact(t testing.TB, s store.Store, change func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	if err := s.Transact(t.Context(), "test", change); err != nil {
		t.Fatalf("transact: %v", err)
	}
}

// drain takes all events out of the outbox, and gives their names with whom they are for.
func drain(t testing.TB, s store.Store) []outbox.Row {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lead, err := s.Lead(ctx)
	if err != nil {
		t.Fatalf("get the lead: %v", err)
	}
	defer lead.Release()
	return outboxtest.Drain(t, lead)
}

// persistently does it again while the store is overrun, as a client does that is answered 503.
func persistently(ctx context.Context, do func() error) error {
	for {
		if err := do(); !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
	}
}
