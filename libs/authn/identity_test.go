package authn_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/authn/subject"
)

// changed are a genuine token's claims with some changed; nil takes one away.
func changed(t *testing.T, issuer *authntest.Issuer, changes jwt.MapClaims) string {
	t.Helper()
	claims := issuer.Claims(uuid.New(), "alice")
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return issuer.Sign(t, claims)
}

// The tokens of another application of the issuer are genuine, and open nothing here.
func TestOnlyTheTokensThatAreMeantAreAccepted(t *testing.T) {
	issuer := authntest.New(t)
	web, shop, crm := jwt.MapClaims{"azp": "web", "aud": "ism"}, jwt.MapClaims{"azp": "shop", "aud": []string{"account", "ism"}}, jwt.MapClaims{"azp": "crm", "aud": "crm"}
	for name, c := range map[string]struct {
		audience, clients, backends []string
		claims                      jwt.MapClaims
		accepted                    bool
	}{
		"the audience":                    {[]string{"ism"}, nil, nil, web, true},
		"among others":                    {[]string{"ism"}, nil, nil, shop, true},
		"one of several":                  {[]string{"chat", "ism"}, nil, nil, web, true},
		"another application's":           {[]string{"ism"}, nil, nil, crm, false},
		"no audience":                     {[]string{"ism"}, nil, nil, jwt.MapClaims{"azp": "web", "aud": nil}, false},
		"an audience in capitals":         {[]string{"ism"}, nil, nil, jwt.MapClaims{"aud": "ISM"}, false},
		"a part of an audience":           {[]string{"ism"}, nil, nil, jwt.MapClaims{"aud": "ism-crm"}, false},
		"an audience named any":           {[]string{"ism"}, nil, nil, jwt.MapClaims{"aud": "any"}, false},
		"the client":                      {nil, []string{"web"}, nil, web, true},
		"another client":                  {nil, []string{"web"}, nil, crm, false},
		"by client_id":                    {nil, []string{"web"}, nil, jwt.MapClaims{"azp": nil, "client_id": "web"}, true},
		"azp counts before client_id":     {nil, []string{"web"}, nil, jwt.MapClaims{"azp": "crm", "client_id": "web"}, false},
		"no client":                       {nil, []string{"web"}, nil, jwt.MapClaims{"azp": nil}, false},
		"a client named any":              {nil, []string{"web"}, nil, jwt.MapClaims{"azp": "any"}, false},
		"the client as its audience":      {nil, []string{"web"}, nil, jwt.MapClaims{"azp": "crm", "aud": "web"}, false},
		"both":                            {[]string{"ism"}, []string{"web"}, nil, web, true},
		"both, another client":            {[]string{"ism"}, []string{"web"}, nil, shop, false},
		"both, another audience":          {[]string{"ism"}, []string{"crm"}, nil, crm, false},
		"a backend beside the clients":    {nil, []string{"web"}, []string{"shop"}, shop, true},
		"a backend of another audience":   {[]string{"ism"}, nil, []string{"crm"}, crm, false},
		"any audience":                    {[]string{"any"}, nil, nil, crm, true},
		"any client":                      {nil, []string{"any"}, nil, crm, true},
		"any audience of a client":        {[]string{"any"}, []string{"crm"}, nil, crm, true},
		"any audience of another client":  {[]string{"any"}, []string{"web"}, nil, crm, false},
		"any client of an audience":       {[]string{"crm"}, []string{"any"}, nil, crm, true},
		"any client of another audience":  {[]string{"ism"}, []string{"any"}, nil, crm, false},
		"nobody's, where any may be said": {[]string{"any"}, nil, nil, jwt.MapClaims{"azp": nil, "aud": nil}, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := issuer.Config()
			cfg.Audience, cfg.Clients, cfg.BackendClients = c.audience, c.clients, c.backends
			verifier := authntest.Start(t, cfg, silent())
			token := changed(t, issuer, c.claims)
			for range 2 { // verified, and remembered
				if _, err := verifier.Verify(t.Context(), token); (err == nil) != c.accepted {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// A user of any provider is the same everywhere: as the issuer's UUID, or as the one that is made of its name there.
func TestASubjectOfAnyProviderIsAUser(t *testing.T) {
	issuer := authntest.New(t)
	id := uuid.New()
	for name, c := range map[string]struct {
		how  subject.How
		sub  string
		want uuid.UUID // nil: refused
	}{
		"Keycloak's":          {"", id.String(), id},
		"Keycloak's, derived": {subject.Derived, id.String(), subject.Derive(issuer.URL, id.String())},
		"Auth0's":             {"", "auth0|5f7c8ec7c33c6c004bbafe82", subject.Derive(issuer.URL, "auth0|5f7c8ec7c33c6c004bbafe82")},
		"Entra's":             {"", "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", subject.Derive(issuer.URL, "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ")},
		"Google's":            {"", "110169484474386276334", subject.Derive(issuer.URL, "110169484474386276334")},
		"another spelling":    {"", "{" + id.String() + "}", subject.Derive(issuer.URL, "{"+id.String()+"}")},
		"UUIDs alone":         {subject.UUIDs, "110169484474386276334", uuid.Nil},
	} {
		cfg := issuer.Config()
		cfg.Subjects = c.how
		verifier := authntest.Start(t, cfg, silent())
		token := changed(t, issuer, jwt.MapClaims{"sub": c.sub})
		if c.want == uuid.Nil {
			refuse(t, verifier, token)
			continue
		}
		if principal, err := verifier.Verify(t.Context(), token); err != nil || principal.UserID != c.want {
			t.Errorf("%s: %s, %v; expected %s", name, principal.UserID, err, c.want)
		}
	}
}

// Where users choose their sub, one chooses another's id, which all can see: derived, it is a text like any other.
func TestNobodyNamesHimselfSomebodyElse(t *testing.T) {
	issuer := authntest.New(t)
	cfg := issuer.Config()
	cfg.Subjects = subject.Derived
	verifier := authntest.Start(t, cfg, silent())
	alice, err := verifier.Verify(t.Context(), changed(t, issuer, jwt.MapClaims{"sub": "alice"}))
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := verifier.Verify(t.Context(), changed(t, issuer, jwt.MapClaims{"sub": alice.UserID.String()}))
	if err != nil || mallory.UserID == alice.UserID {
		t.Errorf("mallory is %s, %v", mallory.UserID, err)
	}
}

func TestClaimsAreNamedExactly(t *testing.T) {
	issuer := authntest.New(t)
	const there = "https://img.example.com/a.jpg"
	cfg := issuer.Config()
	cfg.NameClaims, cfg.PictureClaim, cfg.TenantClaim = []string{"https://chat.example.com/name", "profile.name", "custom:nick"}, "https://chat.example.com/picture", "org.id"
	verifier := authntest.Start(t, cfg, silent())
	for name, c := range map[string]struct {
		claims                jwt.MapClaims
		name, picture, tenant string
	}{
		"URLs":         {jwt.MapClaims{"https://chat.example.com/name": "Alice", "https://chat.example.com/picture": there}, "Alice", there, ""},
		"a dot":        {jwt.MapClaims{"profile.name": "Alice", "org.id": "acme"}, "Alice", "", "acme"},
		"no path":      {jwt.MapClaims{"profile": map[string]string{"name": "Mallory"}, "org": map[string]string{"id": "acme"}}, "", "", ""},
		"a colon":      {jwt.MapClaims{"custom:nick": "Alice"}, "Alice", "", ""},
		"the first":    {jwt.MapClaims{"custom:nick": "Al", "profile.name": "Alice"}, "Alice", "", ""},
		"not the case": {jwt.MapClaims{"Profile.Name": "Mallory", "PROFILE.NAME": "Mallory"}, "", "", ""},
		"the usual":    {jwt.MapClaims{"preferred_username": "Mallory", "picture": there}, "", "", ""},
		"no text":      {jwt.MapClaims{"profile.name": []string{"Mallory"}, "custom:nick": "Alice"}, "Alice", "", ""},
	} {
		got, err := verifier.Verify(t.Context(), changed(t, issuer, c.claims))
		if err != nil || got.Username != c.name || got.Picture != c.picture || got.Tenant != c.tenant {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAScopeOrRoleMayBeNeededForEverything(t *testing.T) {
	issuer := authntest.New(t)
	cfg := issuer.Config()
	cfg.RequiredScope, cfg.AdminRole, cfg.BackendClients = "chat", "ism-admin", []string{"shop"}
	verifier := authntest.Start(t, cfg, silent())
	app := serve(t, newApp(silent(), verifier))
	for name, c := range map[string]struct {
		claims jwt.MapClaims
		may    bool
	}{
		"none":                  {nil, false},
		"a scope":               {jwt.MapClaims{"scope": "openid chat"}, true},
		"Entra's":               {jwt.MapClaims{"scp": "chat other"}, true},
		"Okta's":                {jwt.MapClaims{"scp": []string{"openid", "chat"}}, true},
		"a role":                {jwt.MapClaims{"roles": []string{"chat"}}, true},
		"a realm role":          {jwt.MapClaims{"realm_access": fiber.Map{"roles": []string{"chat"}}}, true},
		"a part of one":         {jwt.MapClaims{"scope": "chat:read", "scp": []string{"chats"}}, false},
		"another case":          {jwt.MapClaims{"scope": "Chat"}, false},
		"in one text of a list": {jwt.MapClaims{"scp": []string{"openid chat"}}, false},
		"the role of a client":  {jwt.MapClaims{"resource_access": fiber.Map{"web": fiber.Map{"roles": []string{"chat"}}}}, false},
		"an administrator":      {jwt.MapClaims{"roles": []string{"ism-admin"}}, false},
		"a backend":             {jwt.MapClaims{"azp": "shop"}, false},
	} {
		response, body := get(t, app+"/me", "Bearer "+changed(t, issuer, c.claims))
		if c.may && response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s", name, response.Status, body)
		}
		if !c.may && (response.StatusCode != http.StatusForbidden || !strings.Contains(body, `"code":"insufficient-scope"`) ||
			response.Header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope"`) {
			t.Errorf("%s: %s %s", name, response.Status, body)
		}
	}
	// What is no valid token learns nothing of scopes.
	if response, _ := get(t, app+"/me", "Bearer "+changed(t, issuer, jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()})); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("expired, and without the scope: %s", response.Status)
	}
}

// What is wrong with a token is for the log: the answer is the same to the letter.
func TestRefusalsCannotBeToldApart(t *testing.T) {
	issuer := authntest.New(t)
	tel, journal := logged()
	app := serve(t, newApp(tel, issuer.Verifier(t, tel)))
	seen := map[string]string{}
	for reason, claims := range map[string]jwt.MapClaims{
		"allowed by ISM_OIDC_MAX_TOKEN_LIFE": {"exp": time.Now().Add(1000 * time.Hour).Unix()},
		"bound to a key (cnf":                {"cnf": map[string]any{"jkt": "x"}},
		"token_use":                          {"typ": nil, "token_use": "id"},
		"has a nonce":                        {"typ": nil, "nonce": "x"},
		"is for the audience":                {"aud": "crm"},
		"there is no sub":                    {"sub": ""},
		"invalid issuer":                     {"iss": "https://elsewhere.example.com"},
		"token is expired":                   {"exp": time.Now().Add(-time.Hour).Unix()},
	} {
		response, body := get(t, app+"/me", "Bearer "+changed(t, issuer, claims))
		if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %s", reason, response.Status)
		}
		if !strings.Contains(journal.String(), reason) {
			t.Errorf("the log does not say %q", reason)
		}
		var answer map[string]any
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		delete(answer, "traceId") // these two differ from request to request
		delete(answer, "timestamp")
		seen[fmt.Sprint(answer)] = reason
	}
	if len(seen) != 1 {
		t.Errorf("the answers differ: %q", seen)
	}
}

func TestWhatIsNotAsItShouldBeIsSaidAtTheStart(t *testing.T) {
	for issuer, plain := range map[string]bool{
		"http://id.example.com/realms/ism":  true,
		"http://10.1.2.3/realms/ism":        true,
		"http://localhost.example.com":      true,
		"https://id.example.com/realms/ism": false,
		"http://localhost:8080/realms/ism":  false,
		"http://keycloak.localhost/realms":  false,
		"http://127.0.0.2:8080/realms/ism":  false,
		"http://[::1]:8080/realms/ism":      false,
	} {
		if got := (authn.Config{Issuer: issuer}).Plain(); got != plain {
			t.Errorf("%s: %t", issuer, got)
		}
	}
	issuer := authntest.New(t)
	issuer.Announce("http://id.example.com/realms/ism", issuer.URL+"/protocol/openid-connect/certs")
	for words, cfg := range map[string]authn.Config{
		"every application": {Issuer: issuer.URL, Audience: []string{"any"}},
		"without TLS":       {Issuer: "http://id.example.com/realms/ism", Address: issuer.URL, Audience: []string{"ism"}},
	} {
		tel, journal := logged()
		verifier, err := authn.New(cfg, tel)
		if err != nil {
			t.Fatal(err)
		}
		runUntil(t, verifier, func(error) bool { return strings.Contains(journal.String(), words) })
	}
}
