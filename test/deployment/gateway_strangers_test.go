package deployment

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// What strangers send, each with what must happen: the status of a problem, or the service that is asked, and no other.
func TestGatewayAnswersStrangers(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	long := strings.Repeat("a", 64<<10)
	smuggled := line("GET", "/api/rooms?smuggled")
	for name, test := range map[string]struct {
		request string
		status  int
		service string
	}{
		// Keycloak: the realm ism, and what its pages load.
		"the realm":                       {line("GET", "/realms/ism"), 200, "keycloak"},
		"its description":                 {line("GET", "/realms/ism/.well-known/openid-configuration"), 200, "keycloak"},
		"its keys":                        {line("GET", "/realms/ism/protocol/openid-connect/certs"), 200, "keycloak"},
		"its token endpoint":              {line("POST", "/realms/ism/protocol/openid-connect/token", "Content-Length: 0"), 200, "keycloak"},
		"its sign-in":                     {line("GET", "/realms/ism/protocol/openid-connect/auth?redirect_uri=http%3A%2F%2Flocalhost%2F%2e%2e;x"), 200, "keycloak"},
		"what its pages load":             {line("GET", "/resources/31l7e/login/keycloak.v2/css/styles.css"), 200, "keycloak"},
		"what they load of others":        {line("GET", "/resources/31l7e/common/keycloak/vendor/patternfly-v5/patternfly.min.css"), 200, "keycloak"},
		"what the account's pages load":   {line("GET", "/resources/31l7e/account/keycloak.v3/assets/main-Df3En2ne.js"), 200, "keycloak"},
		"texts of the account's pages":    {line("GET", "/resources/ism/account/en"), 200, "keycloak"},
		"another realm":                   {line("GET", "/realms/master"), 404, ""},
		"its token endpoint, too":         {line("POST", "/realms/master/protocol/openid-connect/token", "Content-Length: 0"), 404, ""},
		"a realm whose name begins so":    {line("GET", "/realms/ismael/protocol/openid-connect/certs"), 404, ""},
		"a realm in capitals":             {line("GET", "/realms/ISM/"), 404, ""},
		"all realms":                      {line("GET", "/realms/"), 404, ""},
		"the realm's folder":              {line("GET", "/realms"), 404, ""},
		"the administration":              {line("GET", "/admin/master/console/"), 404, ""},
		"its API":                         {line("GET", "/admin/realms/ism/users"), 404, ""},
		"its pages":                       {line("GET", "/resources/31l7e/admin/keycloak.v2/assets/main.js"), 404, ""},
		"texts of another realm's pages":  {line("GET", "/resources/master/account/en"), 404, ""},
		"texts of the administration":     {line("GET", "/resources/ism/admin/en"), 404, ""},
		"registration of clients":         {line("POST", "/realms/ism/clients-registrations/default", "Content-Length: 0"), 404, ""},
		"the same, escaped":               {line("POST", "/realms/ism/clients%2dregistrations/default", "Content-Length: 0"), 404, ""},
		"metrics of Keycloak":             {line("GET", "/metrics"), 404, ""},
		"dots":                            {line("GET", "/realms/ism/../master/"), 400, ""},
		"dots at the end":                 {line("GET", "/realms/ism/.."), 400, ""},
		"dots with a parameter":           {line("GET", "/realms/..;/admin/"), 400, ""},
		"dots with a parameter, deeper":   {line("GET", "/realms/ism/..;/master/"), 400, ""},
		"dots with a parameter, escaped":  {line("GET", "/realms/ism/..%3b/master/"), 400, ""},
		"dots with a parameter and value": {line("GET", "/realms/ism/..;a=b/..;a=b/admin/"), 400, ""},
		"a parameter":                     {line("GET", "/realms/ism;a=b/protocol"), 400, ""},
		"a parameter of what follows":     {line("GET", "/realms/ism/protocol;a/openid-connect/certs"), 400, ""},
		"escaped dots":                    {line("GET", "/realms/ism/%2e%2e/master/"), 400, ""},
		"escaped dots in capitals":        {line("GET", "/realms/ism/%2E%2E/master/"), 400, ""},
		"one escaped dot":                 {line("GET", "/realms/ism/.%2e/master/"), 400, ""},
		"an escaped slash":                {line("GET", "/realms/ism%2fprotocol"), 400, ""},
		"escaped slashes around dots":     {line("GET", "/realms/ism/..%2f..%2fadmin/"), 400, ""},
		"dots escaped twice":              {line("GET", "/realms/ism/%252e%252e/master/"), 400, ""},
		"a slash escaped twice":           {line("GET", "/realms/ism/..%252fmaster/"), 400, ""},
		"a backslash":                     {line("GET", `/realms/ism/..\master/`), 400, ""},
		"an escaped backslash":            {line("GET", "/realms/ism/..%5cmaster/"), 400, ""},
		"an empty segment":                {line("GET", "//realms/ism/"), 400, ""},
		"an empty segment, deeper":        {line("GET", "/realms//ism/"), 400, ""},
		"a fragment":                      {line("GET", "/realms/ism/#/../../admin"), 400, ""},
		"an escaped line":                 {line("GET", "/realms/ism/%0d%0aX:y"), 400, ""},
		"a dot of 16 bits":                {line("GET", "/realms/ism/%u002e%u002e/master"), 400, ""},

		// The services' routes.
		"dots to another service":   {line("GET", "/api/rooms/../admin/users"), 400, ""},
		"dots, escaped":             {line("GET", "/api/send-msg/%2e%2e/rooms"), 400, ""},
		"a parameter of a route":    {line("GET", "/api/rooms;x=y"), 400, ""},
		"a name of a device":        {line("DELETE", "/api/devices/a%2Fb%3Bc%25d%5Ce"), 200, "notifications"},
		"a device's, by a backend":  {line("DELETE", "/api/admin/users/1/devices/a%2Fb%3Bc"), 200, "notifications"},
		"a device named like above": {line("DELETE", "/api/devices/a%2F..%2F..%2Fadmin"), 400, ""},
		"a colon":                   {line("POST", "/api/admin/users:sync", "Content-Length: 0"), 200, "rooms"},
		"64 KB of a path":           {line("GET", "/api/rooms/"+long), 431, ""},
		"64 KB of a query":          {line("GET", "/api/rooms?"+long), 431, ""},
		"12 KB of a query":          {line("GET", "/api/rooms?"+long[:12<<10]), 200, "rooms"},
		"two lines of 12 KB":        {line("GET", "/api/rooms?"+long[:12<<10], "X: "+long[:12<<10]), 431, ""},
		"many small headers":        {line("GET", "/api/rooms", slices.Repeat([]string{"A: b"}, 5000)...), 431, ""},

		// The host and the form of the request's target.
		"the whole URL":              {line("GET", "http://ism/api/rooms"), 200, "rooms"},
		"the whole URL of another":   {line("GET", "http://evil.example/realms/master/protocol/openid-connect/token"), 404, ""},
		"the whole URL, dots":        {line("GET", "http://ism/realms/ism/..;/admin/"), 400, ""},
		"a URL without a host":       {line("GET", "file:///etc/passwd"), 400, ""},
		"a star":                     {line("OPTIONS", "*"), 400, ""},
		"a path without its slash":   {line("GET", "api/rooms"), 400, ""},
		"no host in HTTP/1.0":        {"GET /api/rooms HTTP/1.0\r\n\r\n", 200, "rooms"},
		"two hosts":                  {line("GET", "/api/rooms", "Host: other"), 400, ""},
		"a host with a path":         {withHost("ism/../x"), 400, ""},
		"a host with a user":         {withHost("user@ism"), 400, ""},
		"a host with a quote":        {withHost(`ism"x`), 400, ""},
		"a host with a script":       {withHost("<script>"), 400, ""},
		"a host with a blank":        {withHost("a b"), 400, ""},
		"a host with a comma":        {withHost("ism,evil.example"), 400, ""},
		"a host with a long port":    {withHost("ism:5403999"), 400, ""},
		"a host with a word as port": {withHost("ism:http"), 400, ""},
		"a host of 4 KB":             {withHost(long[:4<<10]), 400, ""},
		"a host of other letters":    {withHost("ïsm"), 400, ""},
		"an address of IPv6 as host": {withHost("[::1]:5403"), 200, "rooms"},
		"a name with a port as host": {withHost("chat.example.com:5403"), 200, "rooms"},

		// Methods.
		"TRACE":              {line("TRACE", "/api/rooms"), 405, ""},
		"PROPFIND":           {line("PROPFIND", "/api/rooms"), 405, ""},
		"a method of nobody": {line("HACK", "/realms/ism/"), 405, ""},
		"a method in small":  {line("get", "/api/rooms"), 400, ""},

		// Where a request ends: what follows must not become a request of its own.
		"length and chunks":           {line("POST", "/api/send-msg", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 400, ""},
		"chunks and length":           {line("POST", "/api/send-msg", "Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + smuggled, 400, ""},
		"two lengths":                 {line("POST", "/api/send-msg", "Content-Length: 0", "Content-Length: 60") + smuggled, 400, ""},
		"the same length twice":       {line("POST", "/api/send-msg", "Content-Length: 0", "Content-Length: 0") + smuggled, 400, ""},
		"a list of lengths":           {line("POST", "/api/send-msg", "Content-Length: 0, 0") + smuggled, 400, ""},
		"a length with a sign":        {line("POST", "/api/send-msg", "Content-Length: +0") + smuggled, 400, ""},
		"a length below nothing":      {line("POST", "/api/send-msg", "Content-Length: -1") + smuggled, 400, ""},
		"a length of sixteens":        {line("POST", "/api/send-msg", "Content-Length: 0x0") + smuggled, 400, ""},
		"a length over all numbers":   {line("POST", "/api/send-msg", "Content-Length: 99999999999999999999") + smuggled, 400, ""},
		"chunks by another name":      {line("POST", "/api/send-msg", "Transfer-Encoding: xchunked") + smuggled, 400, ""},
		"chunks twice":                {line("POST", "/api/send-msg", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled, 400, ""},
		"chunks in chunks":            {line("POST", "/api/send-msg", "Transfer-Encoding: chunked, chunked") + "0\r\n\r\n" + smuggled, 400, ""},
		"chunks that are none":        {line("POST", "/api/send-msg", "Transfer-Encoding: identity") + smuggled, 400, ""},
		"chunks in HTTP/1.0":          {"POST /api/send-msg HTTP/1.0\r\nHost: ism\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400, ""},
		"a chunk of no size":          {line("POST", "/api/send-msg", "Transfer-Encoding: chunked") + "z\r\n\r\n" + smuggled, 400, ""},
		"a blank before the colon":    {line("POST", "/api/send-msg", "Content-Length : 60") + smuggled, 400, ""},
		"a header that is folded":     {line("POST", "/api/send-msg", "X: a", " Content-Length: 60") + smuggled, 400, ""},
		"a header without a colon":    {"GET /api/rooms HTTP/1.1\r\nHost: ism\r\n\x00: x\r\n\r\n", 400, ""},
		"NUL in a header":             {line("GET", "/api/rooms", "X: a\x00b"), 400, ""},
		"a return without a new line": {line("GET", "/api/rooms", "X: a\rContent-Length: 60"), 400, ""},
		"a blank in the target":       {line("GET", "/api/ro oms"), 400, ""},
	} {
		before := g.seen.Load()
		response := g.ask(t, test.request)
		body, _ := io.ReadAll(response.Body)
		if got := response.Header.Get("X-Service"); response.StatusCode != test.status || got != test.service {
			t.Errorf("%s: %d from %q, want %d from %q\n%s", name, response.StatusCode, got, test.status, test.service, body)
		}
		asked := int64(0)
		if test.service != "" {
			asked = 1
		}
		if got := g.seen.Load() - before; got != asked {
			t.Errorf("%s: services were asked %d times, want %d", name, got, asked)
		}
		if test.status == http.StatusOK {
			continue
		}
		var problem struct{ Status int }
		if err := json.Unmarshal(body, &problem); err != nil || problem.Status != test.status || response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: no problem: %v\n%s", name, err, body)
		}
	}
}

// Whether the gateway lives is for who is beside it. A trusted proxy's client is not, whatever it says.
func TestGatewayTellsItsHealthToItsOwn(t *testing.T) {
	t.Parallel()
	g := startGateway(t, map[string]string{"GATEWAY_TRUSTED_PROXIES": "127.0.0.9"})
	for from, status := range map[string]int{"127.0.0.1": http.StatusOK, "127.0.0.2": http.StatusNotFound, "127.0.0.9": http.StatusNotFound} {
		if response := g.askFrom(t, from, line("GET", "/-/health", "X-Forwarded-For: 127.0.0.1")); response.StatusCode != status {
			t.Errorf("%s is answered with %d, want %d", from, response.StatusCode, status)
		}
	}
}

// From 1.25.1 on nginx speaks HTTP/2 without TLS with who begins so, and refuses the same there. An older one cannot read the beginning.
func TestGatewayAnswersStrangersInHTTP2(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	before := g.seen.Load()
	connection := g.dial(t, "127.0.0.1")
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	begins := make([]byte, len("HTTP/1.1 400"))
	if _, err := io.ReadFull(connection, begins); err != nil {
		t.Fatal(err)
	}
	settings := begins[3] == 4 // the type of a frame (RFC 9113, section 6.5)
	if !settings {
		if string(begins) != "HTTP/1.1 400" || g.seen.Load() != before {
			t.Errorf("it is answered with %q", begins)
		}
		return
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	for target, status := range map[string]int{
		"/api/rooms": http.StatusOK, "/realms/ism": http.StatusOK, "/realms/master": http.StatusNotFound, "/admin/": http.StatusNotFound, "/internal/users/1": http.StatusNotFound,
		"/realms/ism/..;/master/": http.StatusBadRequest, "/realms/ism/%2e%2e/master/": http.StatusBadRequest, "/realms//ism": http.StatusBadRequest, "/-/problem": http.StatusNotFound,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, baseURL(g.address)+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "192.0.2.1")
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.ProtoMajor != 2 || response.StatusCode != status {
			t.Errorf("%s: %s %d, want %d", target, response.Proto, response.StatusCode, status)
		}
		if saw := response.Header.Get("X-Saw-All-X-Forwarded-For"); status == http.StatusOK && saw != "127.0.0.1" {
			t.Errorf("%s: the service saw X-Forwarded-For: %q", target, saw)
		}
	}
	if asked := g.seen.Load() - before; asked != 2 {
		t.Errorf("services were asked %d times", asked)
	}
}

// It opens no connections for strangers. One version of nginx knows CONNECT and has it refused, another cannot read it.
func TestGatewayIsNoProxy(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	before := g.seen.Load()
	for _, target := range []string{"rooms:5403", "127.0.0.1:22", "/api/rooms"} {
		response := g.ask(t, line("CONNECT", target))
		if response.StatusCode != http.StatusBadRequest && response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("CONNECT %s: %d", target, response.StatusCode)
		}
	}
	if asked := g.seen.Load() - before; asked != 0 {
		t.Errorf("services were asked %d times", asked)
	}
}

func withHost(host string) string { return "GET /api/rooms HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }

// Only what a trusted proxy says of a client is passed on. All others' headers of that kind are the gateway's own, or gone.
func TestGatewaySaysItselfWhoAsks(t *testing.T) {
	t.Parallel()
	forged := []string{
		"X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-For: 192.0.2.3", "X-Real-IP: 192.0.2.1", "X-Forwarded-Proto: https",
		"X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "X-Forwarded-Server: evil", "X-Forwarded-Ssl: on",
		"Forwarded: for=192.0.2.1;proto=https;host=evil.example", "X-Client-IP: 192.0.2.1", "True-Client-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1",
		"X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE", "X_Forwarded_For: 192.0.2.1", "Proxy: http://evil.example",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate: evil=1", "SSL-Client-Cert: x", "X-SSL-Client-Cert: x", "X-Forwarded-User: admin",
	}
	for name, test := range map[string]struct {
		trusted, from     string
		client, forwarded string
	}{
		"nobody is trusted":         {"", "127.0.0.1", "127.0.0.1", "http"},
		"another one is trusted":    {"192.0.2.0/24, 127.0.0.2", "127.0.0.3", "127.0.0.3", "http"},
		"a trusted proxy":           {"127.0.0.2", "127.0.0.2", "192.0.2.3", "https"},
		"a chain of trusted ones":   {"192.0.2.3,127.0.0.0/30", "127.0.0.2", "192.0.2.2", "https"},
		"a chain that is all known": {"192.0.2.0/24 127.0.0.0/30", "127.0.0.2", "192.0.2.1", "https"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, map[string]string{"GATEWAY_TRUSTED_PROXIES": test.trusted})
			for _, target := range []string{"/api/rooms", "/realms/ism/", "/ism-media/1"} {
				response := g.askFrom(t, test.from, line("GET", target, forged...))
				var saw []string
				for header, values := range response.Header {
					if header, ok := strings.CutPrefix(header, "X-Saw-All-"); ok {
						saw = append(saw, header+": "+strings.Join(values, " | "))
					}
				}
				slices.Sort(saw)
				want := []string{"X-Forwarded-For: " + test.client, "X-Forwarded-Proto: " + test.forwarded, "X-Real-Ip: " + test.client}
				if response.StatusCode != http.StatusOK || !slices.Equal(saw, want) {
					t.Errorf("%s: %d, and the service saw\n%s", target, response.StatusCode, strings.Join(saw, "\n"))
				}
			}
		})
	}
}

// A list that cannot be read ends the gateway's start with its reason.
func TestGatewayRefusesProxiesThatAreNoAddresses(t *testing.T) {
	t.Parallel()
	script := root(t) + "/deploy/compose/gateway/entrypoint/15-settings.envsh"
	for _, list := range []string{"balancer", "10.0.0.0/8; return 200", "10.0.0.1,$host", "*"} {
		cmd := exec.Command("sh", "-c", `. "$0"; echo started`, script)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GATEWAY_TRUSTED_PROXIES=" + list, "GATEWAY_LISTEN=1", "GATEWAY_LISTEN_TLS=2", "GATEWAY_CONF=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "started") || !strings.Contains(string(out), "GATEWAY_TRUSTED_PROXIES") {
			t.Errorf("%q: %v\n%s", list, err, out)
		}
	}
}

// Of a share of requests traces are recorded, whatever strangers say, and of each request that shows the secret, which nobody else sees.
func TestGatewayRecordsWhatItIsAskedFor(t *testing.T) {
	t.Parallel()
	const secret, traceparent = "6b10d64cd7272d61-A_b", "Traceparent: 00-40e2182c22bb4d9c7825ec93a2958660-07cef8e2e819311a-"
	few := startGateway(t, map[string]string{"GATEWAY_TRACE_PERCENT": "0.01", "GATEWAY_TRACE_SECRET": secret})
	proxied := startGateway(t, map[string]string{"GATEWAY_TRACE_PERCENT": "0.01", "GATEWAY_TRACE_SECRET": secret, "GATEWAY_TRACE_CONTEXT": "propagate"})
	nobody := startGateway(t, map[string]string{"GATEWAY_TRACE_PERCENT": "0.01"})
	for name, test := range map[string]struct {
		g      *gateway
		header string
		want   string
	}{
		"nothing is asked":                 {few, "X-A: b", "off"},
		"the secret":                       {few, "X-Trace-Secret: " + secret, "on"},
		"in upper case":                    {few, "X-Trace-Secret: " + strings.ToUpper(secret), "off"},
		"with more behind it":              {few, "X-Trace-Secret: " + secret + "x", "off"},
		"a part of it":                     {few, "X-Trace-Secret: 6b10d64c", "off"},
		"empty":                            {few, "X-Trace-Secret:", "off"},
		"a stranger's trace":               {few, traceparent + "01", "off"},
		"a proxy's trace":                  {proxied, traceparent + "01", "on"},
		"a proxy's trace, not recorded":    {proxied, traceparent + "00", "off"},
		"and the secret":                   {proxied, traceparent + "00\r\nX-Trace-Secret: " + secret, "on"},
		"the secret where there is none":   {nobody, "X-Trace-Secret: " + secret, "off"},
		"an empty one where there is none": {nobody, "X-Trace-Secret:", "off"},
	} {
		beside := &gateway{address: test.g.decides}
		response := beside.ask(t, line("GET", "/", test.header))
		if said, err := io.ReadAll(io.LimitReader(response.Body, 3)); err != nil || strings.TrimSpace(string(said)) != test.want {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
	if response := few.ask(t, line("GET", "/api/rooms", "X-Trace-Secret: "+secret)); response.StatusCode != http.StatusOK || response.Header.Get("X-Saw-All-X-Trace-Secret") != "" {
		t.Errorf("the service saw %v", response.Header)
	}
}

// A secret that would be another expression ends the gateway's start with its reason.
func TestGatewayRefusesATraceSecretThatIsNone(t *testing.T) {
	t.Parallel()
	script := root(t) + "/deploy/compose/gateway/entrypoint/15-settings.envsh"
	for _, secret := range []string{"short", ".*.*.*.*.*", `6b10d64cd7272d61" on; "`, "6b10d64cd7272d61\n"} {
		cmd := exec.Command("sh", "-c", `. "$0"; echo started`, script)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GATEWAY_TRACE_SECRET=" + secret, "GATEWAY_LISTEN=1", "GATEWAY_LISTEN_TLS=2", "GATEWAY_CONF=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "started") || !strings.Contains(string(out), "GATEWAY_TRACE_SECRET") {
			t.Errorf("%q: %v\n%s", secret, err, out)
		}
	}
}

// The exporter learns how many connections there are, at a port of its own, and clients do not.
func TestGatewayTellsItsStatusAside(t *testing.T) {
	t.Parallel()
	status := FreeAddress(t)
	g := startGateway(t, map[string]string{"GATEWAY_STATUS": status})
	aside := &gateway{address: status}
	response := aside.ask(t, line("GET", "/-/status"))
	if said, err := io.ReadAll(io.LimitReader(response.Body, 20)); err != nil || response.StatusCode != http.StatusOK || !strings.HasPrefix(string(said), "Active connections:") {
		t.Errorf("%d %q, %v", response.StatusCode, said, err)
	}
	if response := aside.ask(t, line("GET", "/api/rooms")); response.StatusCode != http.StatusNotFound {
		t.Errorf("services are reached by it: %d", response.StatusCode)
	}
	if response := g.ask(t, line("GET", "/-/status")); response.StatusCode != http.StatusNotFound {
		t.Errorf("clients are told: %d", response.StatusCode)
	}
}

func (g *gateway) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 30 * time.Second}
	connection, err := dialer.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// askFrom sends the bytes as they are, from an address of the loopback network.
func (g *gateway) askFrom(t *testing.T, from, request string) *http.Response {
	t.Helper()
	connection := g.dial(t, from)
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// What is refused before all of it has come cannot be written to its end.
	_, written := io.WriteString(connection, request)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("read the answer to %.80q: %v, written: %v", request, err, written)
	}
	return response
}
