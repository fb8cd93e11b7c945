package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/ism-chat/ism/libs/examine"
)

const alerts = "alerts"

// composePrometheus is where the stack has Prometheus, which the doctor meets in the network of the message store.
const composePrometheus = "http://prometheus:9090"

// The settings of the stack that decide whether anybody is told, see docs/operations.md.
const toBeTold = "in the compose stack: COMPOSE_PROFILES=observability,alerting and ALERT_WEBHOOK_URL in deploy/compose/.env"

func (d *doctor) alertChecks() []examine.Check {
	return []examine.Check{{Group: alerts, Name: "told", Look: d.lookAtAlerts}}
}

// lookAtAlerts asks Prometheus whether what it finds reaches anybody.
func (d *doctor) lookAtAlerts(ctx context.Context, n *examine.Notes) {
	at := d.prometheus
	if at == "" {
		at = composePrometheus
	}
	if d.prometheus == "" && !d.settings.inside() {
		n.Add(examine.NotChecked, "nobody said where Prometheus is", "name it with -prometheus http://host:9090, or run it inside: docker compose run --rm doctor")
		return
	}
	found, known, err := d.measured(ctx, at, "sum(prometheus_notifications_alertmanagers_discovered)")
	if _, unknown := errors.AsType[*net.DNSError](err); unknown && d.prometheus == "" {
		n.Add(examine.NotChecked, "there is no Prometheus beside this, so nobody is told of anything by ISM's own rules", "name one with -prometheus; "+toBeTold)
		return
	}
	switch {
	case err != nil:
		n.Add(examine.Fault, at+": "+examine.Explain(err), "start Prometheus, or look at its log; without it nobody is told of anything")
		return
	case !known:
		n.Add(examine.NotChecked, "Prometheus does not measure itself, or began to a moment ago", "try again in a minute; a Prometheus of your own has to scrape itself")
		return
	case found == 0:
		n.Add(examine.NotChecked, "Prometheus has no Alertmanager: alerts are shown to who looks there, and reach nobody", "to be told: "+toBeTold)
		return
	}
	d.lookAtReceivers(ctx, n, at)
}

// lookAtReceivers looks at what Alertmanager says of itself.
func (d *doctor) lookAtReceivers(ctx context.Context, n *examine.Notes, at string) {
	receivers, known, err := d.measured(ctx, at, "max(alertmanager_integrations)")
	if err == nil && !known {
		n.Add(examine.NotChecked, "Prometheus does not measure Alertmanager, or began to a moment ago", "try again in a minute; a Prometheus of your own has to scrape it")
		return
	}
	var refused float64
	if err == nil {
		refused, _, err = d.measured(ctx, at, "sum(increase(alertmanager_notifications_failed_total[10m]))")
	}
	switch {
	case err != nil:
		n.Add(examine.NotChecked, at+": "+examine.Explain(err), "")
	case receivers == 0:
		n.Add(examine.Warning, "alerts reach nobody: Alertmanager has no receiver", "set ALERT_WEBHOOK_URL in deploy/compose/.env, and start it anew: make up")
	case refused > 0:
		n.Add(examine.Warning, "alerts are not taken by who should be told: notifications have failed within ten minutes", "look at the log of alertmanager, and correct ALERT_WEBHOOK_URL or ALERT_WEBHOOK_TOKEN")
	default:
		n.OK("Prometheus has an Alertmanager, which has somebody to tell")
	}
}

// measured is what Prometheus has for a query of one number (HTTP API, "Instant queries"). It is not known where there is no such series.
func (d *doctor) measured(ctx context.Context, at, query string) (value float64, known bool, err error) {
	got, err := examine.Get(ctx, d.http, at+"/api/v1/query?query="+url.QueryEscape(query), "")
	if err != nil {
		return 0, false, fmt.Errorf("ask Prometheus: %w", err)
	}
	var answer struct {
		Status string `json:"status"`
		Data   struct {
			Result []struct {
				Value [2]any `json:"value"` // when, and the number as a text
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Status != "success" {
		return 0, false, fmt.Errorf("it is not Prometheus who answers: %s", got)
	}
	if len(answer.Data.Result) == 0 {
		return 0, false, nil
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	if value, err = strconv.ParseFloat(text, 64); err != nil {
		return 0, false, fmt.Errorf("read the number of Prometheus: %w", err)
	}
	return value, true, nil
}
