package authn

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxName    = 255          // characters
	maxTenant  = 64           // characters
	maxPicture = 2048         // bytes, as the URL is written here
	maxSession = 255          // bytes
	maxDate    = 253402300799 // seconds; the end of the year 9999, beyond which there is no RFC 3339
)

// claimNames are the names of the claims that an issuer may call as it likes. They are exact: "https://example.com/name" and "a.b" are
// names of one claim each.
type claimNames struct {
	display []string // the first that has a text counts
	picture string
	tenant  string // "": there is none
}

// claims are the claims of an access token that matter here (RFC 7519 section 4.1, RFC 9068 section 2.2, OpenID Connect
// Core 1.0 section 5.1, and Keycloak's typ).
type claims struct {
	names claimNames

	issuer    string
	subject   string
	audience  jwt.ClaimStrings
	expires   *jwt.NumericDate
	notBefore *jwt.NumericDate
	issued    time.Time // iat; zero: there is none that can be read
	typ       string
	use       string // Amazon Cognito's token_use
	azp       string
	clientID  string
	username  string
	picture   string
	tenant    string
	session   string   // sid; "": there is none that can be read
	id        string   // jti; "": there is none that can be read
	roles     []string // RFC 9068 section 2.2.3.1, or Keycloak's realm roles
	scopes    []string // RFC 8693 section 4.2, or the scp of Microsoft Entra and Okta
	hashes    bool     // of other tokens that came with it
	nonce     bool
	bound     bool // to a key of its holder's
	events    bool // of which it tells (RFC 8417 section 2.2)
	logout    bool // one of them is a logout
}

// has reports whether the token has a role or a scope of the name.
func (c *claims) has(name string) bool {
	return name != "" && (slices.Contains(c.roles, name) || slices.Contains(c.scopes, name))
}

// client is the client that the token was given to.
func (c *claims) client() string { return cmp.Or(c.azp, c.clientID) }

// UnmarshalJSON takes claims by their exact names. Decoding into a struct would let a claim "Sub" pass for "sub".
func (c *claims) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, claim := range []struct {
		name  string
		value any
	}{
		{"iss", &c.issuer},
		{"sub", &c.subject},
		{"aud", &c.audience},
		{"typ", &c.typ},
		{"token_use", &c.use},
		{"azp", &c.azp},
		{"client_id", &c.clientID},
	} {
		raw, ok := all[claim.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, claim.value); err != nil {
			return fmt.Errorf("claim %s: %w", claim.name, err)
		}
	}
	c.readProfile(all)
	c.readRights(all)
	c.readKind(all)
	c.readSession(all)
	if err := c.readTenant(all); err != nil {
		return err
	}
	c.issued = readIssued(all["iat"])
	var err error
	if c.expires, err = date(all["exp"]); err != nil {
		return fmt.Errorf("claim exp: %w", err)
	}
	if c.notBefore, err = date(all["nbf"]); err != nil {
		return fmt.Errorf("claim nbf: %w", err)
	}
	return nil
}

// readProfile reads what others see of a user. It decides nothing, so what is no text is like what is not there.
func (c *claims) readProfile(all map[string]json.RawMessage) {
	for _, name := range c.names.display {
		if c.username = printable(text(all[name])); c.username != "" {
			break
		}
	}
	c.picture = picture(text(all[c.names.picture]))
}

func text(raw json.RawMessage) (value string) {
	if json.Unmarshal(raw, &value) != nil {
		return ""
	}
	return value
}

// readRights reads what a token may do. Issuers use these names in forms of their own, so what is not understood gives no role.
func (c *claims) readRights(all map[string]json.RawMessage) {
	if json.Unmarshal(all["roles"], &c.roles) != nil {
		c.roles = nil
	}
	var realm struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(all["realm_access"], &realm) == nil {
		c.roles = append(c.roles, realm.Roles...)
	}
	c.scopes = append(strings.Fields(text(all["scope"])), strings.Fields(text(all["scp"]))...)
	var listed []string // as Okta has it
	if json.Unmarshal(all["scp"], &listed) == nil {
		c.scopes = append(c.scopes, listed...)
	}
}

// readKind reads what tells access tokens and others apart.
func (c *claims) readKind(all map[string]json.RawMessage) {
	given := func(name string) bool {
		raw, ok := all[name]
		return ok && string(raw) != "null"
	}
	// Only an ID token has these (OpenID Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11).
	c.hashes = given("at_hash") || given("c_hash") || given("s_hash")
	c.nonce = given("nonce")
	c.bound = given("cnf")
	c.events = given("events")
	c.logout = isLogout(all["events"])
}

