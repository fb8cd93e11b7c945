package callers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/rooms/store"
)

// users keeps what is written, unless it is down.
type users struct {
	down    bool
	written []store.User
	issued  []time.Time
	hold    func(user store.User) // while a user is being written
}

func (u *users) PutUser(_ context.Context, user store.User, issued time.Time) error {
	if u.hold != nil {
		u.hold(user)
	}
	if u.down {
		return store.ErrUnavailable
	}
	u.written, u.issued = append(u.written, user), append(u.issued, issued)
	return nil
}

func TestCallersAreWrittenWhenSomethingIsNew(t *testing.T) {
	kept, now := &users{}, time.Now()
	callers, err := New(kept, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	alice := authn.Principal{UserID: uuid.New(), Username: "alice"}
	named, pictured := alice, alice
	named.Username = "Alice"
	pictured.Username, pictured.Picture = "Alice", "https://example.com/a.png"
	for i, step := range []struct {
		caller  authn.Principal
		later   time.Duration
		written int
	}{
		{alice, 0, 1},
		{alice, time.Minute, 1},
		{named, 0, 2},
		{named, 0, 2},
		{pictured, 0, 3},
		{pictured, recheck - time.Second, 3},
		{pictured, time.Second, 4},
		{pictured, 0, 4},
	} {
		now = now.Add(step.later)
		if err := callers.Seen(t.Context(), step.caller); err != nil {
			t.Fatal(err)
		}
		if len(kept.written) != step.written {
			t.Fatalf("after step %d %d were written, want %d", i, len(kept.written), step.written)
		}
	}
	last := kept.written[3]
	if last.ID != alice.UserID || last.DisplayName != "Alice" || last.Picture == nil || *last.Picture != pictured.Picture {
		t.Errorf("written is %+v", last)
	}
	if kept.written[0].Picture != nil {
		t.Error("without a picture one was written")
	}
}

func TestACallerWithoutANameIsNamedByItsID(t *testing.T) {
	kept := &users{}
	callers, err := New(kept, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	if err := callers.Seen(t.Context(), authn.Principal{UserID: id}); err != nil {
		t.Fatal(err)
	}
	if got := kept.written[0].DisplayName; got != "0192d3a0" {
		t.Errorf("it is named %q", got)
	}
}

func TestACallerThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	kept := &users{down: true}
	callers, err := New(kept, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	bob := authn.Principal{UserID: uuid.New(), Username: "bob"}
	if err := callers.Seen(t.Context(), bob); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	kept.down = false
	if err := callers.Seen(t.Context(), bob); err != nil || len(kept.written) != 1 {
		t.Errorf("%d were written, %v", len(kept.written), err)
	}
}

func TestOfTwoTokensTheOneThatWasIssuedLaterCounts(t *testing.T) {
	kept, now := &users{}, time.Now()
	callers, err := New(kept, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	token := func(name string, issued time.Duration) authn.Principal {
		return authn.Principal{UserID: id, Username: name, IssuedAt: now.Add(issued)}
	}
	older, newer, newest := token("Miss Liddell", -time.Hour), token("Mrs Hargreaves", -time.Minute), token("Mrs Hargreaves", -time.Second)
	for i, step := range []struct {
		caller  authn.Principal
		later   time.Duration
		written int
	}{
		{older, 0, 1},
		{newer, 0, 2},
		{older, 0, 2},
		{newer, 0, 2},
		{authn.Principal{UserID: id, Username: "no time"}, 0, 2},
		{newest, 0, 3}, // it says the same, and what is older than it says nothing any more
		{newer, 0, 3},
		{older, recheck, 4},
		{newest, 0, 4},
	} {
		now = now.Add(step.later)
		if err := callers.Seen(t.Context(), step.caller); err != nil {
			t.Fatal(err)
		}
		if len(kept.written) != step.written {
			t.Fatalf("after step %d %d were written, want %d: %+v", i, len(kept.written), step.written, kept.written)
		}
	}
	if !kept.issued[1].Equal(newer.IssuedAt) || !kept.issued[2].Equal(newest.IssuedAt) {
		t.Errorf("tokens of %v were written", kept.issued)
	}
}

// While the older token is being written, the newer one comes and is written.
func TestAnOlderTokenThatIsSlowDoesNotReplaceTheNewer(t *testing.T) {
	kept, now := &users{}, time.Now()
	callers, err := New(kept, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	older := authn.Principal{UserID: id, Username: "older", IssuedAt: now.Add(-time.Hour)}
	newer := authn.Principal{UserID: id, Username: "newer", IssuedAt: now.Add(-time.Minute)}
	kept.hold = func(user store.User) {
		if user.DisplayName == "older" {
			if err := callers.Seen(t.Context(), newer); err != nil {
				t.Error(err)
			}
		}
	}
	for range 3 {
		for _, caller := range []authn.Principal{older, newer} {
			if err := callers.Seen(t.Context(), caller); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(kept.written) != 2 {
		t.Errorf("%d were written: %+v", len(kept.written), kept.written)
	}
}

// A token of another tenant must come to the store, which refuses it, whatever is remembered of the user.
func TestATokenOfAnotherTenantIsNeverPassedOver(t *testing.T) {
	kept, now := &users{}, time.Now()
	callers, err := New(kept, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	alice := authn.Principal{UserID: uuid.New(), Username: "alice", Tenant: "acme", IssuedAt: now}
	if err := callers.Seen(t.Context(), alice); err != nil || kept.written[0].Tenant != "acme" {
		t.Fatalf("written %+v, %v", kept.written, err)
	}
	for _, issued := range []time.Time{now.Add(-time.Hour), now, now.Add(time.Hour), {}} {
		foreign := alice
		foreign.Tenant, foreign.IssuedAt = "umbrella", issued
		kept.down = true // as it refuses
		if err := callers.Seen(t.Context(), foreign); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a token of %s: %v", issued, err)
		}
	}
	kept.down = false
	if err := callers.Seen(t.Context(), alice); err != nil || len(kept.written) != 1 {
		t.Errorf("%d were written, %v", len(kept.written), err)
	}
}

// Who was deleted, by whichever process, is not let in from memory.
func TestDeletedUsersAreForgotten(t *testing.T) {
	kept := &users{}
	callers, err := New(kept, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := authn.Principal{UserID: uuid.New(), Username: "alice"}, authn.Principal{UserID: uuid.New(), Username: "bob"}
	see := func(want int) {
		t.Helper()
		for _, caller := range []authn.Principal{alice, bob} {
			if err := callers.Seen(t.Context(), caller); err != nil {
				t.Fatal(err)
			}
		}
		if len(kept.written) != want {
			t.Errorf("the store was asked %d times, want %d", len(kept.written), want)
		}
	}
	see(2)
	headers, value, err := events.Encode(events.New("/ism/rooms", time.Now(), events.UserDeleted{UserID: alice.UserID, ErasureID: uuid.New()}))
	if err != nil {
		t.Fatal(err)
	}
	if err := callers.Follow(t.Context(), []bus.Record{{Key: alice.UserID.String(), Headers: headers, Value: value}}); err != nil {
		t.Fatal(err)
	}
	see(3)
	callers.Forget(bob.UserID)
	see(4)
	callers.Jumped(nil)
	see(6)
}
