package peopletest

import (
	"errors"
	"maps"
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

// tenantsAreGiven gives the tenants of a thousand users at once, and nothing of those who are unknown or deleted.
func tenantsAreGiven(t *testing.T, s store.Store) {
	ids := make([]uuid.UUID, 1000)
	profiles := make([]people.Profile, 0, len(ids))
	want := map[uuid.UUID]string{}
	for i := range ids {
		ids[i] = uuid.New()
		if i == 999 { // nobody knows the last
			break
		}
		profiles = append(profiles, people.Profile{ID: ids[i], Tenant: []string{"", "acme"}[i%2], DisplayName: "x"})
		want[ids[i]] = profiles[i].Tenant
	}
	if _, err := s.PutProfiles(t.Context(), profiles, start()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := changes.New(s, telemetry.Discard(nil).Propagator).DeleteUser(t.Context(), "acme", ids[1], start()); err != nil {
		t.Fatal(err)
	}
	delete(want, ids[1])
	if got, err := s.Tenants(t.Context(), ids); err != nil || !maps.Equal(got, want) {
		t.Errorf("of a thousand %d are given, want %d, %v", len(got), len(want), err)
	}
	for _, nobody := range [][]uuid.UUID{nil, {}, {uuid.New()}} {
		if got, err := s.Tenants(t.Context(), nobody); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %v, %v", got, err)
		}
	}
	if got, err := s.Tenants(t.Context(), []uuid.UUID{ids[0], ids[0]}); err != nil || len(got) != 1 {
		t.Errorf("of one, named twice: %v, %v", got, err)
	}
}
