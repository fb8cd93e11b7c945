package storetest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/internal/erasures"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// failing does erasures until it has done so many steps.
type failing struct {
	*changes.Changes
	left int
}

var errStopped = errors.New("the process has ended")

func (f *failing) EraseFromRoom(ctx context.Context, of store.Pending, room uuid.UUID, at time.Time) error {
	if f.left--; f.left < 0 {
		return errStopped
	}
	return f.Changes.EraseFromRoom(ctx, of, room, at)
}

// erase does what there is to do, as of a time; each process ends after so many rooms.
func erase(t *testing.T, s store.Store, at time.Time, each int) (processes int) {
	t.Helper()
	for processes = 1; ; processes++ {
		worker := erasures.New(s, &failing{flow(s), each}, func() time.Time { return at }, slog.New(slog.DiscardHandler))
		more, err := true, error(nil)
		for more && err == nil {
			more, err = worker.Step(t.Context())
		}
		if err == nil {
			return processes
		}
		if !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
	}
}

func relate(t *testing.T, s store.Store, user, other uuid.UUID, asUser, asOther wire.Relationship) {
	t.Helper()
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.LockUsers(ctx, "acme", []uuid.UUID{user, other}); err != nil {
			return err
		}
		return tx.Relate(ctx, people.Bond{User: user, Other: other, AsUser: asUser, AsOther: asOther}, start())
	})
}

// userIsDeleted deletes a user by processes that end on the way: each goes on where the last one was.
func userIsDeleted(t *testing.T, s store.Store) {
	users := addUsersOf(t, s, "acme", "alice", "bob", "carol", "dave")
	alice, bob := users[0], users[1]
	relate(t, s, alice, bob, wire.Friend, wire.Friend)
	relate(t, s, users[2], alice, wire.InviteSent, wire.InviteReceived)
	relate(t, s, alice, users[3], wire.Blocking, wire.BlockedBy)
	single := create(t, s, newRoom(wire.Single, "", start(), alice, bob)).ID
	const groups = 45 // more than one step takes
	for range groups {
		create(t, s, newRoom(wire.Group, "", start(), bob, alice, users[2]))
	}
	eventsOf(t, s)
	if _, _, err := flow(s).DeleteUser(t.Context(), "umbrella", alice, start()); !errors.Is(err, people.ErrUserNotFound) {
		t.Errorf("by another tenant's backend: %v", err)
	}
	erasure, row, err := flow(s).DeleteUser(t.Context(), "acme", alice, start())
	if err != nil || row == 0 {
		t.Fatalf("delete: row %d, %v", row, err)
	}
	if again, row, err := flow(s).DeleteUser(t.Context(), "", alice, after(time.Second)); err != nil || again != erasure || row != 0 {
		t.Errorf("deleted again: erasure %s, row %d, %v", again, row, err)
	}
	expectDeleted(t, s, alice, bob)
	if processes := erase(t, s, start(), 10); processes < 4 {
		t.Errorf("%d processes were enough", processes)
	}
	if receipt, err := s.Erasure(t.Context(), "", erasure); err != nil || part(receipt, "rooms").FinishedAt != nil {
		t.Errorf("while what had begun before may come: %+v, %v", receipt, err)
	}
	late := after(erasures.Settle)
	erase(t, s, late, 10)
	receipt, err := s.Erasure(t.Context(), "acme", erasure)
	own := part(receipt, "rooms")
	if err != nil || receipt.UserID != alice || !receipt.At.Equal(start()) || len(receipt.Parts) != 2 || own.Erased != groups+1+3 ||
		own.FinishedAt == nil || !own.FinishedAt.Equal(late) || part(receipt, "messages") != (store.ErasurePart{Service: "messages"}) || receipt.FinishedAt() != nil {
		t.Errorf("the receipt is %+v, %v", receipt, err)
	}
	if _, err := s.Erasure(t.Context(), "umbrella", erasure); !errors.Is(err, store.ErrErasureNotFound) {
		t.Errorf("another tenant's backend: %v", err)
	}
	expectErased(t, s, alice, users[1:])
	if member := members(t, s, single)[alice]; member.DisplayName != store.DeletedName || member.ProfilePicture != nil || member.Status != wire.Left {
		t.Errorf("in a history alice is %+v", member)
	}
	told := map[string]int{}
	for _, event := range eventsOf(t, s) {
		told[event.EventName()]++
		if left, ok := event.(events.MembershipChanged); ok && (left.Change != wire.Leave || left.Member.ID != alice || left.Member.DisplayName != store.DeletedName) {
			t.Errorf("told was %+v", left)
		}
	}
	if told["user.deleted"] != 1 || told["membership.changed"] != groups+1 || len(told) != 2 {
		t.Errorf("told was %v", told)
	}
}

// expectDeleted looks at a user who has just been deleted: it takes part in nothing.
func expectDeleted(t *testing.T, s store.Store, user, other uuid.UUID) {
	t.Helper()
	by := people.Viewer{ID: other, Tenant: "acme"}
	if seen, err := s.User(t.Context(), by, user); err != nil || seen.User.DisplayName != store.DeletedName || seen.User.ProfilePicture != nil {
		t.Errorf("the user is %+v, %v", seen, err)
	}
	if found, err := s.SearchUsers(t.Context(), by, "deleted", people.MatchPoint{}, 10); err != nil || len(found) != 0 {
		t.Errorf("found are %+v, %v", found, err)
	}
	err := s.PutUser(t.Context(), store.User{ID: user, DisplayName: "alice", Tenant: "acme"}, after(time.Hour))
	if !errors.Is(err, people.ErrUserDeleted) {
		t.Errorf("its token: %v", err)
	}
	if _, _, err := flow(s).CreateRoom(t.Context(), newRoom(wire.Group, "", start(), other, user)); !errors.Is(err, store.ErrUnknownUsers) {
		t.Errorf("a room with it: %v", err)
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		locked, err := tx.LockUsers(ctx, "acme", []uuid.UUID{user, other})
		if len(locked) != 1 || locked[0].ID != other {
			t.Errorf("locked are %+v", locked)
		}
		return err
	})
}

