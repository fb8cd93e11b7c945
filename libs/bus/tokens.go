package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
)

const (
	tokenTimeout = 10 * time.Second // of a request for a token
	// failureFor is how long a failure is told to all who ask, instead of a request for each. A client asks again ten seconds after a failure.
	failureFor = 5 * time.Second
	// A token is given to all who ask in so small a part of its life, the first quarter, so that each client has time to get the next one.
	sharedPart = 4
	// leastLeft is how long a token must still be good for to be given to a client while no new one can be got.
	leastLeft = 10 * time.Second
	mostSaid  = 200 // bytes of what a token endpoint says that are told
)

// tokens gets the tokens of OAUTHBEARER for all clients of a bus, with the client secret that its file has by now: librdkafka gets them by itself, but with the
// secret that a client was made with. One request is made at a time, for all who ask meanwhile.
type tokens struct {
	cfg     OAuth
	secret  *reread.Value[config.Secret]
	log     *slog.Logger
	connect func() (*http.Client, error)

	failed atomic.Pointer[error] // of the newest request; nil: it has brought the token, or there was none

	turn chan struct{} // has room for one; whoever has put something in has what stands below
	// The grant remembers how the token endpoint wants to be shown the secret: in a header or in the body (RFC 6749, section 2.3.1).
	grant       clientcredentials.Config
	token       kafka.OAuthBearerToken // the newest
	sharedUntil time.Time              // until when that is the answer to who asks
	used        config.Secret          // the secret of the newest request
	often       rate.Sometimes
}

func newTokens(cfg OAuth, log *slog.Logger) *tokens {
	return &tokens{
		cfg: cfg, log: log, connect: cfg.connect, turn: make(chan struct{}, 1), used: cfg.ClientSecret,
		secret: reread.Secret("Kafka's client secret", cfg.ClientSecret, cfg.ClientSecretFile, nil, log),
		grant:  clientcredentials.Config{ClientID: cfg.ClientID, TokenURL: cfg.TokenURL, Scopes: strings.Fields(cfg.Scope)},
		often:  rate.Sometimes{First: 1, Interval: time.Minute},
	}
}

// now gives a token to a client that has the given one, "" for none: the newest while it is young, otherwise a new one. The error says what an
// operator can do, and never contains the secret; it is that of ctx where that is done.
func (t *tokens) now(ctx context.Context, has string) (kafka.OAuthBearerToken, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return kafka.OAuthBearerToken{}, ctx.Err()
	}
	if err := ctx.Err(); err != nil { // both may have been there
		return kafka.OAuthBearerToken{}, err
	}
	if secret := t.secret.Now(); secret != t.used || !time.Now().Before(t.sharedUntil) {
		token, err := t.fetch(ctx, secret)
		if err != nil && ctx.Err() != nil {
			return kafka.OAuthBearerToken{}, ctx.Err()
		}
		t.note(ctx, secret, token, err)
	}
	if failure := t.failure(); failure != nil && (t.token.TokenValue == has || time.Until(t.token.Expiration) < leastLeft) {
		return kafka.OAuthBearerToken{}, failure
	}
	return t.token, nil
}

