// Package sender signs webhooks and posts them.
package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/delivery"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/schedule"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/signature"
	"github.com/ism-chat/ism/services/notifications/store"
)

// Sender is a [delivery.Sender].
type Sender struct {
	client *guard.Client
	policy guard.Policy
	now    func() time.Time
	spans  spans
}

// New makes a sender. Policy is that of the client.
func New(client *guard.Client, policy guard.Policy, now func() time.Time, tel *telemetry.Telemetry) *Sender {
	return &Sender{client: client, policy: policy, now: now, spans: newSpans(tel)}
}

// Send implements [delivery.Sender].
func (s *Sender) Send(ctx context.Context, sending store.Sending) delivery.Outcome {
	ctx, span := s.spans.begin(ctx, sending)
	outcome := s.send(ctx, sending)
	end(span, outcome)
	return outcome
}

func (s *Sender) send(ctx context.Context, sending store.Sending) delivery.Outcome {
	at := s.now()
	outcome := delivery.Outcome{At: at}
	if err := s.policy.CheckURL(sending.Endpoint.URL); err != nil { // the installation allows less than it did
		outcome.Error = "the URL " + err.Error()
		return outcome
	}
	header := http.Header{"Content-Type": {payload.ContentType}}
	if err := sign(header, sending, at); err != nil {
		outcome.Error = "it cannot be signed: rotate the secret"
		return outcome
	}
	answer, err := s.client.Post(ctx, sending.Endpoint.URL, header, sending.Body)
	outcome.Took = s.now().Sub(at)
	if err != nil {
		outcome.Error = reason(err)
		return outcome
	}
	outcome.Status, outcome.Body = answer.Status, answer.Body
	outcome.RetryAfter = schedule.RetryAfter(answer.Header, s.now())
	return outcome
}

func sign(header http.Header, sending store.Sending, at time.Time) error {
	if len(sending.Secrets) == 0 {
		return errors.New("the endpoint has no secret")
	}
	secrets := make([]signature.Secret, len(sending.Secrets))
	for i, kept := range sending.Secrets {
		secret, err := signature.Parse(kept.Text)
		if err != nil {
			return err
		}
		secrets[i] = secret
	}
	signature.Sign(header, sending.Delivery.EventID.String(), at, sending.Body, secrets...)
	return nil
}

// reason says why there was no answer, to who has made the endpoint: nothing of this installation's own network.
func reason(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, guard.ErrRefused):
		return "the name stands for an address to which this installation sends no webhooks"
	case errors.As(err, &dns):
		return "the name cannot be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "it did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "the connection was closed before it was answered"
	case errors.As(err, &certificate):
		return "the certificate cannot be verified"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &alert), errors.As(err, &record):
		return "TLS failed"
	default:
		return "it could not be reached, or its answer is no HTTP"
	}
}
