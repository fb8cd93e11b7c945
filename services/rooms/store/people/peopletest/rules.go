package peopletest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// told are the events of rows, each with the row's key; they must satisfy the contract.
func told(t testing.TB, rows []outbox.Row) []string {
	t.Helper()
	all := []string{}
	for _, row := range rows {
		eventstest.Conforms(t, row.Headers, row.Value)
		event, err := events.Decode(row.Headers, row.Value)
		if err != nil {
			t.Fatal(err)
		}
		ofUser := event.Data.(events.UserEvent)
		if row.Topic != events.TopicUsers || row.Key != ofUser.ForUser().String() || !event.Time.Equal(start()) {
			t.Errorf("a row goes to %s with the key %s, of %s", row.Topic, row.Key, event.Time)
		}
		all = append(all, event.Data.EventName()+" to "+row.Key)
	}
	return all
}

func requestIsAccepted(t *testing.T, s store.Store) {
	for _, accept := range []change{flow(s).Accept, flow(s).Add} { // to ask who has asked is to accept
		users := addUsers(t, s, "acme", "alice", "bob")
		alice, bob := users[0], users[1]
		asked := do(t, flow(s).Add, alice, bob)
		if asked.State != wire.InviteSent || asked.Row == 0 {
			t.Errorf("asked: %+v", asked)
		}
		stand(t, s, alice, bob, wire.InviteSent, wire.InviteReceived)
		accepted := do(t, accept, bob, alice)
		if accepted.State != wire.Friend || accepted.Row == 0 {
			t.Errorf("accepted: %+v", accepted)
		}
		stand(t, s, alice, bob, wire.Friend, wire.Friend)
		for _, side := range [][2]people.Viewer{{alice, bob}, {bob, alice}} {
			if friends := friendsOf(t, s, side[0]); len(friends) != 1 || friends[0].User.ID != side[1].ID || friends[0].User.FriendsCount != 1 {
				t.Errorf("friends are %+v", friends)
			}
		}
		rows := drain(t, s)
		if got, want := told(t, rows), []string{"friend.requested to " + bob.ID.String(), "friend.accepted to " + alice.ID.String()}; !slices.Equal(got, want) {
			t.Fatalf("told was %v, want %v", got, want)
		}
		if rows[0].ID != asked.Row || rows[1].ID != accepted.Row {
			t.Errorf("the rows are %d and %d", rows[0].ID, rows[1].ID)
		}
		event, err := events.Decode(rows[1].Headers, rows[1].Value)
		if err != nil {
			t.Fatal(err)
		}
		if data := event.Data.(events.FriendAccepted); data.FromUser.ID != bob.ID || data.FromUser.DisplayName != "bob" || data.FromUser.FriendsCount != 1 || data.Tenant != "acme" {
			t.Errorf("alice is told %+v", data)
		}
	}
}

