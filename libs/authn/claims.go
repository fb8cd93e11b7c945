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
	"github.com/google/uuid"
)

const (
	maxName    = 255          // characters
	maxTenant  = 64           // characters
	maxPicture = 2048         // bytes, as the URL is written here
	maxDate    = 253402300799 // seconds; the end of the year 9999, beyond which there is no RFC 3339
)

// claims are the claims of an access token that matter here (RFC 7519 section 4.1, RFC 9068 section 2.2, OpenID Connect
// Core 1.0 section 5.1, and Keycloak's typ).
type claims struct {
	issuer    string
	subject   string
	audience  jwt.ClaimStrings
	expires   *jwt.NumericDate
	notBefore *jwt.NumericDate
	issued    time.Time // iat; zero: there is none that can be read
	typ       string
	azp       string
	clientID  string
	username  string
	name      string
	picture   string
	roles     []string // RFC 9068 section 2.2.3.1, or Keycloak's realm roles
	scope     string   // RFC 8693 section 4.2: scopes with spaces between them
	idToken   bool

	tenantClaim string // its name; "": there is none
	tenant      string
}

// has reports whether the token has a role or a scope of the name.
func (c *claims) has(name string) bool {
	return name != "" && (slices.Contains(c.roles, name) || slices.Contains(strings.Fields(c.scope), name))
}

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
		{"azp", &c.azp},
		{"client_id", &c.clientID},
		{"preferred_username", &c.username},
		{"name", &c.name},
		{"picture", &c.picture},
	} {
		raw, ok := all[claim.name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(raw, claim.value); err != nil {
			return fmt.Errorf("claim %s: %w", claim.name, err)
		}
	}
	c.readRoles(all)
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
	// Only an ID token has these (OpenID Connect Core 1.0 sections 3.1.3.6 and 3.3.2.11).
	for _, name := range []string{"at_hash", "c_hash", "s_hash"} {
		if _, ok := all[name]; ok {
			c.idToken = true
		}
	}
	return nil
}

// readRoles reads what a token may do. Issuers use these names in forms of their own, so what is not understood gives no role.
func (c *claims) readRoles(all map[string]json.RawMessage) {
	if json.Unmarshal(all["roles"], &c.roles) != nil {
		c.roles = nil
	}
	var realm struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(all["realm_access"], &realm) == nil {
		c.roles = append(c.roles, realm.Roles...)
	}
	if json.Unmarshal(all["scope"], &c.scope) != nil {
		c.scope = ""
	}
}

// readTenant reads which tenant a token belongs to. Tenants are kept apart by it, so one that cannot be read is no token.
func (c *claims) readTenant(all map[string]json.RawMessage) error {
	raw, ok := all[c.tenantClaim]
	if c.tenantClaim == "" || !ok {
		return nil
	}
	if err := json.Unmarshal(raw, &c.tenant); err != nil {
		return fmt.Errorf("claim %s: %w", c.tenantClaim, err)
	}
	if !IsTenant(c.tenant) {
		return fmt.Errorf("claim %s is no name of a tenant", c.tenantClaim)
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

// principal gives whom the claims speak for, or why they are not those of an access token.
func (c *claims) principal() (Principal, error) {
	// Keycloak names the kind of its tokens here: ID, Refresh, Offline, Logout and DPoP, none of which is a bearer token.
	if c.typ != "" && !strings.EqualFold(c.typ, "Bearer") {
		return Principal{}, fmt.Errorf("a token of the type %q is no access token", clip(c.typ))
	}
	if c.idToken {
		return Principal{}, errors.New("an ID token is no access token")
	}
	user, err := uuid.Parse(c.subject)
	if err != nil || len(c.subject) != 36 || user == uuid.Nil {
		return Principal{}, errors.New("sub is no UUID")
	}
	return Principal{
		UserID:    user,
		Username:  cmp.Or(printable(c.username), printable(c.name)),
		Picture:   picture(c.picture),
		ClientID:  cmp.Or(c.azp, c.clientID),
		Tenant:    c.tenant,
		IssuedAt:  c.issued,
		ExpiresAt: c.expires.Time,
	}, nil
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
