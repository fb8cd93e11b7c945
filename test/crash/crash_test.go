// Package crash kills the messenger's processes while users chat, and compares what was acknowledged, delivered and stored.
package crash

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

const (
	calm = 2 * time.Second // between one crash and the next
	down = 500 * time.Millisecond
)

func TestOneProcess(t *testing.T) {
	d := deployment.OneProcess(t, briefly())
	t.Run("users chat", func(t *testing.T) { survives(t, d, []string{"ism", "ism"}, killed(d)) })
	t.Run("media are uploaded", func(t *testing.T) { mediaSurvives(t, d, "ism") })
}

func TestFiveProcesses(t *testing.T) {
	d := deployment.FiveProcesses(t, deployment.ReceiversHere(), briefly())
	t.Run("users chat", func(t *testing.T) {
		survives(t, d, []string{"messages", "realtime", "rooms", "notifications", "media", "messages", "realtime"}, killed(d))
	})
	t.Run("media are uploaded", func(t *testing.T) { mediaSurvives(t, d, "media") })
	t.Run("a backend gets webhooks", func(t *testing.T) { webhooksSurvive(t, d) })
}

// killed ends a process as a crash would, and starts it again after a while.
func killed(d *deployment.Deployment) func(t testing.TB, victim string) {
	return func(t testing.TB, victim string) {
		t.Helper()
		d.Kill(t, victim)
		traffic.Wait(down)
		d.Restart(t, victim)
	}
}

// survives has each of the given processes harmed in turn, while all users send and listen.
func survives(t *testing.T, d *deployment.Deployment, victims []string, harm func(t testing.TB, victim string)) {
	chat := traffic.BeginNamed(t, d)
	traffic.Wait(calm)
	for _, victim := range victims {
		begun := time.Now()
		harm(t, victim)
		t.Logf("%s was harmed and is ready again after %.1f s", victim, time.Since(begun).Seconds())
		traffic.Wait(calm)
	}
	if report := chat.Verify(t, traffic.Options{}); len(report.Refused)+len(report.Unknown) == 0 {
		t.Log("no send failed: the crashes fell between the sends")
	}
}
