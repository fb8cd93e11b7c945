package guard_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = guard.Policy{HTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

func TestOnlyThePublicInternetIsAllowed(t *testing.T) {
	for _, text := range []string{
		"93.184.216.34", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
	} {
		if !(guard.Policy{}).Allows(netip.MustParseAddr(text)) {
			t.Errorf("%s is refused", text)
		}
	}
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.1.2.3", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a00:1", "64:ff9b:1::808:808",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1",
	} {
		if (guard.Policy{}).Allows(netip.MustParseAddr(text)) {
			t.Errorf("%s is allowed", text)
		}
	}
	inside := guard.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for text, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::a01:203": true, "10.2.0.1": false, "127.0.0.1": false} {
		if inside.Allows(netip.MustParseAddr(text)) != allowed {
			t.Errorf("with 10.1.0.0/16 allowed, %s is allowed: %t", text, !allowed)
		}
	}
	if (guard.Policy{}).Allows(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]error{
		"https://example.com":                              nil,
		"https://example.com:8443/a?b=c":                   nil,
		"https://[2606:2800:220:1::1]/":                    nil,
		"":                                                 guard.ErrNoURL,
		"example.com/hook":                                 guard.ErrNoURL,
		"/hook":                                            guard.ErrNoURL,
		"https:///hook":                                    guard.ErrNoURL,
		"https:example.com":                                guard.ErrNoURL,
		"ftp://example.com":                                guard.ErrNoURL,
		"file:///etc/passwd":                               guard.ErrNoURL,
		"https://example.com/#a":                           guard.ErrNoURL,
		"https://example.com/#":                            guard.ErrNoURL,
		"https://example.com/ä":                            guard.ErrNoURL,
		"https://example.com/a b":                          guard.ErrNoURL,
		"https://example.com:99999":                        guard.ErrNoURL,
		"https://example.com:0":                            guard.ErrNoURL,
		"https://exa\nmple.com":                            guard.ErrNoURL,
		"https://user@example.com":                         guard.ErrCredentials,
		"https://user:secret@example.com":                  guard.ErrCredentials,
		"http://example.com":                               guard.ErrPlain,
		"https://127.0.0.1/":                               guard.ErrAddress,
		"https://[::ffff:a9fe:a9fe]/":                      guard.ErrAddress,
		"https://[fe80::1%25eth0]/":                        guard.ErrAddress,
		"https://169.254.169.254/latest":                   guard.ErrAddress,
		"https://example.com/" + strings.Repeat("a", 2048): guard.ErrNoURL,
	} {
		if err := (guard.Policy{}).CheckURL(text); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"http://localhost:8080/hook", "http://127.0.0.1/"} {
		if err := loopback.CheckURL(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// receive starts a receiver on the address.
func receive(t *testing.T, address string, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func newClient(t *testing.T, policy guard.Policy, timeout time.Duration, options ...guard.Option) *guard.Client {
	t.Helper()
	client := guard.New(policy, timeout, options...)
	t.Cleanup(client.Close)
	return client
}

// ample is what receivers have that answer at once.
const ample = time.Minute

func TestABodyIsSentAndTheAnswerRead(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	server := receive(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Header.Set("Body", string(body))
		got <- r
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "come\x00back "+strings.Repeat("ä", 600))
	})
	header := http.Header{"Content-Type": {"application/cloudevents+json"}}
	answer, err := newClient(t, loopback, ample).Post(t.Context(), server.URL+"/hook?a=b", header, []byte("{}"))
	if err != nil || answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "7" {
		t.Fatalf("answered is %+v, %v", answer, err)
	}
	if !strings.HasPrefix(answer.Body, "come�back äää") || len(answer.Body) < 1000 || len(answer.Body) > 1026 || strings.HasSuffix(answer.Body, "�") {
		t.Errorf("kept are %d bytes: %s", len(answer.Body), answer.Body)
	}
	r := <-got
	if r.Method != http.MethodPost || r.URL.String() != "/hook?a=b" || r.Header.Get("Body") != "{}" || r.Header.Get("User-Agent") != "ISM-Webhooks/1" ||
		r.Header.Get("Content-Type") != "application/cloudevents+json" || r.Header.Get("Accept-Encoding") != "" {
		t.Errorf("sent is %s %s %v", r.Method, r.URL, r.Header)
	}
	if len(header) != 1 {
		t.Errorf("the header is now %v", header)
	}
}

func TestARefusedAddressIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	var connected atomic.Int32
	server := receive(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) {})
	server.Config.ConnState = func(net.Conn, http.ConnState) { connected.Add(1) }
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	client := newClient(t, guard.Policy{HTTP: true}, ample)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f.1"} {
		if answer, err := client.Post(t.Context(), "http://"+net.JoinHostPort(strings.Trim(host, "[]"), port), nil, nil); err == nil {
			t.Errorf("%s: %+v", host, answer)
		}
	}
	if _, err := client.Post(t.Context(), server.URL, nil, nil); !errors.Is(err, guard.ErrRefused) {
		t.Errorf("it fails with %v", err)
	}
	if n := connected.Load(); n != 0 {
		t.Errorf("%d connections came", n)
	}
}

