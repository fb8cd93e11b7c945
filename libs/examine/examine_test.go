package examine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func TestACheckThatDoesNotComeBackIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		defer close(free)
		began := time.Now()
		findings := Run(t.Context(), []Check{
			{Group: "g", Name: "hangs", Look: func(_ context.Context, n *Notes) {
				n.OK("this far")
				<-free
				n.OK("too late")
			}},
			{Group: "g", Name: "ends with its time", Limit: time.Second, Look: func(ctx context.Context, n *Notes) {
				<-ctx.Done()
				n.Add(Warning, "it waited in vain", "")
			}},
		})
		if took := time.Since(began); took != Limit+grace {
			t.Errorf("it took %s", took)
		}
		if len(findings) != 3 || findings[0].Result != OK || findings[1].Result != Fault || findings[2].Result != Warning {
			t.Errorf("found %v", findings)
		}
	})
}

func TestChecksTogetherEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		Run(t.Context(), []Check{{Limit: time.Hour, Look: func(ctx context.Context, _ *Notes) { <-ctx.Done() }}})
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestSecretsAreHidden(t *testing.T) {
	findings := []Finding{{Found: "dial x?password=secret-of-rooms failed", Do: "use secret-of"}}
	Redact(findings, []string{"secret-of", "secret-of-rooms", "", "x"})
	if findings[0].Found != "dial x?password=[secret] failed" || findings[0].Do != "use [secret]" {
		t.Errorf("hidden as %v", findings)
	}
}
