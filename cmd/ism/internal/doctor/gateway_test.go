package doctor

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// behind gives a doctor for a gateway with the given routes broken, and an issuer that works.
func behind(t *testing.T, broken standIn, more ...string) *doctor {
	t.Helper()
	return doctorFor(t, serve(t, broken.ServeHTTP), newTokenServer(t).variables(more...)...)
}

func TestAGoodGateway(t *testing.T) {
	d := behind(t, standIn{})
	for _, f := range runAll(t.Context(), d.gatewayChecks()) {
		expect(t, f, OK)
	}
}

func TestAClosedPortIsNamed(t *testing.T) {
	address := closedPort(t)
	d := doctorFor(t, "http://"+address)
	expect(t, find(t, d.gatewayChecks(), "address"), Fault, address, "nothing listens", "GATEWAY_PORT")
	expect(t, find(t, d.gatewayChecks(), "stream"), NotChecked)
}

func TestAPortThatSomethingElseHasIsNamed(t *testing.T) {
	d := doctorFor(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "Apache/2.4")
		fmt.Fprint(w, "It works!")
	}))
	expect(t, find(t, d.gatewayChecks(), "address"), Fault, "something else than ISM", "Apache/2.4", "GATEWAY_PORT")
	expect(t, find(t, d.gatewayChecks(), "refusals"), NotChecked)
}

func TestWhatIsBrokenAtTheGatewayIsNamed(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { problem(w, code) }
	}
	stream := func(kind string, body func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			body(w, r)
		}
	}
	held := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		broken standIn
		check  string
		result Result
		words  []string
	}{
		"no service behind it": {standIn{"/health": status(503), "/": status(503)}, "address", Fault, []string{"no service behind it", "rooms"}},
		"a redirect": {standIn{"/health": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example", http.StatusMovedPermanently)
		}}, "address", Fault, []string{"https://x.example", "-target"}},
		"a 401 of its own":     {standIn{"/api/rooms": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }}, "refusals", Fault, []string{"WWW-Authenticate"}},
		"anybody may":          {standIn{"/api/rooms": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") }}, "refusals", Fault, []string{"not answered by ISM"}},
		"the token is refused": {standIn{"/api/rooms": status(401)}, "token taken", Fault, []string{"refuse"}},
		"too many requests":    {standIn{"/api/rooms": status(429)}, "token taken", Warning, []string{"GATEWAY_RATE_ADDRESS"}},
		"stream held back":     {standIn{"/api/sse": stream("text/event-stream", held)}, "stream", Fault, []string{"held back", "proxy_buffering off"}},
		"header alone": {standIn{"/api/sse": stream("text/event-stream", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			held(w, r)
		})}, "stream", Fault, []string{"nothing of it arrives", "proxy_buffering off"}},
		"no keep-alive": {standIn{"/api/sse": stream("text/event-stream", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "id: 0-1\n\n")
			w.(http.Flusher).Flush()
			held(w, r)
		})}, "stream", Fault, []string{"no keep-alive", "proxy_buffering off"}},
		"a stream that ends": {standIn{"/api/sse": stream("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "id: 0-1\n\n")
		})}, "stream", Fault, []string{"ended", "time-out"}},
		"a stream of JSON": {standIn{"/api/sse": stream("application/json", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "{}")
		})}, "stream", Fault, []string{"application/json", "Content-Type"}},
		"compressed": {standIn{"/api/sse": stream("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
		})}, "stream", Fault, []string{"compressed"}},
		"told to buffer": {standIn{"/api/sse": stream("text/event-stream", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Accel-Buffering", "yes")
		})}, "stream", Fault, []string{"X-Accel-Buffering"}},
		"streams unavailable": {standIn{"/api/sse": status(503)}, "stream", Fault, []string{"503", "realtime"}},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, find(t, behind(t, test.broken).gatewayChecks(), test.check), test.result, test.words...)
		})
	}
}

func TestClocksThatDiffer(t *testing.T) {
	for skew, want := range map[time.Duration]Result{
		0: OK, 3 * time.Second: OK, 10 * time.Second: Warning, -10 * time.Second: Warning, time.Minute: Fault, -time.Minute: Fault,
	} {
		d := behind(t, standIn{})
		d.now = func() time.Time { return time.Now().Add(-skew) }
		for group, checks := range map[string][]check{gateway: d.gatewayChecks(), identityGroup: d.identity.checks()} {
			got := find(t, checks, "clock")
			if got.Result != want {
				t.Errorf("%s, %s: %s, %s", group, skew, got.Result, got.Found)
			}
			if skew > noticeable {
				expect(t, got, want, "ahead", "NTP")
			} else if -skew > noticeable {
				expect(t, got, want, "behind", "NTP")
			}
		}
	}
	d := behind(t, standIn{}, "ISM_OIDC_LEEWAY=2m")
	d.now = func() time.Time { return time.Now().Add(-time.Minute) }
	expect(t, find(t, d.gatewayChecks(), "clock"), Warning)
}

func TestReadinessNamesTheFailingCheck(t *testing.T) {
	answering := func(code int, body string) string {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		})[len("http://"):]
	}
	good, bad := answering(200, `{"status":"ready","checks":{"kafka":"ok"}}`), answering(503, `{"status":"not-ready","checks":{"kafka":"unavailable","rooms store":"ok"}}`)
	foreign, gone := answering(200, "It works!"), closedPort(t)
	d := doctorFor(t, "http://localhost:1")
	d.services, d.servicesGiven = []string{good, bad, foreign, gone}, true
	expect(t, find(t, d.serviceChecks(), good), OK)
	expect(t, find(t, d.serviceChecks(), bad), Fault, "not ready: kafka")
	expect(t, find(t, d.serviceChecks(), foreign), Fault, "not answered by a service of ISM")
	expect(t, find(t, d.serviceChecks(), gone), Fault, "nothing listens")

	expect(t, find(t, doctorFor(t, "http://localhost:1").serviceChecks(), "ready"), NotChecked, "-services")
	inside := doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka:9092")
	inside.services = []string{"no-such-host.invalid:5403"}
	expect(t, find(t, inside.serviceChecks(), "no-such-host.invalid"), NotChecked, "-services")
	inside = doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka:9092")
	inside.services = []string{"no-such-host.invalid:5403", "localhost:1"}
	expect(t, find(t, inside.serviceChecks(), "no-such-host.invalid"), Fault, "not known here")
}
