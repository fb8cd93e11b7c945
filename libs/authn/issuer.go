package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/MicahParks/jwkset"
)

const (
	maxDocument  = 1 << 20 // bytes of a discovery document or a key set
	maxKeys      = 64      // a token without a key id is tried against every key
	minRSABits   = 2048    // NIST SP 800-131A
	maxRSABits   = 8192    // the cost of a verification grows with the square
	maxRedirects = 3
)

// issuer is an OpenID Connect provider, reached over HTTP.
type issuer struct {
	name    string // as tokens carry it
	address string // as it is reached
	log     *slog.Logger
	client  *http.Client
}

func newIssuer(name, address string, log *slog.Logger) *issuer {
	if address == "" {
		address = name
	}
	transport := http.DefaultTransport
	if t, ok := transport.(*http.Transport); ok {
		transport = t.Clone()
	}
	return &issuer{
		name:    name,
		address: address,
		log:     log,
		client:  &http.Client{Transport: transport, CheckRedirect: checkRedirect},
	}
}

// checkRedirect keeps a fetch that began under TLS under TLS.
func checkRedirect(to *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	return nil
}

// keys fetches the issuer's discovery document and then its keys, as far as they can verify a signature.
func (i *issuer) keys(ctx context.Context) ([]jwkset.JWK, error) {
	at, err := i.discover(ctx)
	if err != nil {
		return nil, fmt.Errorf("discover the issuer: %w", err)
	}
	var set jwkset.JWKSMarshal
	if err := i.get(ctx, at, &set); err != nil {
		return nil, fmt.Errorf("fetch the issuer's keys: %w", err)
	}
	var keys []jwkset.JWK
	for _, published := range set.Keys {
		key, err := signatureKey(published)
		if err != nil {
			i.log.DebugContext(ctx, "a key of the issuer is not used", "kid", clip(published.KID), "reason", clip(err.Error()))
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("fetch the issuer's keys: none of the %d at %s can verify a signature", len(set.Keys), at)
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("fetch the issuer's keys: %d at %s, more than %d", len(keys), at, maxKeys)
	}
	return keys, nil
}

const discoveryPath = "/.well-known/openid-configuration"

// discovery is what is needed of a discovery document.
type discovery struct {
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
}

// discover gives the address of the issuer's key set (OpenID Connect Discovery 1.0, section 4).
func (i *issuer) discover(ctx context.Context) (string, error) {
	var document discovery
	at := strings.TrimSuffix(i.address, "/") + discoveryPath
	if err := i.get(ctx, at, &document); err != nil {
		return "", err
	}
	if document.Issuer != i.name {
		return "", fmt.Errorf("%s speaks for the issuer %q, not for the configured %q", at, document.Issuer, i.name)
	}
	keys, err := i.reachable(document.JWKSURI)
	if err != nil {
		return "", fmt.Errorf("%s names the key set %q: %w", at, document.JWKSURI, err)
	}
	return keys, nil
}

// reachable gives the URL at which a resource of the issuer is reached from here: what lies under the issuer's own URL, or
// at least at its origin, lies at the configured address instead.
func (i *issuer) reachable(resource string) (string, error) {
	target, err := url.Parse(resource)
	if err != nil {
		return "", errors.New("not a URL")
	}
	name, err := url.Parse(i.name)
	if err != nil {
		return "", errors.New("the issuer is not a URL")
	}
	address, err := url.Parse(i.address)
	if err != nil {
		return "", errors.New("the issuer's address is not a URL")
	}
	if i.address != i.name {
		if rest, under := strings.CutPrefix(resource, strings.TrimSuffix(i.name, "/")+"/"); under {
			return strings.TrimSuffix(i.address, "/") + "/" + rest, nil
		}
		if target.Scheme == name.Scheme && target.Host == name.Host {
			target.Scheme, target.Host = address.Scheme, address.Host
		}
	}
	switch {
	case target.Host == "" || (target.Scheme != "https" && target.Scheme != "http"):
		return "", errors.New("not an http or https URL")
	case address.Scheme == "https" && target.Scheme != "https":
		return "", errors.New("not https, as the issuer is")
	}
	return target.String(), nil
}

func (i *issuer) get(ctx context.Context, at string, document any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", at, err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := i.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", at, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", at, err)
	}
	if len(body) > maxDocument {
		return fmt.Errorf("%s answered with more than %d bytes", at, maxDocument)
	}
	if err := json.Unmarshal(body, document); err != nil {
		return fmt.Errorf("%s answered with other JSON than expected: %w", at, err)
	}
	return nil
}