func expectErased(t *testing.T, s store.Store, user uuid.UUID, others []uuid.UUID) {
	t.Helper()
	if rooms, err := s.Overviews(t.Context(), store.Asked{User: user}, uuid.Nil, 100); err != nil || len(rooms) != 0 {
		t.Errorf("it is in %d rooms, %v", len(rooms), err)
	}
	for _, other := range others {
		seen, err := s.User(t.Context(), people.Viewer{ID: user, Tenant: "acme"}, other)
		if err != nil || seen.Relationship != nil || seen.User.FriendsCount != 0 {
			t.Errorf("another is %+v, %v", seen, err)
		}
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		left, err := tx.AnyRelatives(ctx, user, 10)
		if len(left) != 0 {
			t.Errorf("relatives are %v", left)
		}
		return err
	})
	if pending, err := s.PendingErasures(t.Context(), 10); err != nil || len(pending) != 0 {
		t.Errorf("pending are %+v, %v", pending, err)
	}
}

// deletedUserIsPutAgain brings a user back before its erasure has gone far: what is left stays.
func deletedUserIsPutAgain(t *testing.T, s store.Store) {
	users := addUsersOf(t, s, "acme", "alice", "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), users...)).ID
	erasure, _, err := flow(s).DeleteUser(t.Context(), "", users[0], start())
	if err != nil {
		t.Fatal(err)
	}
	profile := people.Profile{ID: users[0], Tenant: "acme", DisplayName: "Alice again"}
	if refused, err := s.PutProfiles(t.Context(), []people.Profile{profile}, after(time.Second)); err != nil || len(refused) != 0 {
		t.Fatalf("put again: %v, %v", refused, err)
	}
	if err := s.PutUser(t.Context(), store.User{ID: users[0], DisplayName: "alice", Tenant: "acme"}, after(time.Hour)); err != nil {
		t.Errorf("its token: %v", err)
	}
	erase(t, s, after(time.Second), 10)
	if member := members(t, s, room)[users[0]]; member.Status != wire.Joined || member.DisplayName != "alice" {
		t.Errorf("alice is %+v", member)
	}
	if receipt, err := s.Erasure(t.Context(), "", erasure); err != nil || part(receipt, "rooms").Erased != 0 || part(receipt, "rooms").FinishedAt == nil {
		t.Errorf("the receipt is %+v, %v", receipt, err)
	}
	again, _, err := flow(s).DeleteUser(t.Context(), "", users[0], after(time.Minute))
	if err != nil || again == erasure {
		t.Errorf("deleted anew: %s, %v", again, err)
	}
	transact(t, s, func(ctx context.Context, tx store.Tx) error {
		id, of, began, err := tx.DeleteUser(ctx, "acme", users[0], store.NewErasure{ID: uuid.New(), At: start(), By: []string{"messages", "rooms"}})
		if id != again || of != "acme" || began {
			t.Errorf("the newest is %s of %q, began: %t", id, of, began)
		}
		return errors.Join(err, tx.CountErased(ctx, again, 5), tx.FinishErasure(ctx, again, start()), tx.FinishErasure(ctx, again, after(time.Hour)))
	})
	receipt, err := s.Erasure(t.Context(), "acme", again)
	if err != nil || !slices.ContainsFunc(receipt.Parts, func(p store.ErasurePart) bool { return p.Erased == 5 && p.FinishedAt.Equal(start()) }) {
		t.Errorf("the receipt is %+v, %v", receipt, err)
	}
}

// part is what a receipt says of a service.
func part(of store.Erasure, service string) store.ErasurePart {
	for _, part := range of.Parts {
		if part.Service == service {
			return part
		}
	}
	return store.ErasurePart{}
}

// othersFinishTheirPart takes what other services tell, once, and of erasures that are there.
func othersFinishTheirPart(t *testing.T, s store.Store) {
	alice := addUsersOf(t, s, "acme", "alice")[0]
	erasure, _, err := flow(s).DeleteUser(t.Context(), "", alice, start())
	if err != nil {
		t.Fatal(err)
	}
	tell := func(of uuid.UUID, service string, erased int64, at time.Time) {
		t.Helper()
		told := events.UserErased{UserID: alice, ErasureID: of, Service: service, Erased: erased, FinishedAt: wire.At(at)}
		if err := flow(s).FinishElsewhere(t.Context(), told); err != nil {
			t.Fatalf("%s has finished: %v", service, err)
		}
	}
	tell(uuid.New(), "messages", 1, start())
	tell(erasure, "messages", 7, after(time.Minute))
	tell(erasure, "messages", 8, after(time.Hour))
	tell(erasure, "media", 2, after(time.Second))
	erase(t, s, after(erasures.Settle), 10)
	receipt, err := s.Erasure(t.Context(), "acme", erasure)
	if err != nil || len(receipt.Parts) != 3 || receipt.Parts[0].Service != "media" || receipt.Parts[0].Erased != 2 {
		t.Fatalf("the receipt is %+v, %v", receipt, err)
	}
	if told := part(receipt, "messages"); told.Erased != 7 || told.FinishedAt == nil || !told.FinishedAt.Equal(after(time.Minute)) {
		t.Errorf("messages' part is %+v", told)
	}
	if at := receipt.FinishedAt(); at == nil || !at.Equal(after(time.Minute)) {
		t.Errorf("it is finished at %v", at)
	}
}
