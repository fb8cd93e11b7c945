package peopletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

const parallel = 100

// atOnce runs work in as many goroutines, which all begin together.
func atOnce(work func(i int)) {
	var begin, done sync.WaitGroup
	begin.Add(1)
	for i := range parallel {
		done.Go(func() {
			begin.Wait()
			work(i)
		})
	}
	begin.Done()
	done.Wait()
}

// try makes a change until the store is no longer overrun.
func try(t *testing.T, make change, by, other people.Viewer) (relationships.Outcome, error) {
	var outcome relationships.Outcome
	err := persistently(t.Context(), func() (err error) {
		outcome, err = make(t.Context(), by, other.ID, start())
		return err
	})
	return outcome, err
}

func parallelRequests(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	atOnce(func(int) {
		if got, err := try(t, flow(s).Add, users[0], users[1]); err != nil || got.State != wire.InviteSent {
			t.Errorf("asked: %+v, %v", got, err)
		}
	})
	stand(t, s, users[0], users[1], wire.InviteSent, wire.InviteReceived)
	if rows := drain(t, s); len(rows) != 1 {
		t.Errorf("told was %v", told(t, rows))
	}
}

func parallelCrossing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	atOnce(func(i int) {
		if _, err := try(t, flow(s).Add, users[i%2], users[1-i%2]); err != nil {
			t.Errorf("asked: %v", err)
		}
	})
	stand(t, s, users[0], users[1], wire.Friend, wire.Friend)
	events := told(t, drain(t, s))
	if len(events) != 2 || !strings.HasPrefix(events[0], "friend.requested") || !strings.HasPrefix(events[1], "friend.accepted") {
		t.Errorf("told was %v", events)
	}
}

func parallelAcceptAndReject(t *testing.T, s store.Store) {
	for range 5 {
		users := addUsers(t, s, "", "alice", "bob")
		do(t, flow(s).Add, users[0], users[1])
		drain(t, s)
		var accepted, rejected atomic.Int32
		atOnce(func(i int) {
			change, count := flow(s).Accept, &accepted
			if i%2 == 0 {
				change, count = flow(s).Reject, &rejected
			}
			switch _, err := try(t, change, users[1], users[0]); {
			case err == nil:
				count.Add(1)
			case !errors.Is(err, relationships.ErrRequestNotFound):
				t.Error(err)
			}
		})
		// To accept again is no fault; to reject again is one.
		switch {
		case accepted.Load() == parallel/2 && rejected.Load() == 0:
			stand(t, s, users[0], users[1], wire.Friend, wire.Friend)
			if rows := drain(t, s); len(rows) != 1 {
				t.Errorf("told was %v", told(t, rows))
			}
		case accepted.Load() == 0 && rejected.Load() == 1:
			stand(t, s, users[0], users[1], "", "")
			if rows := drain(t, s); len(rows) != 0 {
				t.Errorf("told was %v", told(t, rows))
			}
		default:
			t.Errorf("%d have accepted, %d have rejected", accepted.Load(), rejected.Load())
		}
	}
}

func parallelBlockAndAdd(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	atOnce(func(i int) {
		var err error
		switch i % 3 {
		case 0:
			_, err = try(t, flow(s).Block, users[0], users[1])
		case 1:
			_, err = try(t, flow(s).Add, users[0], users[1])
		case 2:
			_, err = try(t, flow(s).Add, users[1], users[0])
		}
		if err != nil && !errors.Is(err, people.ErrBlocked) {
			t.Error(err)
		}
	})
	stand(t, s, users[0], users[1], wire.Blocking, wire.BlockedBy)
	for _, user := range users {
		if friends := friendsOf(t, s, user); len(friends) != 0 || seen(t, s, user, user).User.FriendsCount != 0 {
			t.Errorf("friends are left: %+v", friends)
		}
	}
}

func parallelLimit(t *testing.T, s store.Store) {
	const most = 30
	r := limited(s, relationships.Limits{Friends: most, Requests: parallel, Blocked: 1})
	alice := addUsers(t, s, "", "alice")[0]
	others := addUsers(t, s, "", slices.Repeat([]string{"other"}, parallel)...)
	for _, other := range others {
		bond(t, s, other, alice, wire.InviteReceived, wire.InviteSent, start())
	}
	var accepted atomic.Int32
	atOnce(func(i int) {
		switch _, err := try(t, r.Accept, others[i], alice); {
		case err == nil:
			accepted.Add(1)
		case !errors.Is(err, relationships.ErrTooManyFriends):
			t.Error(err)
		}
	})
	if friends := friendsOf(t, s, alice); accepted.Load() != most || len(friends) != most || seen(t, s, alice, alice).User.FriendsCount != most {
		t.Errorf("%d were accepted, %d are friends", accepted.Load(), len(friends))
	}
}

// parallelCounts lets all that can happen between a few users happen at once, and compares counts with lists.
func parallelCounts(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "a", "b", "c", "d", "e")
	r := flow(s)
	ways := []change{r.Add, r.Accept, r.Remove, r.Add, r.Accept, r.Block, r.Unblock, r.Reject}
	atOnce(func(i int) {
		for j := range 5 {
			a, b := users[(i+j)%5], users[(i+j+1+i%4)%5]
			_, err := try(t, ways[(i+3*j)%len(ways)], a, b)
			if err != nil && !slices.ContainsFunc(append(relationships.Refusals(), people.ErrBlocked), func(refusal error) bool { return errors.Is(err, refusal) }) {
				t.Error(err)
			}
		}
	})
	for _, user := range users {
		if friends := friendsOf(t, s, user); seen(t, s, user, user).User.FriendsCount != len(friends) {
			t.Errorf("%d friends are counted, there are %d", seen(t, s, user, user).User.FriendsCount, len(friends))
		}
		for _, other := range users {
			if user == other {
				continue
			}
			mirror := map[wire.Relationship][]wire.Relationship{
				"": {""}, wire.Friend: {wire.Friend}, wire.InviteSent: {wire.InviteReceived}, wire.InviteReceived: {wire.InviteSent},
				wire.Blocking: {wire.BlockedBy, wire.Blocking}, wire.BlockedBy: {wire.Blocking},
			}
			if mine, theirs := as(seen(t, s, user, other)), as(seen(t, s, other, user)); !slices.Contains(mirror[mine], theirs) {
				t.Errorf("one is %q, the other %q", mine, theirs)
			}
		}
	}
}

func parallelProfiles(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "", "viewer")[0]
	ids := make([]uuid.UUID, 50)
	for i := range ids {
		ids[i] = uuid.New()
	}
	atOnce(func(i int) {
		profiles := make([]people.Profile, len(ids))
		for j := range ids { // each begins elsewhere
			profiles[j] = people.Profile{ID: ids[(i+j)%len(ids)], DisplayName: fmt.Sprint("synced ", i)}
		}
		err := persistently(t.Context(), func() error {
			refused, err := s.PutProfiles(t.Context(), profiles, after(time.Duration(i)*time.Second))
			if len(refused) != 0 {
				t.Errorf("refused are %v", refused)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	matches, err := s.SearchUsers(t.Context(), viewer, "synced", people.MatchPoint{}, 1000)
	if err != nil || len(matches) != len(ids) {
		t.Errorf("%d are found, %v", len(matches), err)
	}
}
