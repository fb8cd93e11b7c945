package operator

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/examine"
)

// answerTimeout is how long a request may take: longer than the API gives itself.
const answerTimeout = 30 * time.Second

// Config is what the environment says of the ISM that is spoken to.
type Config struct {
	URL          string        `envconfig:"URL" default:"http://localhost:5403" desc:"the ISM that the commands webhooks, dead-letters, inbox and devices speak to; a service ignores it, and what follows"`
	Token        config.Secret `envconfig:"TOKEN" desc:"a token of a backend for these commands"`
	ClientID     string        `envconfig:"CLIENT_ID" desc:"a backend's client, by which the issuer gives such a token where ISM_TOKEN is not set"`
	ClientSecret config.Secret `envconfig:"CLIENT_SECRET" desc:"the client's secret"`
	OIDC         struct {
		Issuer  string `envconfig:"ISSUER" desc:"who gives the token; empty: ISM_URL/realms/ism"`
		Address string `envconfig:"ADDRESS" desc:"where the issuer is reached, if not at its own URL"`
	} `envconfig:"OIDC"`
}

// options are the flags that all verbs have. Secrets are none of them: others see a command line.
type options struct {
	url, issuer string
	json        bool
}

func (o *options) addTo(flags *flag.FlagSet) {
	flags.StringVar(&o.url, "url", "", "")
	flags.StringVar(&o.issuer, "issuer", "", "")
	flags.BoolVar(&o.json, "json", false, "")
}

// session is one call of a command. Close it.
type session struct {
	client *client.Client
	http   *http.Client
	out    io.Writer
	json   bool
	now    func() time.Time
}

// open makes a session. The error is a [deployable.UsageError] or [config.Faults].
func open(environ []string, asked options, stdout io.Writer) (*session, error) {
	var known Config
	found, err := config.Survey(environ, &known)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the environment: %w", err)
	case len(found.Malformed) > 0:
		return nil, found.Malformed
	}
	base := cmp.Or(asked.url, known.URL)
	if err := checkURL("the URL of ISM", base); err != nil {
		return nil, err
	}
	issuer := cmp.Or(asked.issuer, known.OIDC.Address, known.OIDC.Issuer, strings.TrimRight(base, "/")+"/realms/ism")
	if err := checkURL("the issuer", issuer); err != nil {
		return nil, err
	}
	http := examine.NewClient()
	http.Timeout = answerTimeout
	token, err := known.tokens(http, issuer)
	if err != nil {
		return nil, err
	}
	return &session{client: client.New(base, http, token), http: http, out: stdout, json: asked.json, now: time.Now}, nil
}

func (s *session) close() { s.http.CloseIdleConnections() }

func checkURL(what, text string) error {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return deployable.UsageError(what + " must be an http or https URL")
	}
	return nil
}

// tokens is where tokens come from: a token that was given, or the issuer, by the client credentials grant, once.
func (k *Config) tokens(http *http.Client, issuer string) (client.TokenSource, error) {
	switch {
	case k.Token.Reveal() != "":
		return client.Token(k.Token.Reveal()), nil
	case k.ClientID == "" || k.ClientSecret.Reveal() == "":
		return nil, deployable.UsageError("ISM_TOKEN must be set, or ISM_CLIENT_ID and ISM_CLIENT_SECRET, as a backend has them")
	}
	var token string
	return func(ctx context.Context) (string, error) {
		if token != "" {
			return token, nil
		}
		var err error
		token, _, err = client.BackendToken(ctx, http, issuer, k.ClientID, k.ClientSecret.Reveal())
		return token, err //nolint:wrapcheck // it says what was being done
	}, nil
}

// explain says of a problem what somebody needs who looks for its cause.
func explain(err error) error {
	var problem *client.Problem
	if !errors.As(err, &problem) {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s, status %d)", cmp.Or(printable(problem.Title), "refused"), cmp.Or(printable(problem.Code), "without a code"), problem.Status)
	if problem.Detail != "" {
		fmt.Fprintf(&text, ": %s", printable(problem.Detail))
	}
	if problem.RetryAfter != "" {
		fmt.Fprintf(&text, "; try again after %s s", printable(problem.RetryAfter))
	}
	fmt.Fprintf(&text, "; trace id %s", cmp.Or(printable(problem.TraceID), "unknown: it was not ISM that answered"))
	return errors.New(text.String())
}
