package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
)

const gateway = "gateway"

func (d *doctor) gatewayChecks() []check {
	return []check{
		{group: gateway, name: "address", look: func(_ context.Context, n *notes) {
			seen := d.front()
			n.add(seen.result, seen.found, seen.do)
		}},
		{group: gateway, name: "refusals", look: d.behindFront(d.lookAtRefusal)},
		{group: gateway, name: "token taken", look: d.behindFront(d.lookAtAcceptance), limit: 2 * limit},
		{group: gateway, name: "stream", look: d.behindFront(d.lookAtStream), limit: limit + streamLimit},
		{group: gateway, name: "clock", look: d.behindFront(func(ctx context.Context, n *notes) {
			d.lookAtClock(ctx, n, d.at("/health"), "the gateway")
		})},
	}
}

// front is what is found at the target.
type front struct {
	result    Result
	found, do string
	isISM     bool
}

// behindFront looks only if it is ISM that stands at the target.
func (d *doctor) behindFront(look func(ctx context.Context, n *notes)) func(ctx context.Context, n *notes) {
	return func(ctx context.Context, n *notes) {
		if !d.front().isISM {
			n.add(NotChecked, "there is no ISM at the target, see address", "")
			return
		}
		look(ctx, n)
	}
}

func (d *doctor) at(path string) string { return d.target.String() + path }

// lookAtFront finds out who listens at the target.
func (d *doctor) lookAtFront() front {
	ctx, cancel := context.WithTimeout(context.Background(), limit-grace)
	defer cancel()
	fault := func(found, do string) front { return front{result: Fault, found: found, do: do} }
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(d.target))
	if err != nil {
		return fault(fmt.Sprintf("%s: %s", hostPort(d.target), explain(err)),
			"start the installation (make up, make run), or give its address with -target; in the compose stack GATEWAY_BIND and GATEWAY_PORT say where it is published")
	}
	_ = connection.Close()
	health, err := ask(ctx, d.http, d.at("/health"), "")
	if err != nil {
		return fault("something listens, but GET /health fails: "+explain(err), "see what listens at "+hostPort(d.target)+", and whether it is http or https")
	}
	greeting, err := ask(ctx, d.http, d.at("/"), "")
	if err != nil {
		return fault("GET / fails: "+explain(err), "look at the log of the gateway")
	}
	healthy := health.status == http.StatusOK && strings.TrimSpace(health.body) == "Healthy"
	greets := greeting.status == http.StatusOK && strings.Contains(greeting.body, "ISM")
	switch {
	case healthy && greets:
		return front{result: OK, found: d.target.String() + " is ISM and healthy", isISM: true}
	case health.isProblem():
		seen := fault(fmt.Sprintf("the gateway answers, but no service behind it does (status %d)", health.status), "look at the log of rooms, which answers GET /health, and at its /ready")
		seen.isISM = true
		return seen
	case health.status >= 300 && health.status < 400:
		return fault("it redirects to "+health.header.Get("Location"), "give that address with -target")
	default:
		return fault(fmt.Sprintf("something else than ISM has this port: GET /health gives %s", health.looks()),
			"find it with ss -ltnp, and stop it or give ISM another port: GATEWAY_PORT in the compose stack, ISM_HTTP_ADDRESS without it")
	}
}

// lookAtRefusal sends no token.
func (d *doctor) lookAtRefusal(ctx context.Context, n *notes) {
	got, err := ask(ctx, d.http, d.at("/api/rooms"), "")
	switch {
	case err != nil:
		n.add(NotChecked, "GET /api/rooms fails: "+explain(err), "")
	case got.status == http.StatusUnauthorized && got.isProblem() && strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer"):
		n.ok("who has no token is refused with 401, WWW-Authenticate and problem+json")
	case got.status == http.StatusUnauthorized:
		n.add(Fault, fmt.Sprintf("a 401 comes without WWW-Authenticate: Bearer or problem+json (%s)", got.looks()),
			"let what stands before the gateway pass answers on as they are")
	case got.isProblem():
		n.add(Fault, fmt.Sprintf("GET /api/rooms without a token gives status %d instead of 401", got.status), "look at the log of rooms, and at its /ready")
	default:
		n.add(Fault, "GET /api/rooms without a token is not answered by ISM: "+got.looks(), "let the gateway pass /api on to the services")
	}
}

// lookAtAcceptance sends a token.
func (d *doctor) lookAtAcceptance(ctx context.Context, n *notes) {
	token, ok := d.identity.tokenOrNote(ctx, n)
	if !ok {
		return
	}
	got, err := ask(ctx, d.http, d.at("/api/rooms"), token)
	switch {
	case err != nil:
		n.add(Fault, "GET /api/rooms fails: "+explain(err), "look at the log of the gateway")
	case got.status == http.StatusOK:
		n.ok("GET /api/rooms with the token of %s is answered", d.user)
	case got.status == http.StatusUnauthorized:
		n.add(Fault, "the services refuse the issuer's token", "see identity; the log of rooms says why at level debug")
	case got.status == http.StatusTooManyRequests:
		n.add(Warning, "there are more requests than the gateway allows now", "try again, or raise GATEWAY_RATE_ADDRESS")
	default:
		n.add(Fault, fmt.Sprintf("GET /api/rooms with a token gives %s", got.looks()), "look at the log of rooms, and at its /ready")
	}
}
