package peopletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

func userIsSeen(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	picture := "https://example.com/bob.png"
	bob := seen(t, s, users[0], users[1])
	if bob.User.ID != users[1].ID || bob.User.DisplayName != "bob" || *bob.User.ProfilePicture != picture || bob.User.StreetCredits != 0 ||
		bob.User.Description != nil || bob.User.Role != nil || bob.User.FriendsCount != 0 || bob.Relationship != nil {
		t.Errorf("alice sees %+v", bob)
	}
	if self := seen(t, s, users[0], users[0]); self.User.DisplayName != "alice" || self.Relationship != nil {
		t.Errorf("alice sees herself as %+v", self)
	}
	do(t, flow(s).Add, users[0], users[1])
	stand(t, s, users[0], users[1], wire.InviteSent, wire.InviteReceived)
	if _, err := s.User(t.Context(), users[0], uuid.New()); !errors.Is(err, people.ErrUserNotFound) {
		t.Errorf("an unknown user: %v", err)
	}
}

func tenantsAreApart(t *testing.T, s store.Store) {
	ours, theirs := addUsers(t, s, "acme", "alice", "albert"), addUsers(t, s, "umbrella", "alan")
	nameless := addUsers(t, s, "", "ali")
	for _, stranger := range []people.Viewer{theirs[0], nameless[0]} {
		if _, err := s.User(t.Context(), ours[0], stranger.ID); !errors.Is(err, people.ErrUserNotFound) {
			t.Errorf("another tenant's user: %v", err)
		}
		for name, change := range changesOf(s) {
			if _, err := change(t.Context(), ours[0], stranger.ID, start()); !errors.Is(err, people.ErrUserNotFound) {
				t.Errorf("%s another tenant's user: %v", name, err)
			}
		}
		if found := search(t, s, stranger, "al"); len(found) != 0 {
			t.Errorf("another tenant finds %v", found)
		}
	}
	if found := search(t, s, ours[0], "al"); !slices.Equal(found, []string{"albert"}) {
		t.Errorf("a tenant finds %v of its own", found)
	}
}

func changesOf(s store.Store) map[string]change {
	r := flow(s)
	return map[string]change{"add": r.Add, "accept": r.Accept, "reject": r.Reject, "remove": r.Remove, "block": r.Block, "unblock": r.Unblock}
}

func userStaysWithItsTenant(t *testing.T, s store.Store) {
	alice := addUsers(t, s, "acme", "alice", "bob")
	moved := store.User{ID: alice[0].ID, DisplayName: "mallory", Tenant: "umbrella"}
	for _, issued := range []time.Time{{}, after(time.Hour)} {
		if err := s.PutUser(t.Context(), moved, issued); !errors.Is(err, people.ErrOtherTenant) {
			t.Errorf("a token of another tenant: %v", err)
		}
	}
	if got := seen(t, s, alice[1], alice[0]); got.User.DisplayName != "alice" {
		t.Errorf("she became %+v", got)
	}
	if err := s.PutUser(t.Context(), store.User{ID: alice[0].ID, DisplayName: "alice", Tenant: "acme"}, time.Time{}); err != nil {
		t.Errorf("her own tenant's: %v", err)
	}
}

// search gives the names that are found at once.
func search(t testing.TB, s store.Store, by people.Viewer, text string) []string {
	t.Helper()
	matches, err := s.SearchUsers(t.Context(), by, people.SearchName(text), people.MatchPoint{}, 100)
	if err != nil {
		t.Fatalf("search for %q: %v", text, err)
	}
	names := []string{}
	for _, match := range matches {
		names = append(names, match.User.DisplayName)
	}
	return names
}