// names is a DNS server whose answer for any name changes: the next of its addresses each time, and the last one for ever.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = socket.Close(); <-done })
	go func() {
		defer close(done)
		var asked int
		buffer := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
				continue
			}
			question := message.Questions[0]
			message.Response, message.Additionals = true, nil
			if question.Type == dnsmessage.TypeA {
				address := netip.MustParseAddr(addresses[min(asked, len(addresses)-1)])
				asked++
				message.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
					Body:   &dnsmessage.AResource{A: address.As4()},
				}}
			}
			if packed, err := message.Pack(); err == nil {
				_, _ = socket.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// A name that is good when it is looked at, and leads inside when it is connected to, leads nowhere.
func TestANameThatChangesLeadsNowhere(t *testing.T) {
	t.Parallel()
	var inside, outside atomic.Int32
	good := receive(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		outside.Add(1)
		w.Header().Set("Connection", "close") // so that the name is resolved again
	})
	_, port, _ := net.SplitHostPort(good.Listener.Addr().String())
	receive(t, "127.0.0.2:"+port, func(http.ResponseWriter, *http.Request) { inside.Add(1) })
	client := newClient(t, loopback, ample, guard.WithResolver(names(t, "127.0.0.1", "127.0.0.2")))
	target := "http://rebound.test:" + port + "/"
	if answer, err := client.Post(t.Context(), target, nil, nil); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("at first: %+v, %v", answer, err)
	}
	if answer, err := client.Post(t.Context(), target, nil, nil); !errors.Is(err, guard.ErrRefused) {
		t.Errorf("then: %+v, %v", answer, err)
	}
	if outside.Load() != 1 || inside.Load() != 0 {
		t.Errorf("%d came outside, %d inside", outside.Load(), inside.Load())
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	aim := receive(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	client := newClient(t, loopback, ample)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{aim.URL, "http://169.254.169.254/latest/meta-data/"} {
			server := receive(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			if answer, err := client.Post(t.Context(), server.URL, nil, nil); err != nil || answer.Status != status {
				t.Errorf("%d to %s: %+v, %v", status, location, answer, err)
			}
		}
	}
	if followed.Load() > 0 {
		t.Error("one was followed")
	}
}

func TestNoProxyIsUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := receive(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	if _, err := newClient(t, loopback, ample, guard.WithResolver(names(t, "10.0.0.1"))).Post(t.Context(), "http://inside.test/", nil, nil); !errors.Is(err, guard.ErrRefused) {
		t.Errorf("it fails with %v", err)
	}
	if asked.Load() > 0 {
		t.Error("the proxy was asked")
	}
}

func TestAReceiverCannotHoldASenderUp(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second // a busy machine begins an answer before
	client := newClient(t, loopback, timeout)
	gone := func(t *testing.T) (chan struct{}, func()) {
		end := make(chan struct{})
		return end, func() { close(end) }
	}
	for name, c := range map[string]struct {
		handle func(w http.ResponseWriter, r *http.Request, end chan struct{})
		fails  bool
	}{
		"it does not answer": {func(_ http.ResponseWriter, r *http.Request, end chan struct{}) {
			select {
			case <-r.Context().Done():
			case <-end:
			}
		}, true},
		"its header drips": {func(w http.ResponseWriter, _ *http.Request, end chan struct{}) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			defer conn.Close()
			for {
				if _, err := conn.Write([]byte("H")); err != nil {
					return
				}
				select {
				case <-end:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}, true},
		"its header is endless": {func(w http.ResponseWriter, _ *http.Request, _ chan struct{}) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			defer conn.Close()
			_, err := conn.Write([]byte("HTTP/1.1 200 OK\r\n"))
			for err == nil {
				_, err = conn.Write([]byte("X-A: " + strings.Repeat("a", 1000) + "\r\n"))
			}
		}, true},
		"its body is endless": {func(w http.ResponseWriter, _ *http.Request, _ chan struct{}) {
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, false},
		"its body stops": {func(w http.ResponseWriter, r *http.Request, end chan struct{}) {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "so")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-end:
			}
		}, false},
		"it resets": {func(w http.ResponseWriter, _ *http.Request, _ chan struct{}) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end, stop := gone(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.handle(w, r, end) }))
			defer server.Close()
			defer stop()
			begun := time.Now()
			answer, err := client.Post(t.Context(), server.URL, nil, []byte("{}"))
			if took := time.Since(begun); took > 10*timeout {
				t.Errorf("it took %s", took)
			}
			if (err != nil) != c.fails || !c.fails && answer.Status != http.StatusOK {
				t.Errorf("answered is %+v, %v", answer, err)
			}
		})
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of what is expected
	server.StartTLS()
	t.Cleanup(server.Close)
	if _, err := newClient(t, loopback, ample).Post(t.Context(), server.URL, nil, nil); err == nil {
		t.Error("a certificate of nobody is taken")
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	trusting := newClient(t, loopback, ample, guard.WithTLS(&tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}))
	if answer, err := trusting.Post(t.Context(), server.URL, nil, nil); err != nil || answer.Status != http.StatusOK {
		t.Errorf("answered is %+v, %v", answer, err)
	}
}

func ExamplePolicy_CheckURL() {
	fmt.Println((guard.Policy{}).CheckURL("https://shop.example.com/hooks/ism"))
	fmt.Println((guard.Policy{}).CheckURL("https://" + (&url.URL{Host: "169.254.169.254"}).Host))
	// Output:
	// <nil>
	// names an address to which this installation sends no webhooks
}
