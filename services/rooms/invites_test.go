package rooms_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

func TestAnInstallationRestrictsInvitations(t *testing.T) {
	d := deployWith(t, onSQLite, rooms.Config{MaxMembers: 5, Invites: changes.OnlyFriends})
	alice, bob, carol := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol")
	refused := d.post(t, alice, "/api/rooms/create-room", newRoom("Single", "", alice, bob))
	if refused.Status != http.StatusForbidden || refused.Code() != "invitation-not-allowed" {
		t.Errorf("with a stranger: %s", refused)
	}
	d.post(t, alice, "/api/users/friends/add/"+bob.id.String(), "")
	d.post(t, bob, "/api/users/friends/accept-request/"+alice.id.String(), "")
	room := d.create(t, alice, newRoom("Group", "", alice, bob))
	invited := d.post(t, alice, "/api/rooms/"+room.ID.String()+"/invite/"+carol.id.String(), "")
	if invited.Status != http.StatusForbidden || invited.Code() != "invitation-not-allowed" {
		t.Errorf("a stranger is invited: %s", invited)
	}
}

func TestAnUnknownRuleOfInvitationsIsRefused(t *testing.T) {
	faults := rooms.Config{MaxMembers: 5, Invites: "everybody"}.Validate()
	if len(faults) != 1 || faults[0].Variable != "INVITES" || !strings.Contains(faults[0].Problem, "shared-room") {
		t.Errorf("faults %+v", faults)
	}
}