func usersAreFound(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "", "alexander")[0]
	others := addUsers(t, s, "", "Alice Liddell", "alina", "Bob", "100% Al", "al_ice", "ALEX", "Émile", "Straße", "al")
	for text, want := range map[string][]string{
		"al":       {"al", "al_ice", "ALEX", "Alice Liddell", "alina"},
		"AL":       {"al", "al_ice", "ALEX", "Alice Liddell", "alina"},
		"ali":      {"Alice Liddell", "alina"},
		"alice  l": {"Alice Liddell"},
		"liddell":  {}, // only the beginning of the name
		"al_":      {"al_ice"},
		"al%":      {},
		"100%":     {"100% Al"},
		"e\u0301":  {"Émile"}, // an e and an accent
		"STRASSE":  {"Straße"},
		"ａｌｉｃ":     {"Alice Liddell"},
		"nobody":   {},
	} {
		got := search(t, s, viewer, text)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	do(t, flow(s).Block, others[0], viewer)
	matches, err := s.SearchUsers(t.Context(), viewer, "alice", people.MatchPoint{}, 1)
	if err != nil || len(matches) != 1 || as(matches[0].RelatedUser) != wire.BlockedBy || matches[0].SearchName != "alice liddell" {
		t.Errorf("who has blocked the viewer is found as %+v, %v", matches, err)
	}
}

func searchGoesOn(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "", "carol")[0]
	var names []string
	for n := range 25 {
		names = append(names, fmt.Sprintf("user %d", n/2)) // mostly two of a name
	}
	users := addUsers(t, s, "", names...)
	found := map[uuid.UUID]bool{}
	var behind people.MatchPoint
	var order []people.MatchPoint
	for page := 0; ; page++ {
		matches, err := s.SearchUsers(t.Context(), viewer, "user", behind, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range matches {
			found[match.User.ID] = true
			behind = people.MatchPoint{SearchName: match.SearchName, ID: match.User.ID}
			order = append(order, behind)
		}
		if page == 1 { // who comes later is found behind, who is renamed to before is not found again
			users = append(users, addUsers(t, s, "", "user z")...)
		}
		if len(matches) < 7 {
			break
		}
	}
	if len(found) != len(users) || len(order) != len(users) {
		t.Errorf("found %d in %d matches, there are %d", len(found), len(order), len(users))
	}
	if !slices.IsSortedFunc(order, func(a, b people.MatchPoint) int {
		if c := strings.Compare(a.SearchName, b.SearchName); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	}) {
		t.Errorf("they come in the order %v", order)
	}
}

func renamedUserIsFound(t *testing.T, s store.Store) {
	users := addUsers(t, s, "", "alice", "bob")
	do(t, flow(s).Add, users[0], users[1])
	if err := s.PutUser(t.Context(), store.User{ID: users[1].ID, DisplayName: "Robert"}, start()); err != nil {
		t.Fatal(err)
	}
	if old, now := search(t, s, users[0], "bob"), search(t, s, users[0], "rob"); len(old) != 0 || !slices.Equal(now, []string{"Robert"}) {
		t.Errorf("by the old name %v, by the new one %v", old, now)
	}
	requests, err := s.Relatives(t.Context(), users[1], wire.InviteReceived, people.Newest(), 10)
	if err != nil || len(requests) != 1 || requests[0].User.DisplayName != "alice" {
		t.Errorf("bob's requests are %+v, %v", requests, err)
	}
	if err := s.PutUser(t.Context(), store.User{ID: users[0].ID, DisplayName: "Mrs Hargreaves"}, start()); err != nil {
		t.Fatal(err)
	}
	requests, err = s.Relatives(t.Context(), users[1], wire.InviteReceived, people.Newest(), 10)
	if err != nil || len(requests) != 1 || requests[0].User.DisplayName != "Mrs Hargreaves" {
		t.Errorf("after alice was renamed bob's requests are %+v, %v", requests, err)
	}
}

