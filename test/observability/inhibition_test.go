package observability

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/test/observability/queries"
)

// Of what follows from one cause nobody is told beside it, and of all else somebody is.
func TestWhatFollowsFromACauseIsNotTold(t *testing.T) {
	t.Parallel()
	alerts, err := queries.LoadAlerts(root)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]map[string]string{}
	for _, alert := range alerts {
		labels[alert.Name] = maps.Clone(alert.Labels)
		labels[alert.Name]["alertname"] = alert.Name
	}
	causes := map[string]struct{ kept, told []string }{
		"KafkaDown": {
			[]string{"RoomsPreviewsBehind", "MessagesTimelineBehind", "NotificationsBehind", "RoomsOutboxStuck", "MediaOutboxStuck", "KafkaWritesFail", "PartitionWaits", "KafkaUnderReplicated", "RealtimeEdgeBehind"},
			[]string{"RoomsStoreFails", "DiskFull", "KafkaTooFewInSync", "Watchdog"},
		},
		"KafkaBrokerMissing": {[]string{"MessagesTimelineBehind", "ConsumerStalls", "KafkaUnderReplicated"}, []string{"KafkaTooFewInSync", "RoomsErrors"}},
		"PostgresDown": {
			[]string{"RoomsStoreFails", "NotificationsStoreFails", "MediaStoreFails", "RoomsOutboxWithoutLeader", "RoomsPreviewsBehind", "MessagesCannotAskRooms", "KeycloakErrors"},
			[]string{"MessagesStoreFails", "MessagesTimelineBehind", "KafkaWritesFail"},
		},
		"ScyllaDown":   {[]string{"MessagesStoreFails", "MessagesTimelineBehind", "MessagesWriteThroughFails"}, []string{"RoomsStoreFails", "MessagesPartitionStandsStill"}},
		"KeycloakDown": {[]string{"IssuerKeysFail", "KeycloakErrors"}, []string{"RoomsErrors"}},
		"RoomsDown":    {[]string{"RoomsErrors", "RoomsStoreFails"}, []string{"MessagesErrors", "RoomsPreviewsBehind"}},
		"DiskFull":     {[]string{"DiskNearlyFull", "DiskFillsUp"}, []string{"DiskReadOnly", "RoomsErrors"}},
	}
	for cause, want := range causes {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			address, _ := startAlertmanager(t)
			var posted []map[string]any
			for _, name := range slices.Concat([]string{cause}, want.kept, want.told) {
				if labels[name] == nil {
					t.Fatalf("there is no alert %s", name)
				}
				posted = append(posted, map[string]any{"labels": labels[name]})
			}
			body, err := json.Marshal(posted)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Fatalf("Alertmanager answers %s", response.Status)
			}
			var inhibited map[string]bool
			servicetest.Await(t, "Alertmanager keeps back what follows from "+cause, func() bool {
				inhibited = shown(t, address)
				return len(inhibited) == len(posted) && !slices.ContainsFunc(want.kept, func(name string) bool { return !inhibited[name] })
			})
			for _, name := range append(want.told, cause) {
				if told, there := inhibited[name]; told || !there {
					t.Errorf("%s is kept back by %s", name, cause)
				}
			}
		})
	}
}

// shown are the alerts that Alertmanager has, and whether each is kept back.
func shown(t *testing.T, address string) map[string]bool {
	t.Helper()
	response, err := http.Get("http://" + address + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var all []struct {
		Labels map[string]string
		Status struct{ InhibitedBy []string }
	}
	if err := json.NewDecoder(response.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	inhibited := map[string]bool{}
	for _, alert := range all {
		inhibited[alert.Labels["alertname"]] = len(alert.Status.InhibitedBy) > 0
	}
	return inhibited
}
