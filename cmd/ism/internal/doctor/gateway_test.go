package doctor

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
)

// behind gives a doctor for a gateway with the given routes broken, and an issuer that works.
func behind(t *testing.T, broken standIn) *doctor {
	t.Helper()
	return doctorFor(t, examinetest.Serve(t, broken.ServeHTTP), variables(authntest.New(t))...)
}

func TestAGoodGateway(t *testing.T) {
	d := behind(t, standIn{})
	for _, f := range examine.Run(t.Context(), d.checks(gateway)) {
		examinetest.Expect(t, f, examine.OK)
	}
}

func TestAClosedPortIsNamed(t *testing.T) {
	address := examinetest.ClosedPort(t)
	d := doctorFor(t, "http://"+address)
	examinetest.Expect(t, examinetest.Find(t, d.checks(gateway), "address"), examine.Fault, address, "nothing listens", "GATEWAY_PORT")
	examinetest.Expect(t, examinetest.Find(t, d.checks(gateway), "stream"), examine.NotChecked)
}

func TestAPortThatSomethingElseHasIsNamed(t *testing.T) {
	d := doctorFor(t, examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "Apache/2.4")
		fmt.Fprint(w, "It works!")
	}))
	examinetest.Expect(t, examinetest.Find(t, d.checks(gateway), "address"), examine.Fault, "something else than ISM", "Apache/2.4", "GATEWAY_PORT")
	examinetest.Expect(t, examinetest.Find(t, d.checks(gateway), "refusals"), examine.NotChecked)
}

func TestWhatIsBrokenAtTheGatewayIsNamed(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { problem(w, code) }
	}
	for name, test := range map[string]struct {
		broken standIn
		check  string
		result examine.Result
		words  []string
	}{
		"no service behind it": {standIn{"/health": status(503), "/": status(503)}, "address", examine.Fault, []string{"no service behind it", "rooms"}},
		"a redirect": {standIn{"/health": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example", http.StatusMovedPermanently)
		}}, "address", examine.Fault, []string{"https://x.example", "-target"}},
		"a 401 of its own":     {standIn{"/api/rooms": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }}, "refusals", examine.Fault, []string{"WWW-Authenticate"}},
		"anybody may":          {standIn{"/api/rooms": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") }}, "refusals", examine.Fault, []string{"not answered by ISM"}},
		"the token is refused": {standIn{"/api/rooms": status(401)}, "token taken", examine.Fault, []string{"refuse"}},
		"too many requests":    {standIn{"/api/rooms": status(429)}, "token taken", examine.Warning, []string{"GATEWAY_RATE_ADDRESS"}},
	} {
		t.Run(name, func(t *testing.T) {
			examinetest.Expect(t, examinetest.Find(t, behind(t, test.broken).checks(gateway), test.check), test.result, test.words...)
		})
	}
}

func TestClocksThatDiffer(t *testing.T) {
	const noticeable = 5 * time.Second
	skewed := func(skew time.Duration, more ...string) *doctor {
		now := func() time.Time { return time.Now().Add(-skew) }
		return doctorAt(t, now, examinetest.Serve(t, standIn{}.ServeHTTP), variables(authntest.New(t), more...)...)
	}
	for skew, want := range map[time.Duration]examine.Result{
		0: examine.OK, 3 * time.Second: examine.OK, 10 * time.Second: examine.Warning, -10 * time.Second: examine.Warning, time.Minute: examine.Fault, -time.Minute: examine.Fault,
	} {
		d := skewed(skew)
		for _, group := range []string{gateway, "identity"} {
			got := examinetest.Find(t, d.checks(group), "clock")
			if got.Result != want {
				t.Errorf("%s, %s: %s, %s", group, skew, got.Result, got.Found)
			}
			if skew > noticeable {
				examinetest.Expect(t, got, want, "ahead", "NTP")
			} else if -skew > noticeable {
				examinetest.Expect(t, got, want, "behind", "NTP")
			}
		}
	}
	d := skewed(time.Minute, "ISM_OIDC_LEEWAY=2m")
	examinetest.Expect(t, examinetest.Find(t, d.checks(gateway), "clock"), examine.Warning)
}

func TestReadinessNamesTheFailingCheck(t *testing.T) {
	answering := func(code int, body string) string {
		return examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		})[len("http://"):]
	}
	good, bad := answering(200, `{"status":"ready","checks":{"kafka":"ok"}}`), answering(503, `{"status":"not-ready","checks":{"kafka":"unavailable","rooms store":"ok"}}`)
	foreign, gone := answering(200, "It works!"), examinetest.ClosedPort(t)
	d := doctorFor(t, "http://localhost:1")
	d.services, d.servicesGiven = []string{good, bad, foreign, gone}, true
	examinetest.Expect(t, examinetest.Find(t, d.checks(services), good), examine.OK)
	examinetest.Expect(t, examinetest.Find(t, d.checks(services), bad), examine.Fault, "not ready: kafka")
	examinetest.Expect(t, examinetest.Find(t, d.checks(services), foreign), examine.Fault, "not answered by a service of ISM")
	examinetest.Expect(t, examinetest.Find(t, d.checks(services), gone), examine.Fault, "nothing listens")

	examinetest.Expect(t, examinetest.Find(t, doctorFor(t, "http://localhost:1").checks(services), "ready"), examine.NotChecked, "-services")
	inside := doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka:9092")
	inside.services = []string{"no-such-host.invalid:5403"}
	examinetest.Expect(t, examinetest.Find(t, inside.checks(services), "no-such-host.invalid"), examine.NotChecked, "-services")
	inside = doctorFor(t, "http://localhost:1", "ISM_KAFKA_BROKERS=kafka:9092")
	inside.services = []string{"no-such-host.invalid:5403", "localhost:1"}
	examinetest.Expect(t, examinetest.Find(t, inside.checks(services), "no-such-host.invalid"), examine.Fault, "not known here")
}
