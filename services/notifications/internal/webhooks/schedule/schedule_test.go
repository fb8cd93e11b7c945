package schedule_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
)

func TestAWebhookIsTriedForThreeDays(t *testing.T) {
	want := []string{"5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"}
	for i, text := range want {
		least, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[time.Duration]bool{}
		for range 50 {
			wait, again := schedule.Wait(i+1, 0)
			if !again || wait < least || wait > least+least/10 {
				t.Fatalf("after %d attempts: %s, %t", i+1, wait, again)
			}
			seen[wait] = true
		}
		if len(seen) < 2 {
			t.Errorf("after %d attempts all wait alike", i+1)
		}
	}
	if wait, again := schedule.Wait(len(want)+1, time.Minute); again {
		t.Errorf("after %d attempts: %s", len(want)+1, wait)
	}
}

func TestAReceiverIsWaitedFor(t *testing.T) {
	for _, c := range []struct{ asked, least, most time.Duration }{
		{time.Second, 5 * time.Second, 6 * time.Second},
		{time.Minute, time.Minute, 67 * time.Second},
		{1000 * time.Hour, 24 * time.Hour, 27 * time.Hour},
	} {
		if wait, again := schedule.Wait(1, c.asked); !again || wait < c.least || wait > c.most {
			t.Errorf("%s was asked for: %s", c.asked, wait)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "99999999999999999999": 0, "1.5": 0,
		"Sun, 29 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 29 Nov 2026 11:00:00 GMT": 0,
	} {
		header := http.Header{}
		header.Set("Retry-After", text)
		if got := schedule.RetryAfter(header, now); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestAnEndpointThatIsDownIsAskedSeldom(t *testing.T) {
	if pause := schedule.Pause(schedule.Failures - 1); pause != 0 {
		t.Errorf("it pauses for %s", pause)
	}
	for failures, least := range map[int]time.Duration{5: 30 * time.Second, 6: time.Minute, 8: 4 * time.Minute, 9: 5 * time.Minute, 1 << 30: 5 * time.Minute} {
		if pause := schedule.Pause(failures); pause < least || pause > least+least/10 {
			t.Errorf("after %d failures: %s", failures, pause)
		}
	}
}
