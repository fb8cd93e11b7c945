package peopletest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// bond makes two users stand to each other as said.
func bond(t testing.TB, s store.Store, a, b people.Viewer, asA, asB wire.Relationship, since time.Time) {
	t.Helper()
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, a.Tenant, []uuid.UUID{a.ID, b.ID}); err != nil {
			return err
		}
		return tx.Relate(ctx, people.Bond{User: a.ID, Other: b.ID, AsUser: asA, AsOther: asB}, since)
	})
}

func relativesAreListed(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "b", "c", "d", "e", "f")
	alice := users[0]
	for i, other := range users[1:5] {
		bond(t, s, alice, other, wire.Friend, wire.Friend, after(time.Duration(i/2)*time.Second)) // two at a time
	}
	bond(t, s, alice, users[5], wire.InviteReceived, wire.InviteSent, after(time.Hour))
	var got []people.Relative
	behind := people.Newest()
	for {
		page, err := s.Relatives(t.Context(), alice, wire.Friend, behind, 3)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
		last := page[len(page)-1]
		behind = people.RelativePoint{Since: last.Since, ID: last.User.ID}
	}
	want := slices.Clone(users[1:5])
	slices.SortFunc(want[:2], func(a, b people.Viewer) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	slices.SortFunc(want[2:], func(a, b people.Viewer) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	want = append(want[2:4:4], want[:2]...)
	if !slices.EqualFunc(got, want, func(r people.Relative, u people.Viewer) bool { return r.User.ID == u.ID }) {
		t.Errorf("alice's friends are %+v, want %v", got, want)
	}
	if !got[0].Since.Equal(after(time.Second)) || got[0].Since.Location() != time.UTC || got[0].User.FriendsCount != 1 || got[0].User.ProfilePicture == nil {
		t.Errorf("the first is %+v", got[0])
	}
	if requests, err := s.Relatives(t.Context(), alice, wire.InviteReceived, people.Newest(), 3); err != nil || len(requests) != 1 || requests[0].User.DisplayName != "f" {
		t.Errorf("alice's requests are %+v, %v", requests, err)
	}
	if others, err := s.Relatives(t.Context(), people.Viewer{ID: alice.ID, Tenant: "umbrella"}, wire.Friend, people.Newest(), 3); err != nil || len(others) != 0 {
		t.Errorf("in another tenant her friends are %+v, %v", others, err)
	}
}

func usersAreLockedInOrder(t *testing.T, s store.Store) {
	users, stranger := addUsers(t, s, "acme", "alice", "bob", "carol"), addUsers(t, s, "", "dave")[0]
	asked := []uuid.UUID{users[2].ID, uuid.New(), users[0].ID, stranger.ID, users[1].ID, users[0].ID}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		locked, err := tx.LockUsers(ctx, "acme", asked)
		if err != nil {
			return err
		}
		if len(locked) != 3 || !slices.IsSortedFunc(locked, func(a, b wire.User) int { return bytes.Compare(a.ID[:], b.ID[:]) }) {
			t.Errorf("locked are %+v", locked)
		}
		return nil
	})
}

// staysAway checks for a moment that nothing comes.
func staysAway(t *testing.T, ended chan error) {
	t.Helper()
	select {
	case err := <-ended:
		t.Errorf("it was not waited for: %v", err)
		ended <- err
	case <-time.After(50 * time.Millisecond):
	}
}

func lockedUserIsWaitedFor(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob", "carol")
	ended := make(chan error, 1)
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "", []uuid.UUID{users[0].ID, users[1].ID}); err != nil {
			return err
		}
		go func() {
			_, err := flow(s).Add(context.Background(), users[2], users[1].ID, start())
			ended <- err
		}()
		staysAway(t, ended)
		return nil
	})
	if err := <-ended; err != nil {
		t.Errorf("after the end: %v", err)
	}
}

