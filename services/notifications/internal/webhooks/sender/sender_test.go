package sender_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/sender"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/signature"
	"github.com/ism-chat/ism/services/notifications/store"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func newSender(t *testing.T, policy guard.Policy) *sender.Sender {
	t.Helper()
	client := guard.New(policy, 300*time.Millisecond)
	t.Cleanup(client.Close)
	return sender.New(client, policy, time.Now)
}

func sendingTo(t *testing.T, url string) (store.Sending, signature.Secret) {
	t.Helper()
	secret, err := signature.New(signature.Symmetric)
	if err != nil {
		t.Fatal(err)
	}
	return store.Sending{
		Delivery: store.Delivery{ID: uuid.New(), EventID: uuid.New()}, Endpoint: store.Endpoint{URL: url},
		Secrets: []store.Secret{{Text: secret.Reveal()}}, Body: []byte(`{"specversion":"1.0"}`),
	}, secret
}

var here = guard.Policy{HTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

func TestAReceiverCanVerifyWhatIsSent(t *testing.T) {
	t.Parallel()
	var (
		header http.Header
		body   []byte
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "slowly")
	}))
	t.Cleanup(server.Close)
	sending, secret := sendingTo(t, server.URL)
	outcome := newSender(t, here).Send(t.Context(), sending)
	if outcome.Status != http.StatusTooManyRequests || outcome.RetryAfter != time.Minute || outcome.Body != "slowly" || outcome.Error != "" || outcome.Took <= 0 {
		t.Errorf("the outcome is %+v", outcome)
	}
	webhook, err := standardwebhooks.NewWebhook(secret.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if err := webhook.Verify(body, header); err != nil {
		t.Error(err)
	}
	if header.Get("webhook-id") != sending.Delivery.EventID.String() || header.Get("content-type") != "application/cloudevents+json; charset=utf-8" {
		t.Errorf("the header is %v", header)
	}
}

func TestItIsToldWhyAReceiverCannotBeReached(t *testing.T) {
	t.Parallel()
	handle := func(handler http.HandlerFunc) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	encrypted := httptest.NewUnstartedServer(nil)
	encrypted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of what is expected
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	plain := handle(func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]struct {
		policy guard.Policy
		url    string
		says   string
	}{
		"not allowed any more": {guard.Policy{}, plain, "must be one of https"},
		"an address inside":    {guard.Policy{HTTP: true}, strings.Replace(plain, "127.0.0.1", "localhost", 1), "sends no webhooks"},
		"nobody listens":       {here, closed.URL, "refused"},
		"no answer": {here, handle(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}), "in time"},
		"no certificate": {here, encrypted.URL, "certificate"},
		"no TLS":         {here, strings.Replace(plain, "http:", "https:", 1), "TLS failed"},
		"it hangs up":    {here, handle(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "closed before"},
		"no HTTP": {here, handle(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(conn, "SMTP at your service\r\n\r\n")
			_ = conn.Close()
		}), "no HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sending, _ := sendingTo(t, c.url)
			outcome := newSender(t, c.policy).Send(t.Context(), sending)
			if outcome.Status != 0 || !strings.Contains(outcome.Error, c.says) || strings.Contains(outcome.Error, "127.0.0.1") {
				t.Errorf("the outcome is %+v", outcome)
			}
		})
	}
	sending, _ := sendingTo(t, plain)
	sending.Secrets = nil
	if outcome := newSender(t, here).Send(t.Context(), sending); outcome.Status != 0 || !strings.Contains(outcome.Error, "signed") {
		t.Errorf("without a secret: %+v", outcome)
	}
}