// readSession reads by what a token is told from others of its user. What is no text, or too long, is like what is not there.
func (c *claims) readSession(all map[string]json.RawMessage) {
	if c.session = text(all["sid"]); len(c.session) > maxSession {
		c.session = ""
	}
	c.id = text(all["jti"])
}

// readTenant reads which tenant a token belongs to. Tenants are kept apart by it, so one that cannot be read is no token.
func (c *claims) readTenant(all map[string]json.RawMessage) error {
	raw, ok := all[c.names.tenant]
	if c.names.tenant == "" || !ok {
		return nil
	}
	if err := json.Unmarshal(raw, &c.tenant); err != nil {
		return fmt.Errorf("claim %s: %w", c.names.tenant, err)
	}
	if !IsTenant(c.tenant) {
		return fmt.Errorf("claim %s is no name of a tenant", c.names.tenant)
	}
	return nil
}

// IsTenant reports whether a text can name a tenant: up to 64 characters that can be seen, or none at all.
func IsTenant(name string) bool {
	return utf8.RuneCountInString(name) <= maxTenant && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
}

// readIssued reads when a token was issued. That only orders tokens, so what cannot be read is like what is not there.
func readIssued(raw json.RawMessage) time.Time {
	var seconds float64
	if len(raw) == 0 || json.Unmarshal(raw, &seconds) != nil || seconds <= 0 || seconds > maxDate {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6)).UTC()
}

// date reads a NumericDate (RFC 7519 section 2): a number, not a string of digits.
func date(raw json.RawMessage) (*jwt.NumericDate, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return nil, err
	}
	if seconds < 0 || seconds > maxDate {
		return nil, errors.New("out of range")
	}
	return jwt.NewNumericDate(time.Unix(int64(seconds), 0)), nil
}

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.notBefore, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return c.audience, nil }

// checkKind refuses what is no access token, or none that its bearer alone may use. access says that the token's header calls it one.
func (c *claims) checkKind(access bool) error {
	switch {
	// Keycloak names the kind of its tokens here: ID, Refresh, Offline, Logout and DPoP, none of which is a bearer token.
	case c.typ != "" && !strings.EqualFold(c.typ, "Bearer"):
		return fmt.Errorf("a token of the type %q is no access token", clip(c.typ))
	case c.use != "" && c.use != "access":
		return fmt.Errorf("a token whose token_use is %q is no access token", clip(c.use))
	case c.hashes:
		return errors.New("an ID token is no access token: it has the hash of another (at_hash, c_hash or s_hash)")
	// A nonce is the sign-in's (OpenID Connect Core 1.0 section 2). Keycloak up to 24 repeats it in access tokens, which say what they are.
	case c.nonce && !access && c.typ == "" && c.use == "" && len(c.scopes) == 0:
		return errors.New("an ID token is no access token: it has a nonce, and nothing that an access token has (a type, token_use, scope or scp)")
	case c.events:
		return errors.New("a token that tells of events (a logout token, RFC 8417) is no access token")
	case c.bound:
		return errors.New("the token is bound to a key (cnf, RFC 7800), of which no proof is checked here: have the issuer give bearer tokens, without DPoP and without client certificates")
	}
	return nil
}

// checkLife refuses a token that is valid for longer than is allowed: from when it was issued or, where that is not known or yet to come, from now.
func (c *claims) checkLife(longest, leeway time.Duration, now time.Time) error {
	from := c.issued
	if from.IsZero() || from.After(now) {
		from = now
	}
	if life := c.expires.Sub(from); life > longest+leeway {
		return fmt.Errorf("the token is valid for %s; allowed by ISM_OIDC_MAX_TOKEN_LIFE: %s", life.Round(time.Second), longest)
	}
	return nil
}

// principal gives whom the claims speak for, without the id.
func (c *claims) principal() Principal {
	return Principal{
		Username:  c.username,
		Picture:   c.picture,
		ClientID:  c.client(),
		Tenant:    c.tenant,
		SessionID: c.session,
		IssuedAt:  c.issued,
		ExpiresAt: c.expires.Time,
	}
}

// printable drops control characters, which a store may not take, and those that turn the direction of text, and cuts at maxName characters.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	if utf8.RuneCountInString(name) > maxName {
		name = string([]rune(name)[:maxName])
	}
	return strings.TrimSpace(name)
}

// picture keeps a URL that a browser may load, and nothing that it may run.
func picture(value string) string {
	if len(value) > maxPicture {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return ""
	}
	if value = u.String(); len(value) > maxPicture { // what is escaped becomes longer
		return ""
	}
	return value
}
