package peopletest

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// profilesAreGiven gives what is known of a user to its tenant, and to whoever is of none.
func profilesAreGiven(t *testing.T, s store.Store) {
	text := func(s string) *string { return &s }
	put := people.Profile{
		ID: uuid.New(), Tenant: "acme", DisplayName: "Alice", Picture: text("https://pictures.test/a"), Description: text("about"), Role: text("chef"), StreetCredits: 7,
	}
	if _, err := s.PutProfiles(t.Context(), []people.Profile{put}, start()); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"acme", ""} {
		got, err := s.Profile(t.Context(), tenant, put.ID)
		if err != nil || got.ID != put.ID || got.Tenant != "acme" || got.DisplayName != "Alice" || *got.Picture != *put.Picture ||
			*got.Description != "about" || *got.Role != "chef" || got.StreetCredits != 7 {
			t.Errorf("to %q it is %+v, %v", tenant, got, err)
		}
	}
	for tenant, id := range map[string]uuid.UUID{"umbrella": put.ID, "acme": uuid.New()} {
		if got, err := s.Profile(t.Context(), tenant, id); !errors.Is(err, people.ErrUserNotFound) {
			t.Errorf("to %q it is %+v, %v", tenant, got, err)
		}
	}
	if _, _, err := changes.New(s, telemetry.Discard(nil).Propagator).DeleteUser(t.Context(), "acme", put.ID, start()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Profile(t.Context(), "acme", put.ID); !errors.Is(err, people.ErrUserNotFound) {
		t.Errorf("deleted it is %+v, %v", got, err)
	}
}
