package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
)

// prometheus answers queries by what they begin with; "": no such series.
func prometheus(t *testing.T, alertmanagers, integrations, failed string) *doctor {
	t.Helper()
	answers := map[string]string{"sum(prometheus_": alertmanagers, "max(alertmanager_": integrations, "sum(increase(": failed}
	d := doctorFor(t, "http://localhost:1")
	d.prometheus = examinetest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		for begin, value := range answers {
			switch {
			case r.URL.Path != "/api/v1/query" || !strings.HasPrefix(r.URL.Query().Get("query"), begin):
			case value == "":
				fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
			default:
				fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1764500000.1,%q]}]}}`, value)
			}
		}
	})
	return d
}

func TestAlertsThatReachNobodyAreToldOf(t *testing.T) {
	for name, test := range map[string]struct {
		alertmanagers, integrations, failed string
		result                              examine.Result
		words                               []string
	}{
		"somebody is told":      {"1", "1", "0", examine.OK, []string{"somebody"}},
		"nothing has failed":    {"1", "2", "", examine.OK, nil},
		"no receiver":           {"1", "0", "", examine.Warning, []string{"reach nobody", "ALERT_WEBHOOK_URL"}},
		"a receiver that fails": {"1", "1", "2.5", examine.Warning, []string{"not taken", "ALERT_WEBHOOK_TOKEN"}},
		"no Alertmanager":       {"0", "", "", examine.NotChecked, []string{"reach nobody", "COMPOSE_PROFILES"}},
		"nothing measured":      {"", "", "", examine.NotChecked, []string{"scrape itself"}},
		"it is not measured":    {"1", "", "", examine.NotChecked, []string{"does not measure Alertmanager"}},
	} {
		t.Run(name, func(t *testing.T) {
			examinetest.Expect(t, examinetest.Find(t, prometheus(t, test.alertmanagers, test.integrations, test.failed).checks(alerts), "told"), test.result, test.words...)
		})
	}
}

func TestWhereNoPrometheusIsAlertsAreNotChecked(t *testing.T) {
	examinetest.Expect(t, examinetest.Find(t, doctorFor(t, "http://localhost:1").checks(alerts), "told"), examine.NotChecked, "-prometheus")
	d := doctorFor(t, "http://localhost:1")
	d.prometheus = "http://" + examinetest.ClosedPort(t)
	examinetest.Expect(t, examinetest.Find(t, d.checks(alerts), "told"), examine.Fault, "nothing listens")
	d.prometheus = examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "It works!") })
	examinetest.Expect(t, examinetest.Find(t, d.checks(alerts), "told"), examine.Fault, "not Prometheus")
}
