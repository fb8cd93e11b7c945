package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// The verifier is proved on programs that have a fault: each is found, and named.
func TestPlantedFaultsAreFound(t *testing.T) {
	for fault, found := range map[string]string{
		"a delivery is dropped":           ", and was not told",
		"a delivery comes twice":          "twice",
		"two deliveries are swapped":      "behind what comes later in the history",
		"no Resync":                       ", and was not told",
		"an acknowledged message is lost": "was acknowledged and is not in the history",
		"a message is written twice":      "twice",
		"a refused message is written":    "was said not to be written and is in the history",
		"a name is forgotten":             "twice",
	} {
		t.Run(fault, func(t *testing.T) {
			d := deployment.OneProcessPlanted(t, fault, deployment.Settings{"ISM_REALTIME_RING_RECORDS": "20"})
			chat := traffic.BeginNamed(t, d)
			chat.AwaitAcknowledged(t, 200)
			comeBack := chat.Leave(5)
			chat.AwaitAcknowledged(t, 100)
			comeBack()
			chat.AwaitAcknowledged(t, 50)
			options := traffic.Options{Resync: true, Settle: 3 * time.Second}
			report := chat.End(t, options)
			t.Log(report)
			if faults := report.Faults(options); !strings.Contains(strings.Join(faults, "\n"), found) {
				t.Errorf("the report has the faults %q", faults)
			}
		})
	}
}
