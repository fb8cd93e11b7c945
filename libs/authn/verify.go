package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxToken = 16 << 10 // bytes
	maxDepth = 16       // levels of JSON; Keycloak's tokens have four
)

// Verify checks a token. [ErrNoKeys] means that it could not be verified; every other error means the same 401, and its
// text is for the log. The text never contains the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, fmt.Errorf("the token has %d bytes; allowed: %d", len(token), maxToken)
	}
	generation := v.keys.generation.Load()
	digest := sha256.Sum256([]byte(token))
	if principal, ok := v.accepted.recall(digest, generation); ok {
		return principal, nil
	}
	if err := checkShape(token); err != nil {
		return Principal{}, err
	}
	if generation == 0 {
		return Principal{}, ErrNoKeys
	}
	principal, err := v.principalOf(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	v.accepted.remember(digest, generation, principal)
	return principal, nil
}

func (v *Verifier) principalOf(ctx context.Context, token string) (Principal, error) {
	c := claims{tenantClaim: v.tenant}
	parsed, err := v.parser.ParseWithClaims(token, &c, v.keyOf(ctx))
	if err != nil {
		return Principal{}, err
	}
	if err := checkHeader(parsed); err != nil {
		return Principal{}, err
	}
	principal, err := c.principal()
	principal.Admin = c.has(v.admin)
	principal.Backend = principal.Admin || principal.ClientID != "" && slices.Contains(v.backends, principal.ClientID)
	return principal, err
}

// checkShape refuses what should not even be parsed: not three segments of base64url, JSON that is nested too deep.
func checkShape(token string) error {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return fmt.Errorf("the token has %d segments instead of three", len(segments))
	}
	// base64 skips line breaks, so that one token would have many spellings.
	if strings.ContainsAny(token, "\r\n") {
		return errors.New("the token has a line break")
	}
	for _, segment := range segments[:2] {
		document, err := base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil {
			return errors.New("the token is not base64url")
		}
		if tooDeep(document) {
			return fmt.Errorf("the token's JSON has more than %d levels", maxDepth)
		}
	}
	return nil
}

// tooDeep reports whether JSON is nested deeper than maxDepth. It does not care whether it is valid.
func tooDeep(document []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, b := range document {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = b == '\\'
			quoted = b != '"'
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			depth++
			if depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// checkHeader refuses tokens of other kinds (RFC 8725 section 3.11), and those whose header demands an extension
// (RFC 7515 section 4.1.11).
func checkHeader(token *jwt.Token) error {
	if _, ok := token.Header["crit"]; ok {
		return errors.New("the token demands an extension that is not known here")
	}
	typ, present := token.Header["typ"]
	if !present {
		return nil
	}
	name, ok := typ.(string)
	if !ok {
		return errors.New("the header's typ is no string")
	}
	switch strings.TrimPrefix(strings.ToLower(name), "application/") {
	case "jwt", "at+jwt":
		return nil
	default:
		return fmt.Errorf("a token of the type %q is no access token", clip(name))
	}
}

const maxClip = 200 // bytes

// clip cuts foreign text for the log.
func clip(text string) string {
	if len(text) > maxClip {
		return strings.ToValidUTF8(text[:maxClip], "") + "…"
	}
	return text
}
