package notifications_test

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications"
)

// An alert says nothing about what appears with its first count, so what webhooks and push measure is there before either runs.
func TestWhatAlertsLookAtIsThereAtRest(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/compose/prometheus/rules/notifications.yml")
	if err != nil {
		t.Fatal(err)
	}
	tel := telemetry.Discard(nil)
	_, err = notifications.New(notifications.Config{LogTimeout: time.Second}, notifications.Deps{
		Store: onSQLite(t, tel), Bus: bus.New(bus.Config{}, tel), Verifier: authntest.Start(t, authntest.New(t).Config(), tel), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	families, err := tel.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		there[family.GetName()] = true
	}
	names := regexp.MustCompile(`ism_(webhooks|webpush|push|saturation)_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 8 {
		t.Fatalf("the alerts look at %v", names)
	}
	for _, name := range names {
		if !there[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