// A name that becomes too long for an index when it is folded must not make a user impossible.
func anyNameCanBeSearchedFor(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "", "alice")[0]
	for _, name := range []string{
		strings.Repeat("\ufdfa", 255), strings.Repeat("🐙", 255), strings.Repeat("ß", 255), "\U0010FFFF", "\u0301", "Ω", "שלום", " ",
	} {
		user := addUsers(t, s, "", name)[0]
		prefix := people.SearchName(name)
		matches, err := s.SearchUsers(t.Context(), viewer, prefix, people.MatchPoint{}, 100)
		if err != nil {
			t.Errorf("%.20q: %v", name, err)
		}
		if prefix != "" && prefix != "\U0010FFFF" && !slices.ContainsFunc(matches, func(m people.Match) bool { return m.User.ID == user.ID }) {
			t.Errorf("%.20q is not found", name)
		}
	}
}

func profilesCount(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "acme", "carol")[0]
	id, role, description := uuid.New(), "Guide", "Likes soup"
	put := func(profile people.Profile, at time.Time) []uuid.UUID {
		t.Helper()
		refused, err := s.PutProfiles(t.Context(), []people.Profile{profile}, at)
		if err != nil {
			t.Fatal(err)
		}
		return refused
	}
	profile := people.Profile{ID: id, Tenant: "acme", DisplayName: "Alice", Role: &role, Description: &description, StreetCredits: -7}
	put(profile, start())
	user := people.Viewer{ID: id, Tenant: "acme"}
	got := seen(t, s, viewer, user).User
	if got.DisplayName != "Alice" || *got.Role != role || *got.Description != description || got.StreetCredits != -7 || got.ProfilePicture != nil {
		t.Errorf("the user is %+v", got)
	}
	for _, step := range []struct {
		issued time.Time
		want   string
	}{{time.Time{}, "Alice"}, {after(-time.Second), "Alice"}, {after(time.Second), "by token"}} {
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "by token", Tenant: "acme"}, step.issued); err != nil {
			t.Fatal(err)
		}
		if got := seen(t, s, viewer, user).User; got.DisplayName != step.want || *got.Role != role || got.StreetCredits != -7 {
			t.Errorf("after a token of %s the user is %+v, want %s", step.issued, got, step.want)
		}
	}
	put(people.Profile{ID: id, Tenant: "acme", DisplayName: "Alice again"}, start()) // the backend counts, whatever its clock says
	if got := seen(t, s, viewer, user).User; got.DisplayName != "Alice again" || got.Role != nil || got.Description != nil || got.StreetCredits != 0 {
		t.Errorf("without the rest the user is %+v", got)
	}
	if found := search(t, s, viewer, "alice a"); len(found) != 1 {
		t.Errorf("found are %v", found)
	}
	if refused := put(people.Profile{ID: id, Tenant: "umbrella", DisplayName: "Mallory"}, after(time.Hour)); !slices.Equal(refused, []uuid.UUID{id}) {
		t.Errorf("of another tenant are %v", refused)
	}
	if got := seen(t, s, viewer, user).User; got.DisplayName != "Alice again" {
		t.Errorf("another tenant's backend made %+v", got)
	}
}

func manyProfilesAreTaken(t *testing.T, s store.Store) {
	viewer := addUsers(t, s, "", "carol")[0]
	foreign := addUsers(t, s, "umbrella", "mallory")[0]
	profiles := []people.Profile{{ID: foreign.ID, DisplayName: "stolen"}}
	for n := range 500 {
		profiles = append(profiles, people.Profile{ID: uuid.New(), DisplayName: fmt.Sprint("many ", n)})
	}
	for range 2 { // a backend that has lost the answer sends them again
		refused, err := s.PutProfiles(t.Context(), profiles, start())
		if err != nil || !slices.Equal(refused, []uuid.UUID{foreign.ID}) {
			t.Fatalf("of another tenant are %v, %v", refused, err)
		}
	}
	matches, err := s.SearchUsers(t.Context(), viewer, "many", people.MatchPoint{}, 1000)
	if err != nil || len(matches) != 500 {
		t.Errorf("%d are found, %v", len(matches), err)
	}
	if refused, err := s.PutProfiles(t.Context(), nil, start()); err != nil || len(refused) != 0 {
		t.Errorf("none: %v, %v", refused, err)
	}
}
