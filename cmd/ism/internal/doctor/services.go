package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/ism-chat/ism/libs/examine"
)

const services = "services"

func (d *doctor) serviceChecks() []examine.Check {
	if !d.servicesGiven && !d.settings.inside() {
		return []examine.Check{{Group: services, Name: "ready", Look: func(_ context.Context, n *examine.Notes) {
			n.Add(examine.NotChecked, "only the public address is known", "name the services with -services host:port,…, or run it inside: docker compose run --rm doctor")
		}}}
	}
	var checks []examine.Check
	for _, address := range d.services {
		address = strings.TrimSpace(address)
		name := address
		if host, _, err := net.SplitHostPort(address); err == nil && !d.servicesGiven {
			name = host
		}
		checks = append(checks, examine.Check{Group: services, Name: name, Look: func(ctx context.Context, n *examine.Notes) { d.lookAtReadiness(ctx, n, address) }})
	}
	return checks
}

// lookAtReadiness asks a service whether it can do its work.
func (d *doctor) lookAtReadiness(ctx context.Context, n *examine.Notes, address string) {
	got, err := examine.Get(ctx, d.http, "http://"+address+"/ready", "")
	if _, unknown := errors.AsType[*net.DNSError](err); unknown && !d.servicesGiven && !d.inStack() {
		n.Add(examine.NotChecked, "this is not the compose stack, and nobody said where the services are", "name them with -services host:port,…")
		return
	}
	if err != nil {
		n.Add(examine.Fault, address+": "+examine.Explain(err), "start it, or look at its log: a faulty configuration ends it, with all faults listed")
		return
	}
	var ready struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.Unmarshal([]byte(got.Body), &ready); err != nil || ready.Checks == nil {
		n.Add(examine.Fault, fmt.Sprintf("%s/ready is not answered by a service of ISM: %s", address, got), "correct the address in -services")
		return
	}
	var failing []string
	for _, name := range slices.Sorted(maps.Keys(ready.Checks)) {
		if ready.Checks[name] != "ok" {
			failing = append(failing, name)
		}
	}
	if got.Status != http.StatusOK || len(failing) > 0 {
		n.Add(examine.Fault, "not ready: "+strings.Join(failing, ", "), "see below what is wrong with it, and in the service's log")
		return
	}
	n.OK("ready")
}

// knowsServices reports whether the name of any service is known here. That of a stopped container is not.
func (d *doctor) knowsServices(ctx context.Context) bool {
	return slices.ContainsFunc(d.services, func(address string) bool {
		host, _, err := net.SplitHostPort(address)
		if err == nil {
			_, err = net.DefaultResolver.LookupHost(ctx, host)
		}
		return err == nil
	})
}
