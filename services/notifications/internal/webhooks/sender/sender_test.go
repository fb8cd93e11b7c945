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
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/sender"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/signature"
	"github.com/ism-chat/ism/services/notifications/store"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func newSender(t *testing.T, policy guard.Policy) *sender.Sender {
	t.Helper()
	return newTracedSender(t, policy, telemetry.Discard(nil))
}

func newTracedSender(t *testing.T, policy guard.Policy, tel *telemetry.Telemetry) *sender.Sender {
	t.Helper()
	client := guard.New(policy, time.Second)
	t.Cleanup(client.Close)
	return sender.New(client, policy, time.Now, tel)
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

// Each attempt shows in the trace of what it tells of, where that is sampled. The receiver learns nothing of it.
func TestAnAttemptShowsInItsTrace(t *testing.T) {
	t.Parallel()
	answers := 503
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			t.Error("the receiver is told of the trace")
		}
		w.WriteHeader(answers)
	}))
	t.Cleanup(receiver.Close)
	spans := tracetest.NewSpanRecorder()
	tel := telemetry.Discard(nil)
	tel.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	s := newTracedSender(t, here, tel)
	sending, _ := sendingTo(t, receiver.URL+"/secret")
	for _, unsampled := range []string{"", "00-5bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"} {
		sending.Trace = unsampled
		s.Send(telemetry.Untraced(t.Context()), sending)
	}
	if n := len(spans.Ended()); n != 0 {
		t.Errorf("without a trace that is sampled there are %d spans", n)
	}
	sending.Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s.Send(telemetry.Untraced(t.Context()), sending)
	answers, sending.Delivery.Attempts = 204, 1
	s.Send(telemetry.Untraced(t.Context()), sending)
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("there are %d spans", len(ended))
	}
	for i, want := range []struct {
		status int64
		code   codes.Code
	}{{503, codes.Error}, {204, codes.Unset}} {
		span := ended[i]
		attributes := attribute.NewSet(span.Attributes()...)
		status, _ := attributes.Value("http.response.status_code")
		if span.SpanContext().TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || span.Parent().SpanID().String() != "00f067aa0ba902b7" ||
			span.SpanKind() != trace.SpanKindClient || span.Status().Code != want.code || status.AsInt64() != want.status {
			t.Errorf("attempt %d is %s of %s below %s, %s, %v", i+1, span.SpanKind(), span.SpanContext().TraceID(), span.Parent().SpanID(), span.Status().Code, span.Attributes())
		}
		if address, _ := attributes.Value("server.address"); address.AsString() != "127.0.0.1" {
			t.Errorf("it leads to %s", address.AsString())
		}
	}
}
