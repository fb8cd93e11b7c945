package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/ism-chat/ism/libs/examine"
)

const gateway = "gateway"

func (d *doctor) gatewayChecks() []examine.Check {
	return []examine.Check{
		{Group: gateway, Name: "address", Look: func(_ context.Context, n *examine.Notes) {
			seen := d.front()
			n.Add(seen.result, seen.found, seen.do)
		}},
		{Group: gateway, Name: "refusals", Look: d.behindFront(d.lookAtRefusal)},
		{Group: gateway, Name: "token taken", Look: d.withToken(d.lookAtAcceptance), Limit: 2 * examine.Limit},
	}
}

func (d *doctor) clockChecks() []examine.Check {
	return []examine.Check{{Group: gateway, Name: "clock", Look: d.behindFront(func(ctx context.Context, n *examine.Notes) {
		d.identity.LookAtClock(ctx, n, d.at("/health"), "the gateway")
	})}}
}

// front is what is found at the target.
type front struct {
	result    examine.Result
	found, do string
	isISM     bool
}

// behindFront looks only if it is ISM that stands at the target.
func (d *doctor) behindFront(look examine.Look) examine.Look {
	return func(ctx context.Context, n *examine.Notes) {
		if !d.front().isISM {
			n.Add(examine.NotChecked, "there is no ISM at the target, see address", "")
			return
		}
		look(ctx, n)
	}
}

// withToken looks only if, besides, there is a token.
func (d *doctor) withToken(look func(ctx context.Context, n *examine.Notes, token string)) examine.Look {
	return d.behindFront(d.identity.WithToken(look))
}

func (d *doctor) at(path string) string { return d.target.String() + path }

// lookAtFront finds out who listens at the target.
func (d *doctor) lookAtFront(ctx context.Context) front {
	fault := func(found, do string) front { return front{result: examine.Fault, found: found, do: do} }
	if lost := examine.Unreachable(ctx, []string{d.target.HostPort()}); len(lost) > 0 {
		return fault(lost[0],
			"start the installation (make up, make run), or give its address with -target; in the compose stack GATEWAY_BIND and GATEWAY_PORT say where it is published")
	}
	health, err := examine.Get(ctx, d.http, d.at("/health"), "")
	if err != nil {
		return fault("something listens, but GET /health fails: "+examine.Explain(err), "see what listens at "+d.target.HostPort()+", and whether it is http or https")
	}
	greeting, err := examine.Get(ctx, d.http, d.at("/"), "")
	if err != nil {
		return fault("GET / fails: "+examine.Explain(err), "look at the log of the gateway")
	}
	healthy := health.Status == http.StatusOK && strings.TrimSpace(health.Body) == "Healthy"
	greets := greeting.Status == http.StatusOK && strings.Contains(greeting.Body, "ISM")
	switch {
	case healthy && greets:
		return front{result: examine.OK, found: d.target.String() + " is ISM and healthy", isISM: true}
	case health.IsProblem():
		seen := fault(fmt.Sprintf("the gateway answers, but no service behind it does (status %d)", health.Status), "look at the log of rooms, which answers GET /health, and at its /ready")
		seen.isISM = true
		return seen
	case health.Status >= 300 && health.Status < 400:
		return fault("it redirects to "+health.Header.Get("Location"), "give that address with -target")
	default:
		return fault(fmt.Sprintf("something else than ISM has this port: GET /health gives %s", health),
			"find it with ss -ltnp, and stop it or give ISM another port: GATEWAY_PORT in the compose stack, ISM_HTTP_ADDRESS without it")
	}
}

// lookAtRefusal sends no token.
func (d *doctor) lookAtRefusal(ctx context.Context, n *examine.Notes) {
	got, err := examine.Get(ctx, d.http, d.at("/api/rooms"), "")
	switch {
	case err != nil:
		n.Add(examine.NotChecked, "GET /api/rooms fails: "+examine.Explain(err), "")
	case got.Status == http.StatusUnauthorized && got.IsProblem() && strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer"):
		n.OK("who has no token is refused with 401, WWW-Authenticate and problem+json")
	case got.Status == http.StatusUnauthorized:
		n.Add(examine.Fault, fmt.Sprintf("a 401 comes without WWW-Authenticate: Bearer or problem+json (%s)", got),
			"let what stands before the gateway pass answers on as they are")
	case got.IsProblem():
		n.Add(examine.Fault, fmt.Sprintf("GET /api/rooms without a token gives status %d instead of 401", got.Status), "look at the log of rooms, and at its /ready")
	default:
		n.Add(examine.Fault, "GET /api/rooms without a token is not answered by ISM: "+got.String(), "let the gateway pass /api on to the services")
	}
}

// lookAtAcceptance sends a token.
func (d *doctor) lookAtAcceptance(ctx context.Context, n *examine.Notes, token string) {
	got, err := examine.Get(ctx, d.http, d.at("/api/rooms"), token)
	switch {
	case err != nil:
		n.Add(examine.Fault, "GET /api/rooms fails: "+examine.Explain(err), "look at the log of the gateway")
	case got.Status == http.StatusOK:
		n.OK("GET /api/rooms with the token of %s is answered", d.user)
	case got.Status == http.StatusUnauthorized:
		n.Add(examine.Fault, "the services refuse the issuer's token", "see identity; the log of rooms says why at level debug")
	case got.Status == http.StatusTooManyRequests:
		n.Add(examine.Warning, "there are more requests than the gateway allows now", "try again, or raise GATEWAY_RATE_ADDRESS")
	default:
		n.Add(examine.Fault, fmt.Sprintf("GET /api/rooms with a token gives %s", got), "look at the log of rooms, and at its /ready")
	}
}
