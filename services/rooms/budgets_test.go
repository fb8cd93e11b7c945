package rooms_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/services/rooms"
)

func TestAUserWhoDoesTooMuchIsToldWhenToComeBack(t *testing.T) {
	d := deployWith(t, onSQLite, rooms.Config{MaxMembers: 5, CreationsPerHour: 1, InvitationsPerHour: 2, ContactsPerHour: 1})
	over := func(what string, ask func() nodetest.Answer) {
		t.Helper()
		var got nodetest.Answer
		for range 3 { // the budget of an hour that has begun meanwhile included
			if got = ask(); got.Status == http.StatusTooManyRequests {
				break
			}
		}
		wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if got.Code() != "budget-exhausted" || err != nil || wait < 1 || wait > 3600 {
			t.Errorf("%s: %s, again in %d, %v", what, got, wait, err)
		}
	}
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Group", "", alice, bob))
	over("rooms", func() nodetest.Answer {
		return d.post(t, alice, "/api/rooms/create-room", newRoom("Group", "", alice, bob))
	})
	over("invitations", func() nodetest.Answer {
		return d.post(t, alice, "/api/rooms/"+room.ID.String()+"/invite/"+d.seenUser(t, "carol").id.String(), "")
	})
	over("contacts", func() nodetest.Answer {
		return d.post(t, alice, "/api/users/friends/add/"+d.seenUser(t, "carol").id.String(), "")
	})
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	for range 3 {
		if got := d.admin(t, backend, "POST", "", newRoom("Group", "", alice, bob)); got.Status != http.StatusOK {
			t.Errorf("the backend: %s", got)
		}
	}
}

func TestANegativeBudgetIsRefused(t *testing.T) {
	if faults := (rooms.Config{MaxMembers: 5, ContactsPerHour: -1}).Validate(); len(faults) != 1 || faults[0].Variable != "CONTACTS_PER_HOUR" {
		t.Errorf("faults %+v", faults)
	}
}
