package authn_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

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
