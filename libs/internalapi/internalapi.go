// Package internalapi asks the internal listener of another service: one try of one question, with a span of its own and an answer of bounded size. How often
// a question is tried, and what is done without an answer, is the asker's: docs/architecture.md has all such calls.
package internalapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
	"github.com/ism-chat/ism/libs/telemetry"
)

const (
	// maxAnswer is far more than any answer takes, bytes: the longest name a thousand users.
	maxAnswer = 1 << 20
	idle      = 30 * time.Second // a connection is kept for so long
)

// Address is where the internal listener of a service is, as an http or https URL.
type Address string

// Fault is what is wrong with the address that the variable gives, or nothing. The example is one of the service.
func (a Address) Fault(variable, example string) []config.Fault {
	if at, err := url.Parse(string(a)); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return []config.Fault{{Variable: variable, Problem: "must be an http or https URL, for example " + example}}
	}
	return nil
}

// Refusal is an answer other than 200.
type Refusal struct {
	Service string
	Status  int
	Code    string // of the problem that the answer is (RFC 9457), or empty: what is no problem may come from who is not the service
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("%s answered with status %d", r.Service, r.Status)
	}
	return fmt.Sprintf("%s answered with status %d, %s", r.Service, r.Status, r.Code)
}

// Question is what a service is asked.
type Question struct {
	Method   string
	Template string // of the path, for spans
	Path     string
	Body     any                  // sent as JSON; nil: none
	About    []attribute.KeyValue // for spans
	Try      int                  // from 1
}

// Client asks one service. Its methods are safe for concurrent use.
type Client struct {
	service    string
	base       string
	credential *reread.Value[Credential]
	server     []attribute.KeyValue // where it is, for spans
	http       *http.Client
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// New makes a client of the service, of at most so many connections at once, which shows the credential. It connects when it is asked. Run it.
func New(service string, address Address, connections int, credential Credential, tel *telemetry.Telemetry) *Client {
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: idle}
	if credential.Secured() {
		transport.DialTLSContext = dialer{certificates.Keep("the certificates of internal calls", credential.Certificates(), tel.Log)}.dial
		if strings.HasPrefix(string(address), "http:") {
			tel.Log.Warn("internal calls to "+service+" go without TLS, though ISM_INTERNAL_TLS_CERT_FILE is set: its address does not begin with https:", "address", string(address))
		}
	}
	return &Client{
		service:    service,
		base:       strings.TrimRight(string(address), "/"),
		credential: credential.Keep(tel.Log),
		server:     serverOf(address),
		http: &http.Client{
			Transport: transport,
			// No service redirects: whoever does is not to be shown the credential again.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tracer:     tel.Tracer.Tracer("github.com/ism-chat/ism/libs/internalapi"),
		propagator: tel.Propagator,
	}
}

func serverOf(address Address) []attribute.KeyValue {
	at, err := url.Parse(string(address))
	if err != nil {
		return nil
	}
	server := []attribute.KeyValue{semconv.ServerAddress(at.Hostname())}
	if port, err := strconv.Atoi(at.Port()); err == nil {
		server = append(server, semconv.ServerPort(port))
	}
	return server
}

// Run closes the idle connections when ctx is done.
func (c *Client) Run(ctx context.Context) error {
	<-ctx.Done()
	c.http.CloseIdleConnections()
	return nil
}

// Ask asks once, and decodes the answer into what answer points to; nil: what is answered is passed over. The error is a [*Refusal] where the service has
// answered otherwise than with 200 or 204. After a deadline that passed, the next question is asked on a connection of its own.
func (c *Client) Ask(ctx context.Context, question Question, answer any) error {
	ctx, span := c.tracer.Start(ctx, question.Method+" "+question.Template, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(question.Method), semconv.URLTemplate(question.Template))
		span.SetAttributes(c.server...)
		span.SetAttributes(question.About...)
		if question.Try > 1 {
			span.SetAttributes(semconv.HTTPRequestResendCount(question.Try - 1))
		}
	}
	err := c.ask(ctx, span, question, answer)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		c.http.CloseIdleConnections() // they may lead to where nobody is, as the one that was used
	}
	return err
}

func (c *Client) ask(ctx context.Context, span trace.Span, question Question, answer any) error {
	request, err := c.request(ctx, question)
	if err != nil {
		return fmt.Errorf("make question to %s: %w", c.service, err)
	}
	response, err := c.http.Do(request)
	if certificates.Refused(err) != "" {
		return fmt.Errorf("ask %s: it does not take the certificate of ISM_INTERNAL_TLS_CERT_FILE: %w", c.service, err)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.service, err)
	}
	defer response.Body.Close()
	span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("read answer of %s: %w", c.service, err)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent:
		return c.refusal(response.StatusCode, body)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("decode answer of %s: %w", c.service, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, question Question) (*http.Request, error) {
	var body io.Reader
	if question.Body != nil {
		encoded, err := json.Marshal(question.Body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, question.Method, c.base+question.Path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if authorization := c.credential.Now().Authorization(); authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	c.propagator.Inject(ctx, propagation.HeaderCarrier(request.Header))
	return request, nil
}

func (c *Client) refusal(status int, body []byte) error {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &problem) // what is no problem has no code
	return &Refusal{Service: c.service, Status: status, Code: problem.Code}
}
