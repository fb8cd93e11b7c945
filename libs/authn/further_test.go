package authn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/authn/subject"
)

// file writes what a test calls a file of further issuers.
func file(t *testing.T, content any) string {
	t.Helper()
	text, ok := content.(string)
	if !ok {
		raw, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	path := filepath.Join(t.TempDir(), "issuers.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// two gives a verifier that trusts two issuers, the second as the file says, which has its name already.
func two(t *testing.T, second fiber.Map) (verifier *authn.Verifier, here, there *authntest.Issuer) {
	t.Helper()
	here, there = authntest.New(t), authntest.New(t)
	second["issuer"] = there.URL
	cfg := here.Config()
	cfg.AdminRole, cfg.BackendClients = "ism-admin", []string{"shop"}
	cfg.IssuersFile = file(t, []fiber.Map{second})
	verifier = authntest.Start(t, cfg, silent())
	await(t, func() (any, bool) { // it is ready with the keys of one
		_, err := verifier.Verify(t.Context(), there.SignHeader(t, map[string]any{"crit": []string{"x"}}, there.Claims(uuid.New(), "nobody")))
		_, here := verifier.Verify(t.Context(), here.SignHeader(t, map[string]any{"crit": []string{"x"}}, here.Claims(uuid.New(), "nobody")))
		return nil, !errors.Is(err, authn.ErrNoKeys) && !errors.Is(here, authn.ErrNoKeys)
	})
	return verifier, here, there
}

func TestSeveralIssuersAreTrustedEachForItsOwn(t *testing.T) {
	verifier, here, there := two(t, fiber.Map{"audience": []string{"partner"}})
	user := uuid.New()
	first, err := verifier.Verify(t.Context(), here.Token(t, user, "alice"))
	if err != nil || first.UserID != user {
		t.Fatalf("of the first: %+v, %v", first, err)
	}
	with := func(issuer *authntest.Issuer, changes jwt.MapClaims) string {
		changes["sub"] = user.String()
		return changed(t, issuer, changes)
	}
	for range 2 { // verified, and remembered
		second, err := verifier.Verify(t.Context(), with(there, jwt.MapClaims{"aud": "partner"}))
		if err != nil || second.UserID != subject.Derive(there.URL, user.String()) {
			t.Errorf("of the second: %+v, %v", second, err)
		}
	}
	for name, token := range map[string]string{
		"the first one's audience at the second": with(there, jwt.MapClaims{}),
		"the second one's audience at the first": with(here, jwt.MapClaims{"aud": "partner"}),
		"the second signs for the first":         with(there, jwt.MapClaims{"iss": here.URL}),
		"the first signs for the second":         with(here, jwt.MapClaims{"iss": there.URL, "aud": "partner"}),
		"a third":                                with(authntest.New(t), jwt.MapClaims{}),
		"no issuer":                              with(there, jwt.MapClaims{"iss": nil, "aud": "partner"}),
		"both":                                   with(there, jwt.MapClaims{"iss": []string{here.URL, there.URL}, "aud": "partner"}),
		"Iss":                                    with(there, jwt.MapClaims{"iss": nil, "Iss": there.URL, "aud": "partner"}),
	} {
		t.Run(name, func(t *testing.T) { refuse(t, verifier, token) })
	}
	// Readers of JSON differ over a name that stands twice: the one that chooses the keys must be the one that is compared.
	claims := fmt.Sprintf(`"sub":%q,"aud":["account","partner"],"exp":4102444800`, user)
	for name, payload := range map[string]string{
		"the first, then the second": fmt.Sprintf(`{"iss":%q,"iss":%q,%s}`, here.URL, there.URL, claims),
		"the second, then the first": fmt.Sprintf(`{"iss":%q,"iss":%q,%s}`, there.URL, here.URL, claims),
	} {
		unsigned := encode(`{"alg":"ES256","kid":"key-1"}`) + "." + encode(payload)
		for signer, issuer := range map[string]*authntest.Issuer{"first": here, "second": there} {
			if principal, err := verifier.Verify(t.Context(), issuer.SignRaw(t, unsigned)); err == nil && principal.UserID == user && issuer == there {
				t.Errorf("%s, signed by the %s: %+v", name, signer, principal)
			}
		}
	}
}

// A partner's issuer gives its users whatever roles, clients and tenants it likes: none counts here unless the file says so.
func TestAFurtherIssuerHasNoPowerUnlessItIsGiven(t *testing.T) {
	powers := jwt.MapClaims{"roles": []string{"ism-admin"}, "azp": "shop", "org": "acme"}
	for name, c := range map[string]struct {
		second         fiber.Map
		admin, backend bool
		tenant         string
	}{
		"nothing said":   {fiber.Map{}, false, false, ""},
		"a role":         {fiber.Map{"adminRole": "ism-admin"}, true, true, ""},
		"another role":   {fiber.Map{"adminRole": "partner-admin"}, false, false, ""},
		"a backend":      {fiber.Map{"backendClients": []string{"shop"}}, false, true, ""},
		"a tenant":       {fiber.Map{"tenant": "partner"}, false, false, "partner"},
		"a tenant claim": {fiber.Map{"tenantClaim": "org"}, false, false, "acme"},
	} {
		t.Run(name, func(t *testing.T) {
			c.second["audience"] = []string{authntest.Audience}
			verifier, here, there := two(t, c.second)
			if got, err := verifier.Verify(t.Context(), changed(t, there, powers)); err != nil || got.Admin != c.admin || got.Backend != c.backend || got.Tenant != c.tenant {
				t.Errorf("of the second: %+v, %v", got, err)
			}
			if got, err := verifier.Verify(t.Context(), changed(t, here, powers)); err != nil || !got.Admin || !got.Backend || got.Tenant != "" {
				t.Errorf("of the first: %+v, %v", got, err)
			}
		})
	}
}

func TestAFurtherIssuerIsAsTheFileSays(t *testing.T) {
	verifier, _, there := two(t, fiber.Map{
		"clients": []string{"desk"}, "subjects": "as-is", "nameClaims": []string{"nick"}, "pictureClaim": "face", "requiredScope": "chat",
	})
	user := uuid.New()
	got, err := verifier.Verify(t.Context(), changed(t, there, jwt.MapClaims{
		"sub": user.String(), "azp": "desk", "nick": "Al", "face": "https://img.example.com/a.jpg", "scope": "chat",
	}))
	if err != nil || got.UserID != user || got.Username != "Al" || got.Picture == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := verifier.Verify(t.Context(), changed(t, there, jwt.MapClaims{"azp": "desk"})); !errors.Is(err, authn.ErrScope) {
		t.Errorf("without the scope: %v", err)
	}
	refuse(t, verifier, changed(t, there, jwt.MapClaims{"scope": "chat"}))
}

// A partner's outage is no outage of ours, and its users are told to try again.
func TestAnIssuerThatIsDownTakesNoOtherWithIt(t *testing.T) {
	here, there := authntest.New(t), authntest.New(t)
	there.SetDown(true)
	cfg := here.Config()
	cfg.IssuersFile = file(t, []fiber.Map{{"issuer": there.URL, "audience": []string{"any"}}})
	verifier := authntest.Start(t, cfg, silent())
	if _, err := verifier.Verify(t.Context(), here.Token(t, uuid.New(), "alice")); err != nil {
		t.Error(err)
	}
	if _, err := verifier.Verify(t.Context(), there.Token(t, uuid.New(), "bob")); !errors.Is(err, authn.ErrNoKeys) {
		t.Errorf("its token: %v", err)
	}
	there.SetDown(false)
	await(t, func() (any, bool) {
		_, err := verifier.Verify(t.Context(), there.Token(t, uuid.New(), "bob"))
		return nil, err == nil
	})
}

func TestFaultyFilesOfIssuers(t *testing.T) {
	const here, there = "https://id.example.com/realms/ism", "https://id.partner.example.com"
	one := func(more fiber.Map) []fiber.Map {
		all := fiber.Map{"issuer": there, "audience": []string{"ism"}}
		for name, value := range more {
			all[name] = value
		}
		return []fiber.Map{all}
	}
	for name, c := range map[string]struct {
		content any
		want    string // "": none
	}{
		"good":                    {one(nil), ""},
		"empty":                   {"", "not as expected"},
		"no JSON":                 {"issuer: x", "not as expected"},
		"no array":                {`{"issuer":"x"}`, "JSON array of issuers"},
		"nobody":                  {`[]`, "0 issuers"},
		"more behind":             {`[{"issuer":"https://a.example.com","audience":["x"]}] []`, "something behind"},
		"a name that nobody has":  {one(fiber.Map{"audiences": []string{"ism"}}), `unknown field "audiences"`},
		"no issuer":               {one(fiber.Map{"issuer": ""}), "has no name"},
		"no URL":                  {one(fiber.Map{"issuer": "partner"}), "issuer is no issuer URL"},
		"an address that is none": {one(fiber.Map{"address": "partner"}), "address is no issuer URL"},
		"nobody's tokens":         {one(fiber.Map{"audience": nil}), "needs audience or clients"},
		"any and others":          {one(fiber.Map{"audience": []string{"any", "ism"}}), "audience says any"},
		"unknown subjects":        {one(fiber.Map{"subjects": "v4"}), "subjects"},
		"exp as a name":           {one(fiber.Map{"nameClaims": []string{"exp"}}), "nameClaims"},
		"two tenants":             {one(fiber.Map{"tenant": "a", "tenantClaim": "b"}), "allowed: one of them"},
		"a tenant that is none":   {one(fiber.Map{"tenant": "a\nb"}), "is no name of one"},
		"the first again":         {one(fiber.Map{"issuer": here}), "trusted already"},
		"one twice":               {append(one(nil), one(nil)...), "trusted already"},
		"too many":                {strings.Replace("["+strings.Repeat(`{"issuer":"https://a.example.com","audience":["x"]},`, 33)+"]", ",]", "]", 1), "33 issuers"},
		"too large":               {strings.Repeat(" ", 1<<20), "more than 262144 bytes"},
	} {
		faults := authn.Config{Issuer: here, Audience: []string{"ism"}, IssuersFile: file(t, c.content)}.Validate()
		if c.want == "" {
			if len(faults) > 0 {
				t.Errorf("%s: %v", name, faults)
			}
			continue
		}
		if len(faults) != 1 || faults[0].Variable != "ISSUERS_FILE" || !strings.Contains(faults[0].Problem, c.want) {
			t.Errorf("%s: %v, expected %q", name, faults, c.want)
		}
	}
}
