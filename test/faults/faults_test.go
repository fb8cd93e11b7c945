// Package faults harms what the messenger stands on while users chat: disks, databases, brokers. What was acknowledged must be there once and
// in order, what was refused must not, and streams must be told of what they lack.
package faults

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/traffic"
)

// calm is how long users chat before something is harmed, and after.
const calm = 2 * time.Second

// On a full disk nothing is acknowledged that is not kept, /ready says that writes fail, and everything goes on once there is room.
func TestFullDisk(t *testing.T) {
	d, disk := deployment.OneProcessOnSmallDisk(t, 24)
	chat := traffic.Begin(t, d)
	traffic.Wait(calm)
	disk.Fill(t)
	awaitReady(t, d, "kafka-writes", false)
	traffic.Wait(4 * calm)
	disk.Free(t)
	awaitReady(t, d, "kafka-writes", true)
	chat.AwaitAcknowledged(t, 50)
	if report := chat.Verify(t, traffic.Options{}); len(report.Refused)+len(report.Unknown) == 0 {
		t.Error("no send was refused: the disk was not full")
	}
	if buried := strings.Count(d.Log(t, "ism"), "went to the dead letters"); buried > 0 {
		t.Errorf("%d records went to the dead letters", buried)
	}
}

// awaitReady waits until /ready says of a check that it is passed, or not.
func awaitReady(t *testing.T, d *deployment.Deployment, check string, passed bool) {
	t.Helper()
	want := `"` + check + `":"ok"`
	if !passed {
		want = `"` + check + `":"unavailable"`
	}
	var last string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); traffic.Wait(50 * time.Millisecond) {
		response, err := d.HTTP().Get(d.BaseURL + "/ready")
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		_ = response.Body.Close()
		last = string(body)
		if strings.Contains(last, want) && (passed || response.StatusCode == http.StatusServiceUnavailable) {
			return
		}
	}
	t.Fatalf("/ready does not say %s: %s", want, last)
}

// Who was away for longer than an edge remembers is told so, and nothing comes twice. The ring is a tenth of a second of this traffic.
func TestAwayForLongerThanTheRing(t *testing.T) {
	d := deployment.OneProcess(t, deployment.Settings{"ISM_REALTIME_RING_RECORDS": "20"})
	chat := traffic.Begin(t, d)
	chat.AwaitAcknowledged(t, 50)
	comeBack := chat.Leave(5)
	chat.AwaitAcknowledged(t, 100)
	comeBack()
	chat.AwaitAcknowledged(t, 50)
	d.Kill(t, "ism")
	traffic.Wait(calm)
	d.Restart(t, "ism")
	chat.AwaitAcknowledged(t, 50)
	report := chat.Verify(t, traffic.Options{Resync: true})
	for i := range 5 {
		if user := fmt.Sprintf("u%02d", i+1); report.Resyncs(user) == 0 {
			t.Errorf("%s was told nothing", user)
		}
	}
}
