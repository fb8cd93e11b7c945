package internalapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates/certificatestest"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/internalapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	before = config.Secret("0123456789abcdef0123456789abcdef")
	after  = config.Secret("fedcba9876543210fedcba9876543210")
)

func TestTheCredentialIsAccepted(t *testing.T) {
	both := internalapi.Credential{Secret: before, SecondSecret: after}
	for name, c := range map[string]struct {
		of    internalapi.Credential
		shown string
		want  bool
	}{
		"none needed, none shown":     {internalapi.Credential{}, "", true},
		"none needed, one shown":      {internalapi.Credential{}, "Bearer x", true},
		"none shown":                  {both, "", false},
		"the scheme alone":            {both, "Bearer ", false},
		"the secret without a scheme": {both, before.Reveal(), false},
		"another scheme":              {both, "Basic " + before.Reveal(), false},
		"a part of it":                {both, "Bearer " + before.Reveal()[:31], false},
		"more than it":                {both, "Bearer " + before.Reveal() + "0", false},
		"the secret":                  {both, "Bearer " + before.Reveal(), true},
		"the second one":              {both, "Bearer " + after.Reveal(), true},
		"no second one":               {internalapi.Credential{Secret: before}, "Bearer " + after.Reveal(), false},
		"the empty second one":        {internalapi.Credential{Secret: before}, "Bearer ", false},
	} {
		if c.of.Accepts(c.shown) != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

// A secret is replaced without a moment in which two services do not take each other's, see docs/operations.md.
func TestASecretIsReplacedInThreeSteps(t *testing.T) {
	steps := []internalapi.Credential{
		{Secret: before}, {Secret: before, SecondSecret: after}, {Secret: after, SecondSecret: before}, {Secret: after},
	}
	for i := range len(steps) - 1 {
		for _, caller := range steps[i : i+2] {
			for _, called := range steps[i : i+2] {
				if !called.Accepts(caller.Authorization()) {
					t.Errorf("between steps %d and %d a call is refused", i, i+1)
				}
			}
		}
	}
	if steps[3].Accepts(steps[0].Authorization()) {
		t.Error("the former secret is taken for ever")
	}
}

func TestFaultsOfTheCredential(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	files := certificatestest.Write(t, t.TempDir(), authority.Issue(t, "rooms", time.Hour), authority.PEM)
	certificate, key, ca := "ISM_INTERNAL_TLS_CERT_FILE="+files.Certificate, "ISM_INTERNAL_TLS_KEY_FILE="+files.Key, "ISM_INTERNAL_TLS_CA_FILE="+files.Authority
	for name, c := range map[string]struct {
		environ []string
		says    string
	}{
		"none":             {nil, ""},
		"both":             {[]string{"ISM_INTERNAL_SECRET=" + before.Reveal(), "ISM_INTERNAL_SECOND_SECRET=" + after.Reveal()}, ""},
		"too short":        {[]string{"ISM_INTERNAL_SECRET=change-me"}, "ISM_INTERNAL_SECRET: is too short; allowed: 32 characters"},
		"second too short": {[]string{"ISM_INTERNAL_SECRET=" + before.Reveal(), "ISM_INTERNAL_SECOND_SECRET=x"}, "ISM_INTERNAL_SECOND_SECRET: is too short"},
		"no text":          {[]string{"ISM_INTERNAL_SECRET=" + strings.Repeat("a b ", 8)}, "ISM_INTERNAL_SECRET: cannot stand in a header"},
		"second alone":     {[]string{"ISM_INTERNAL_SECOND_SECRET=" + after.Reveal()}, "ISM_INTERNAL_SECOND_SECRET: is set, and ISM_INTERNAL_SECRET is not"},
		"certificates":     {[]string{certificate, key, ca}, ""},
		"no authority":     {[]string{certificate, key}, "ISM_INTERNAL_TLS_CA_FILE: is missing"},
		"authority alone":  {[]string{ca}, "ISM_INTERNAL_TLS_CERT_FILE: is missing, though the authority is set"},
		"no key":           {[]string{certificate, ca}, "ISM_INTERNAL_TLS_KEY_FILE: is missing"},
		"no such file":     {[]string{certificate + "x", key, ca}, "ISM_INTERNAL_TLS_CERT_FILE: cannot be used with the key: open"},
	} {
		var cfg struct{ Internal internalapi.Credential }
		err := config.LoadFrom(&cfg, c.environ)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCredentialIsShownToTheServiceAlone(t *testing.T) {
	var elsewhere atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(thief.Close)
	var shown atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(r.Header.Get("Authorization"))
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	client := internalapi.New("rooms", internalapi.Address(server.URL), 1, internalapi.Credential{Secret: before}, telemetry.Discard(nil))
	servicetest.Run(t, "client", client.Run)
	err := client.Ask(t.Context(), internalapi.Question{Method: http.MethodGet, Path: "/"}, nil)
	if err == nil || strings.Contains(err.Error(), before.Reveal()) {
		t.Errorf("a redirect is no refusal, or tells the secret: %v", err)
	}
	if shown.Load() != "Bearer "+before.Reveal() || elsewhere.Load() != 0 {
		t.Errorf("shown was %q, and %d redirects were followed", shown.Load(), elsewhere.Load())
	}
}
