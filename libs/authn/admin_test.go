package authn_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestOnlyTokensWithTheRoleMayAdministrate(t *testing.T) {
	issuer := authntest.New(t)
	for name, c := range map[string]struct {
		claim string
		value any
		role  string // configured
		may   bool
	}{
		"none":                        {"scope", "email profile", "ism-admin", false},
		"a scope":                     {"scope", "email ism-admin profile", "ism-admin", true},
		"a role":                      {"roles", []string{"user", "ism-admin"}, "ism-admin", true},
		"a realm role":                {"realm_access", fiber.Map{"roles": []string{"ism-admin"}}, "ism-admin", true},
		"another role is configured":  {"realm_access", fiber.Map{"roles": []string{"ism-admin"}}, "operators", false},
		"a part of the name":          {"scope", "ism-administrator xism-admin", "ism-admin", false},
		"another case":                {"roles", []string{"ISM-ADMIN"}, "ism-admin", false},
		"a claim of another name":     {"Roles", []string{"ism-admin"}, "ism-admin", false},
		"the role of a client":        {"resource_access", fiber.Map{"ism-web": fiber.Map{"roles": []string{"ism-admin"}}}, "ism-admin", false},
		"roles that are no list":      {"roles", "ism-admin", "ism-admin", false},
		"a scope that is a list":      {"scope", []string{"ism-admin"}, "ism-admin", false},
		"nobody is an administrator":  {"scope", "  ", "", false},
		"and an empty role is no key": {"roles", []string{""}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			tel := telemetry.Discard(nil)
			cfg := issuer.Config()
			cfg.AdminRole = c.role
			verifier := authntest.Start(t, cfg, tel)
			app := newApp(tel, verifier)
			app.Get("/admin", verifier.Require(), verifier.RequireAdmin(), func(c *fiber.Ctx) error { return c.SendString("in") })
			claims := issuer.Claims(uuid.New(), "backend")
			claims[c.claim] = c.value
			token := issuer.Sign(t, claims)
			url := serve(t, app)
			for range 2 { // verified, and remembered
				response, body := get(t, url+"/admin", "Bearer "+token)
				if in := response.StatusCode == http.StatusOK; in != c.may || !in && (response.StatusCode != http.StatusForbidden || !strings.Contains(body, `"code":"forbidden"`)) {
					t.Errorf("%d %s", response.StatusCode, body)
				}
				if response, body := get(t, url+"/me", "Bearer "+token); response.StatusCode != http.StatusOK {
					t.Errorf("as a user: %d %s", response.StatusCode, body)
				}
			}
			if response, _ := get(t, url+"/admin"); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("without a token: %d", response.StatusCode)
			}
		})
	}
}

func TestOnlyTheBackendIsLetThrough(t *testing.T) {
	issuer := authntest.New(t)
	cfg := issuer.Config()
	cfg.AdminRole, cfg.BackendClients = "ism-admin", []string{"shop", "billing"}
	tel := telemetry.Discard(nil)
	verifier := authntest.Start(t, cfg, tel)
	app := newApp(tel, verifier)
	app.Get("/backend", verifier.Require(), verifier.RequireBackend(), func(c *fiber.Ctx) error { return c.SendString("in") })
	url := serve(t, app)
	for name, c := range map[string]struct {
		claims map[string]any
		may    bool
	}{
		"an app's user":              {map[string]any{"azp": "ism-web"}, false},
		"a backend's client":         {map[string]any{"azp": "billing"}, true},
		"by client_id":               {map[string]any{"azp": "", "client_id": "shop"}, true},
		"azp counts before":          {map[string]any{"azp": "ism-web", "client_id": "shop"}, false},
		"no client":                  {map[string]any{"azp": ""}, false},
		"a part of the name":         {map[string]any{"azp": "sho"}, false},
		"another case":               {map[string]any{"azp": "Shop"}, false},
		"an administrator":           {map[string]any{"azp": "ism-web", "roles": []string{"ism-admin"}}, true},
		"a role named like a client": {map[string]any{"azp": "ism-web", "roles": []string{"shop"}}, false},
	} {
		claims := issuer.Claims(uuid.New(), "backend")
		for claim, value := range c.claims {
			claims[claim] = value
		}
		token := issuer.Sign(t, claims)
		for range 2 { // verified, and remembered
			response, body := get(t, url+"/backend", "Bearer "+token)
			if in := response.StatusCode == http.StatusOK; in != c.may || !in && (response.StatusCode != http.StatusForbidden || !strings.Contains(body, `"code":"forbidden"`)) {
				t.Errorf("%s: %d %s", name, response.StatusCode, body)
			}
		}
	}
	if response, _ := get(t, url+"/backend"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", response.StatusCode)
	}
}

func TestATokenBelongsToATenant(t *testing.T) {
	issuer := authntest.New(t)
	for name, c := range map[string]struct {
		claim   string // configured
		value   any
		tenant  string
		refused bool
	}{
		"none is configured":   {"", "acme", "", false},
		"the claim's":          {"org", "acme", "acme", false},
		"the claim is missing": {"organisation", "acme", "", false},
		"an empty one":         {"org", "", "", false},
		"of 64 characters":     {"org", strings.Repeat("ä", 64), strings.Repeat("ä", 64), false},
		"of 65 characters":     {"org", strings.Repeat("ä", 65), "", true},
		"with a control":       {"org", "ac\u0000me", "", true},
		"a number":             {"org", 7, "", true},
		"several":              {"org", []string{"acme", "emca"}, "", true},
		"with a turned text":   {"org", "ac\u202eme", "", true},
	} {
		cfg := issuer.Config()
		cfg.TenantClaim = c.claim
		verifier := authntest.Start(t, cfg, telemetry.Discard(nil))
		claims := issuer.Claims(uuid.New(), "alice")
		claims["org"] = c.value
		token := issuer.Sign(t, claims)
		for range 2 { // verified, and remembered
			principal, err := verifier.Verify(t.Context(), token)
			if principal.Tenant != c.tenant || (err != nil) != c.refused {
				t.Errorf("%s: tenant %q, %v", name, principal.Tenant, err)
			}
		}
	}
}

func TestFaultyNamesOfClientsAndClaimsAreFound(t *testing.T) {
	faults := authn.Config{BackendClients: []string{"shop", ""}, TenantClaim: "sub"}.Validate()
	if len(faults) != 2 || faults[0].Variable != "BACKEND_CLIENTS" || faults[1].Variable != "TENANT_CLAIM" {
		t.Errorf("faults %v", faults)
	}
}