func blocksStayAway(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob", "carol", "dave")
	do(t, flow(s).Block, users[0], users[1])
	do(t, flow(s).Block, users[2], users[0])
	ended := make(chan error, 2)
	all := []uuid.UUID{users[3].ID, users[2].ID, users[1].ID, uuid.New()}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		blocked, err := tx.Blocked(ctx, users[0].ID, all)
		if err != nil {
			return err
		}
		if len(blocked) != 2 || !slices.Contains(blocked, users[1].ID) || !slices.Contains(blocked, users[2].ID) {
			t.Errorf("blocked are %v", blocked)
		}
		for name, asked := range map[string][]uuid.UUID{"some": all[:1], "none": nil} {
			if blocked, err := tx.Blocked(ctx, users[0].ID, asked); err != nil || len(blocked) != 0 {
				t.Errorf("of %s blocked are %v, %v", name, blocked, err)
			}
		}
		if blocked, err := tx.Blocked(ctx, users[3].ID, []uuid.UUID{users[0].ID}); err != nil || len(blocked) != 0 {
			t.Errorf("for dave blocked are %v, %v", blocked, err)
		}
		go func() {
			_, err := flow(s).Block(context.Background(), users[3], users[0].ID, start())
			ended <- err
		}()
		staysAway(t, ended)
		return nil
	})
	if err := <-ended; err != nil {
		t.Errorf("after the end: %v", err)
	}
	// What was committed while the lock was waited for is seen.
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "", []uuid.UUID{users[0].ID, users[3].ID}); err != nil {
			return err
		}
		if err := tx.Unrelate(ctx, users[0].ID, users[3].ID); err != nil {
			return err
		}
		found := make(chan int, 1)
		go func() {
			ended <- s.Transact(context.Background(), "test", func(ctx context.Context, tx store.Tx) error {
				blocked, err := tx.Blocked(ctx, users[0].ID, all)
				found <- len(blocked)
				return err
			})
		}()
		staysAway(t, ended)
		go func() {
			if n := <-found; n != 2 {
				t.Errorf("after the block of dave was taken back %d are blocked", n)
			}
			ended <- nil
		}()
		return nil
	})
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func bondHasTwoSides(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob", "carol")
	alice, bob := users[0], users[1]
	bond(t, s, alice, bob, wire.InviteSent, wire.InviteReceived, start())
	bond(t, s, bob, alice, wire.Friend, wire.Friend, after(time.Second))
	bond(t, s, alice, users[2], wire.Friend, wire.Friend, start())
	stand(t, s, alice, bob, wire.Friend, wire.Friend)
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		for _, c := range []struct {
			as          wire.Relationship
			limit, want int
		}{{wire.Friend, 10, 2}, {wire.Friend, 1, 1}, {wire.InviteSent, 10, 0}} {
			if count, err := tx.CountRelatives(ctx, alice.ID, c.as, c.limit); err != nil || count != c.want {
				t.Errorf("alice has %d as %s up to %d, %v; want %d", count, c.as, c.limit, err, c.want)
			}
		}
		for _, other := range []uuid.UUID{uuid.New(), users[2].ID} {
			if found, err := tx.Relationship(ctx, bob.ID, other); err != nil || found != "" {
				t.Errorf("bob sees a stranger as %q, %v", found, err)
			}
		}
		return nil
	})
	if got := seen(t, s, bob, alice).User.FriendsCount; got != 2 {
		t.Errorf("alice has %d friends", got)
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "", []uuid.UUID{alice.ID, bob.ID}); err != nil {
			return err
		}
		return errors.Join(tx.Unrelate(ctx, bob.ID, alice.ID), tx.Unrelate(ctx, alice.ID, bob.ID)) // the second time there is nothing
	})
	stand(t, s, alice, bob, "", "")
	if got := seen(t, s, bob, alice).User.FriendsCount; got != 1 {
		t.Errorf("without bob alice has %d friends", got)
	}
}

var errUndone = errors.New("undone")

func failureLeavesNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	err := s.Transact(t.Context(), "test", func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "", []uuid.UUID{users[0].ID, users[1].ID}); err != nil {
			return err
		}
		if err := tx.Relate(ctx, people.Bond{User: users[0].ID, Other: users[1].ID, AsUser: wire.Friend, AsOther: wire.Friend}, start()); err != nil {
			return err
		}
		if found, err := tx.Relationship(ctx, users[1].ID, users[0].ID); err != nil || found != wire.Friend {
			t.Errorf("the transaction itself sees %q, %v", found, err)
		}
		if _, err := tx.Append(ctx, outboxtest.Row("a")); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		t.Errorf("the transaction gives %v", err)
	}
	stand(t, s, users[0], users[1], "", "")
	if got := seen(t, s, users[0], users[1]).User.FriendsCount; got != 0 {
		t.Errorf("bob has %d friends", got)
	}
	if rows := drain(t, s); len(rows) != 0 {
		t.Errorf("the outbox has %d rows", len(rows))
	}
}