func requestIsRejected(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	alice, bob := users[0], users[1]
	do(t, flow(s).Add, alice, bob)
	if _, err := flow(s).Reject(t.Context(), alice, bob.ID, start()); !errors.Is(err, relationships.ErrRequestNotFound) {
		t.Errorf("alice rejects her own request: %v", err)
	}
	if _, err := flow(s).Accept(t.Context(), alice, bob.ID, start()); !errors.Is(err, relationships.ErrRequestNotFound) {
		t.Errorf("alice accepts her own request: %v", err)
	}
	if _, err := flow(s).Remove(t.Context(), bob, alice.ID, start()); !errors.Is(err, relationships.ErrFriendNotFound) {
		t.Errorf("bob removes who has asked him: %v", err)
	}
	stand(t, s, alice, bob, wire.InviteSent, wire.InviteReceived)
	if rejected := do(t, flow(s).Reject, bob, alice); rejected != (relationships.Outcome{}) {
		t.Errorf("rejected: %+v", rejected)
	}
	stand(t, s, alice, bob, "", "")
	do(t, flow(s).Add, alice, bob)
	do(t, flow(s).Remove, alice, bob) // she takes it back
	stand(t, s, alice, bob, "", "")
	for name, change := range map[string]change{"accept": flow(s).Accept, "reject": flow(s).Reject} {
		if _, err := change(t.Context(), bob, alice.ID, start()); !errors.Is(err, relationships.ErrRequestNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func repeatsChangeNothing(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	alice, bob := users[0], users[1]
	for _, step := range []struct {
		change    change
		by, other people.Viewer
		want      wire.Relationship
	}{
		{flow(s).Add, alice, bob, wire.InviteSent},
		{flow(s).Accept, bob, alice, wire.Friend},
		{flow(s).Add, alice, bob, wire.Friend},
		{flow(s).Accept, alice, bob, wire.Friend},
		{flow(s).Unblock, alice, bob, ""}, // there is no block
		{flow(s).Block, alice, bob, wire.Blocking},
		{flow(s).Unblock, bob, alice, wire.BlockedBy}, // it is not his
		{flow(s).Unblock, alice, bob, ""},
	} {
		for range 2 {
			if got := do(t, step.change, step.by, step.other); got.State != step.want {
				t.Errorf("got %q, want %q", got.State, step.want)
			}
		}
	}
	if rows := drain(t, s); len(rows) != 2 {
		t.Errorf("told was %v", told(t, rows))
	}
	for name, change := range changesOf(s) {
		if _, err := change(t.Context(), alice, alice.ID, start()); !errors.Is(err, relationships.ErrOneself) {
			t.Errorf("%s oneself: %v", name, err)
		}
		if _, err := change(t.Context(), alice, uuid.New(), start()); !errors.Is(err, people.ErrUserNotFound) {
			t.Errorf("%s an unknown user: %v", name, err)
		}
	}
}

func blockEndsWhatThereWas(t *testing.T, s store.Store) {
	r := flow(s)
	for name, before := range map[string]func(alice, bob people.Viewer){
		"nothing":         func(people.Viewer, people.Viewer) {},
		"a request":       func(alice, bob people.Viewer) { do(t, r.Add, alice, bob) },
		"the other's":     func(alice, bob people.Viewer) { do(t, r.Add, bob, alice) },
		"friends":         func(alice, bob people.Viewer) { do(t, r.Add, bob, alice); do(t, r.Accept, alice, bob) },
		"unblocked since": func(alice, bob people.Viewer) { do(t, r.Block, bob, alice); do(t, r.Unblock, bob, alice) },
	} {
		users := addUsers(t, s, "", "alice", "bob")
		alice, bob := users[0], users[1]
		before(alice, bob)
		do(t, r.Block, alice, bob)
		stand(t, s, alice, bob, wire.Blocking, wire.BlockedBy)
		if seen(t, s, alice, bob).User.FriendsCount+seen(t, s, bob, alice).User.FriendsCount != 0 {
			t.Errorf("after %s they have friends", name)
		}
		for _, side := range [][2]people.Viewer{{alice, bob}, {bob, alice}} {
			if _, err := r.Add(t.Context(), side[0], side[1].ID, start()); !errors.Is(err, people.ErrBlocked) {
				t.Errorf("after %s one asks: %v", name, err)
			}
			if _, err := r.Accept(t.Context(), side[0], side[1].ID, start()); !errors.Is(err, relationships.ErrRequestNotFound) {
				t.Errorf("after %s one accepts: %v", name, err)
			}
		}
		do(t, r.Block, bob, alice)
		stand(t, s, alice, bob, wire.Blocking, wire.Blocking)
		if got := do(t, r.Unblock, alice, bob); got.State != wire.BlockedBy {
			t.Errorf("after %s alice unblocks, and is %q", name, got.State)
		}
		stand(t, s, alice, bob, wire.BlockedBy, wire.Blocking)
		do(t, r.Unblock, bob, alice)
		stand(t, s, alice, bob, "", "")
	}
}

func blockLeavesTheRoom(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	var left []uuid.UUID
	fail := errUndone
	r := relationships.New(s, relationships.Default(), telemetry.Discard(nil).Propagator,
		func(ctx context.Context, tx store.Tx, user, other uuid.UUID, at time.Time) (int64, error) {
			if found, err := tx.Relationship(ctx, user, other); err != nil || found != wire.Blocking || !at.Equal(start()) {
				t.Errorf("on leaving it is %q at %s, %v", found, at, err)
			}
			left = append(left, user, other)
			return 7, fail
		})
	if _, err := r.Block(t.Context(), users[0], users[1].ID, start()); !errors.Is(err, errUndone) {
		t.Errorf("without leaving: %v", err)
	}
	stand(t, s, users[0], users[1], "", "")
	fail = nil
	if got := do(t, r.Block, users[0], users[1]); got.Row != 7 || got.State != wire.Blocking {
		t.Errorf("blocked: %+v", got)
	}
	if last := left[len(left)-2:]; !slices.Equal(last, []uuid.UUID{users[0].ID, users[1].ID}) {
		t.Errorf("left was %v", left)
	}
}

func limitsHold(t *testing.T, s store.Store) {
	r := limited(s, relationships.Limits{Friends: 2, Requests: 3, Blocked: 1})
	users := addUsers(t, s, "", "alice", "b", "c", "d", "e", "f")
	alice := users[0]
	for _, other := range users[1:4] {
		do(t, r.Add, alice, other)
	}
	if _, err := r.Add(t.Context(), alice, users[4].ID, start()); !errors.Is(err, relationships.ErrTooManyRequests) {
		t.Errorf("a fourth request is sent: %v", err)
	}
	for i, other := range users[1:4] {
		if _, err := r.Accept(t.Context(), other, alice.ID, start()); errors.Is(err, relationships.ErrTooManyFriends) != (i == 2) {
			t.Errorf("request %d is accepted: %v", i, err)
		}
	}
	for i, other := range users[4:] {
		do(t, r.Add, other, users[1])
		if _, err := r.Accept(t.Context(), users[1], other.ID, start()); errors.Is(err, relationships.ErrTooManyFriends) != (i == 1) {
			t.Errorf("b accepts request %d: %v", i, err)
		}
	}
	asked := addUsers(t, s, "", "asked", "1", "2", "3", "4")
	for i, other := range asked[1:] {
		if _, err := r.Add(t.Context(), other, asked[0].ID, start()); errors.Is(err, relationships.ErrTooManyRequests) != (i == 3) {
			t.Errorf("request %d is received: %v", i, err)
		}
	}
	do(t, r.Block, asked[0], asked[1])
	if _, err := r.Block(t.Context(), asked[0], asked[2].ID, start()); !errors.Is(err, relationships.ErrTooManyBlocked) {
		t.Errorf("a second block: %v", err)
	}
	do(t, r.Block, asked[2], asked[0]) // being blocked has no limit
	stand(t, s, asked[0], asked[2], wire.BlockedBy, wire.Blocking)
}

// model is what is between users: by who sees whom.
type model map[[2]int]wire.Relationship

// after gives what a change comes to, or the error.
func (m model) after(name string, a, b int) error {
	relate := func(asA, asB wire.Relationship) { m[[2]int{a, b}], m[[2]int{b, a}] = asA, asB }
	asA, asB := m[[2]int{a, b}], m[[2]int{b, a}]
	switch blocked := asA == wire.Blocking || asA == wire.BlockedBy; {
	case name == "block" && asB == wire.Blocking:
		relate(wire.Blocking, wire.Blocking)
	case name == "block":
		relate(wire.Blocking, wire.BlockedBy)
	case name == "unblock" && asA == wire.Blocking && asB == wire.Blocking:
		relate(wire.BlockedBy, wire.Blocking)
	case name == "unblock" && asA == wire.Blocking:
		relate("", "")
	case name == "unblock":
	case name == "add" && blocked:
		return people.ErrBlocked
	case name == "add" && asA == "":
		relate(wire.InviteSent, wire.InviteReceived)
	case (name == "add" || name == "accept") && asA == wire.InviteReceived:
		relate(wire.Friend, wire.Friend)
	case name == "add", name == "accept" && asA == wire.Friend:
	case name == "reject" && asA == wire.InviteReceived, name == "remove" && (asA == wire.Friend || asA == wire.InviteSent):
		relate("", "")
	case name == "remove":
		return relationships.ErrFriendNotFound
	default:
		return relationships.ErrRequestNotFound
	}
	return nil
}

func modelAgrees(t *testing.T, s store.Store) {
	const count, steps = 4, 300
	users := addUsers(t, s, "", "a", "b", "c", "d")
	m, made := model{}, []string{}
	names := []string{"add", "accept", "reject", "remove", "block", "unblock"}
	changes := changesOf(s)
	for range steps {
		a := rand.IntN(count)
		b := (a + 1 + rand.IntN(count-1)) % count
		name := names[rand.IntN(len(names))]
		made = append(made, fmt.Sprintf("%s %d %d", name, a, b))
		want := m.after(name, a, b)
		if _, err := changes[name](t.Context(), users[a], users[b].ID, start()); !errors.Is(err, want) {
			t.Fatalf("after %v: %v, the model says %v", made, err, want)
		}
		for x, by := range users {
			friends := 0
			for y, other := range users {
				if x == y {
					continue
				}
				if got := as(seen(t, s, by, other)); got != m[[2]int{x, y}] {
					t.Fatalf("after %v user %d is to %d %q, the model says %q", made, y, x, got, m[[2]int{x, y}])
				}
				if m[[2]int{x, y}] == wire.Friend {
					friends++
				}
			}
			if got := seen(t, s, by, by).User.FriendsCount; got != friends {
				t.Fatalf("after %v user %d has %d friends, the model says %d", made, x, got, friends)
			}
		}
	}
}
