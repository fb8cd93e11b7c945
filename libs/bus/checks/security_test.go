package checks

import (
	"context"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/bus/buscerts"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
)

func TestEndsOfCertificatesAreTold(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	now, pair := time.Now(), buscerts.New(t).Issue(t, "ism-rooms", time.Now().Add(60*day))
	for name, test := range map[string]struct {
		at     time.Time
		result examine.Result
		words  []string
	}{
		"far away": {now, examine.OK, []string{"none ends"}},
		"soon":     {now.Add(40 * day), examine.Warning, []string{"CN=ism-rooms", "ends", "restart"}},
		"past":     {now.Add(61 * day), examine.Fault, []string{"has ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := lookAt(t, bus.Security{CertFile: pair.CertFile, KeyFile: pair.KeyFile}, test.at)
			examinetest.Expect(t, found, test.result, test.words...)
		})
	}
}

func TestSecretsThatGoInTheOpenAreTold(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]examine.Result{
		"https://id.example.com/token": examine.OK, "http://127.0.0.1:8080/token": examine.OK, "http://keycloak:8080/token": examine.Warning,
	} {
		examinetest.Expect(t, lookAt(t, bus.Security{OAuth: bus.OAuth{TokenURL: endpoint}}, time.Now()), want)
	}
}

// The authority of the token endpoint is read for each token: nothing is to be restarted.
func TestTheEndOfTheTokenEndpointsAuthorityIsTold(t *testing.T) {
	t.Parallel()
	security := bus.Security{OAuth: bus.OAuth{CAFile: buscerts.New(t).CAFile}} // which ends within a day
	found := examinetest.Look(t, func(_ context.Context, n *examine.Notes) {
		(&cluster{security: security}).lookAtSecurity(n, time.Now())
	})
	if len(found) != 1 {
		t.Fatalf("found %+v", found)
	}
	examinetest.Expect(t, found[0], examine.Warning, "authority of a test", "without a restart")
}

// lookAt is the one finding about how clients and brokers know each other.
func lookAt(t *testing.T, security bus.Security, now time.Time) examine.Finding {
	t.Helper()
	c := &cluster{security: security}
	if !c.secured() {
		t.Fatal("there is nothing to look at")
	}
	found := examinetest.Look(t, func(_ context.Context, n *examine.Notes) { c.lookAtSecurity(n, now) })
	if len(found) != 1 {
		t.Fatalf("found %+v", found)
	}
	return found[0]
}
