package membership_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/messages/membership"
)

// Each question counts once, whatever rooms is asked for it.
func TestEachQuestionIsCountedOnce(t *testing.T) {
	both(t, func(t *testing.T, members events.Membership) {
		synctest.Test(t, func(t *testing.T) {
			tel := telemetry.Discard(nil)
			r := &shaky{members: members, in: map[uuid.UUID]bool{alice: true}}
			cache, err := membership.NewCache(membership.Config{CacheBytes: 64 << 10, CacheTTL: 30 * time.Second}, r, tel)
			if err != nil {
				t.Fatal(err)
			}
			servicetest.Run(t, "cache", cache.Run)
			cache.CaughtUp()
			expect := func(what, from string, ask func() error) {
				t.Helper()
				before := lookups(t, tel)
				_ = ask()
				after := lookups(t, tel)
				for label := range after {
					if more := after[label] - before[label]; (more == 1) != (label == from) || more > 1 {
						t.Errorf("%s: %v more of %s, want one of %s", what, more, label, from)
					}
				}
			}
			backend := func() error { _, err := cache.Room(t.Context(), room); return err }
			of := func(user uuid.UUID) func() error {
				return func() error { _, err := cache.Of(t.Context(), room, user); return err }
			}
			stands := func() error { _, err := cache.Standing(t.Context(), room, alice); return err }
			expect("the backend", "rooms", backend)
			expect("the backend again", "cache", backend)
			time.Sleep(time.Minute)
			expect("a member", "rooms", of(alice))
			expect("a member again", "cache", of(alice))
			expect("to read", "cache", stands)
			expect("a stranger", "rooms", of(uuid.New()))
			time.Sleep(2 * time.Second)
			expect("to read, later", "rooms", stands)
			r.set(func() { r.down = true })
			time.Sleep(2 * time.Second)
			expect("to read, without rooms", "outage", stands)
			expect("a stranger, without rooms", "error", of(uuid.New()))
			time.Sleep(time.Minute)
			expect("a member, without rooms and the log", "error", of(alice))
			cache.FollowedAsOf(time.Now())
			expect("a member, without rooms", "outage", of(alice))
			expect("the backend, without rooms", "outage", backend)
		})
	})
}

// lookups are the questions so far, by where the answer came from.
func lookups(t *testing.T, tel *telemetry.Telemetry) map[string]float64 {
	t.Helper()
	families, err := prometheus.Gatherers{tel.Metrics}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "ism_messages_membership_lookups_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			counted[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
		}
	}
	return counted
}