// failure is why the newest request has brought no token.
func (t *tokens) failure() error {
	if failed := t.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// note keeps what a request has brought.
func (t *tokens) note(ctx context.Context, secret config.Secret, token kafka.OAuthBearerToken, err error) {
	changed, failed := secret != t.used, t.failure() != nil
	t.used = secret
	if err != nil {
		t.failed.Store(&err)
		t.sharedUntil = time.Now().Add(failureFor)
		t.often.Do(func() {
			t.log.WarnContext(ctx, "no token for Kafka is got; the clients go on with the one that they have until it ends", "error", err.Error())
		})
		return
	}
	t.failed.Store(nil)
	t.token, t.sharedUntil = token, time.Now().Add(time.Until(token.Expiration)/sharedPart)
	if changed {
		t.log.InfoContext(ctx, "tokens for Kafka are got with the client secret that its file has by now")
	}
	if failed {
		t.often = rate.Sometimes{First: 1, Interval: time.Minute} // the next failure is news
		t.log.InfoContext(ctx, "tokens for Kafka are got again")
	}
}

// fetch asks the token endpoint (RFC 6749, section 4.4).
func (t *tokens) fetch(ctx context.Context, secret config.Secret) (kafka.OAuthBearerToken, error) {
	client, err := t.connect()
	if err != nil {
		return kafka.OAuthBearerToken{}, fmt.Errorf("the file of …_OAUTH_CA_FILE %w", err)
	}
	asking, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	t.grant.ClientSecret = secret.Reveal()
	got, err := t.grant.Token(context.WithValue(asking, oauth2.HTTPClient, client))
	if err != nil {
		return kafka.OAuthBearerToken{}, t.explain(err, secret)
	}
	ends, err := endOf(got)
	if err != nil {
		return kafka.OAuthBearerToken{}, fmt.Errorf("the token of %s cannot be used: %w", t.cfg.TokenURL, err)
	}
	return kafka.OAuthBearerToken{TokenValue: got.AccessToken, Expiration: ends, Principal: t.cfg.ClientID, Extensions: t.cfg.extensions()}, nil
}

// endOf is when a token ends: as the answer says, where it does, and otherwise as the token itself does, if it is a JWT.
func endOf(token *oauth2.Token) (time.Time, error) {
	if !token.Expiry.IsZero() {
		return token.Expiry, nil
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token.AccessToken, &claims); err != nil || claims.ExpiresAt == nil { // the brokers verify it
		return time.Time{}, errors.New("neither the answer (expires_in) nor the token (exp) says when it ends")
	}
	return claims.ExpiresAt.Time, nil
}

// explain says why there is no token, and what to do.
func (t *tokens) explain(err error, secret config.Secret) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s has not answered within %s: see whether it runs and is reached from here", t.cfg.TokenURL, tokenTimeout)
	}
	refused, answered := errors.AsType[*oauth2.RetrieveError](err)
	if !answered {
		if request, failed := errors.AsType[*url.Error](err); failed { // it would tell the address again
			err = request.Err
		}
		return fmt.Errorf("%s gives no token: %w", t.cfg.TokenURL, err)
	}
	said := refused.ErrorCode
	if refused.ErrorDescription != "" {
		said += ", " + refused.ErrorDescription
	}
	if strings.Contains(said, secret.Reveal()) {
		said = ""
	}
	do := "see …_OAUTH_TOKEN_URL, and the server's log"
	switch refused.ErrorCode {
	case "invalid_client", "unauthorized_client":
		do = fmt.Sprintf("compare …_OAUTH_CLIENT_ID (%s) and …_OAUTH_CLIENT_SECRET with what the server has, and see whether the client has the grant of client credentials",
			t.cfg.ClientID)
	case "invalid_scope":
		do = "correct …_OAUTH_SCOPE"
	}
	return fmt.Errorf("%s refuses a token with status %d, %q: %s", t.cfg.TokenURL, refused.Response.StatusCode, said[:min(len(said), mostSaid)], do)
}

// connect makes the client for one request. Requests are minutes apart, so it keeps no connection.
func (o OAuth) connect() (*http.Client, error) {
	trusted := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		authorities, err := Certificates(o.CAFile)
		if err != nil {
			return nil, err
		}
		trusted.RootCAs = x509.NewCertPool()
		for _, authority := range authorities {
			trusted.RootCAs.AddCert(authority)
		}
	}
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trusted, DisableKeepAlives: true},
		// The secret goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// extensions are those of RFC 7628, section 3.1.
func (o OAuth) extensions() map[string]string {
	all := map[string]string{}
	for extension := range strings.SplitSeq(o.Extensions, ",") {
		if key, value, ok := strings.Cut(extension, "="); ok {
			all[strings.TrimSpace(key)] = value
		}
	}
	return all
}
