package deployable

import (
	"errors"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestAMissingIssuerIsToldWithTheOtherFaults(t *testing.T) {
	t.Setenv("ISM_KAFKA_PARTITIONS", "many")
	var cfg struct{ Config }
	var faults config.Faults
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("three faults are told as %v", err)
	}
	t.Setenv("ISM_OIDC_ISSUER", "no URL")
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("a bad issuer is told as %v", err)
	}
	t.Setenv("ISM_OIDC_AUDIENCE", "any")
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("an audience that is said is told as %v", err)
	}
	t.Setenv("ISM_OIDC_AUDIENCE", "any,ism")
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("any among others is told as %v", err)
	}
}

// Whoever has an issuer and does not say whose tokens are meant would let in all of its applications.
func TestAServiceInsistsOnWhoseTokensAreMeant(t *testing.T) {
	t.Setenv("ISM_OIDC_ISSUER", "https://id.example.com/realms/ism")
	for name, c := range map[string]struct {
		variable, value string
		missing         bool
	}{
		"nothing":            {"ISM_OIDC_AUDIENCE", "", true},
		"an audience":        {"ISM_OIDC_AUDIENCE", "ism", false},
		"any audience":       {"ISM_OIDC_AUDIENCE", "any", false},
		"a client":           {"ISM_OIDC_CLIENTS", "ism-web", false},
		"any client":         {"ISM_OIDC_CLIENTS", "any", false},
		"a backend's client": {"ISM_OIDC_BACKEND_CLIENTS", "shop", true}, // its tokens are not the users'
		"a scope":            {"ISM_OIDC_REQUIRED_SCOPE", "ism", true},   // which another application's token may have by chance
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			var cfg struct{ Config }
			err := load(&cfg, &cfg.Config)
			if c.missing != (err != nil) || err != nil && !strings.Contains(err.Error(), "ISM_OIDC_AUDIENCE: is required, or ISM_OIDC_CLIENTS") {
				t.Errorf("told as %v", err)
			}
		})
	}
}

func TestStrangersMayAskWhereNothingKeepsThemOut(t *testing.T) {
	secret := "ISM_INTERNAL_SECRET=" + strings.Repeat("x", 32)
	for name, c := range map[string]struct {
		environ []string
		want    bool
	}{
		"the defaults, on loopback":  {nil, false},
		"for all, without a secret":  {[]string{"ISM_HTTP_INTERNAL_ADDRESS=:9403"}, true},
		"for all, with a secret":     {[]string{"ISM_HTTP_INTERNAL_ADDRESS=:9403", secret}, false},
		"on loopback, with a secret": {[]string{secret}, false},
	} {
		var cfg struct{ Config }
		if err := config.LoadFrom(&cfg, c.environ); err != nil || cfg.StrangersMayAsk() != c.want {
			t.Errorf("%s: %t, %v", name, !c.want, err)
		}
	}
}

func TestRequestsUnderWayMustHaveTimeToBeFinished(t *testing.T) {
	for name, c := range map[string]struct{ stop, handler, says string }{
		"the defaults":         {"", "", ""},
		"just enough":          {"15s", "10s", ""},
		"a little less":        {"14999ms", "10s", "ISM_LIFECYCLE_STOP_TIMEOUT: 14.999s does not go with ISM_HTTP_HANDLER_TIMEOUT, 10s: requests under way would be cut; allowed: ISM_LIFECYCLE_STOP_TIMEOUT from 15s on, or ISM_HTTP_HANDLER_TIMEOUT up to 9.999s"},
		"what the fault names": {"14999ms", "9999ms", ""},
	} {
		var cfg struct{ Config }
		err := config.LoadFrom(&cfg, []string{"ISM_LIFECYCLE_STOP_TIMEOUT=" + c.stop, "ISM_HTTP_HANDLER_TIMEOUT=" + c.handler})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
