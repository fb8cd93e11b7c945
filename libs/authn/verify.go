package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxToken = 16 << 10 // bytes
	maxDepth = 16       // levels of JSON; Keycloak's tokens have four
)

// Verify checks a token. [ErrNoKeys], [ErrOldKeys] and [ErrNoSignOuts] mean that it could not be verified, [ErrScope] that it is valid and does not
// suffice; every other error means the same 401, and its text is for the log. The text never contains the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	principal, err := v.verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	if err := v.checkSession(ctx, principal.Session()); err != nil {
		return Principal{}, err
	}
	return principal, nil
}

// verify checks a token by what it says itself.
func (v *Verifier) verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken {
		return Principal{}, fmt.Errorf("the token has %d bytes; allowed: %d", len(token), maxToken)
	}
	digest := sha256.Sum256([]byte(token))
	if principal, ok := v.accepted.recall(digest); ok {
		return principal, nil
	}
	payload, err := checkShape(token)
	if err != nil {
		return Principal{}, err
	}
	by, generation, err := v.trustIn(payload)
	if err != nil {
		return Principal{}, err
	}
	principal, err := by.principalOf(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	v.accepted.remember(digest, principal, by, generation)
	return principal, nil
}

// trustIn gives the issuer that a token says it is of, which its signature has yet to prove, and the generation of its keys. Errors: [ErrNoKeys],
// [ErrOldKeys], and that there is none.
func (v *Verifier) trustIn(payload []byte) (by *trust, generation uint64, err error) {
	if by, err = v.issuerOf(payload); err != nil {
		return nil, 0, err
	}
	if generation = by.keys.generation.Load(); generation == 0 {
		return nil, 0, ErrNoKeys
	}
	if by.keys.old() {
		return nil, 0, ErrOldKeys
	}
	return by, generation, nil
}

func (v *Verifier) issuerOf(payload []byte) (*trust, error) {
	if len(v.trusted) == 1 {
		return v.trusted[0], nil
	}
	var said string
	var all map[string]json.RawMessage // by its exact name, see claims.UnmarshalJSON
	if json.Unmarshal(payload, &all) != nil || json.Unmarshal(all["iss"], &said) != nil {
		return nil, errors.New("the token does not say which issuer it is of")
	}
	for _, t := range v.trusted {
		if t.cfg.Issuer == said {
			return t, nil
		}
	}
	return nil, fmt.Errorf("the token is of the issuer %q, which is not trusted", clip(said))
}

// checkShape refuses what should not even be parsed: not three segments of base64url, JSON that is nested too deep. It gives the payload.
func checkShape(token string) (payload []byte, err error) {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return nil, fmt.Errorf("the token has %d segments instead of three", len(segments))
	}
	// base64 skips line breaks, so that one token would have many spellings.
	if strings.ContainsAny(token, "\r\n") {
		return nil, errors.New("the token has a line break")
	}
	for _, segment := range segments[:2] {
		payload, err = base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil {
			return nil, errors.New("the token is not base64url")
		}
		if tooDeep(payload) {
			return nil, fmt.Errorf("the token's JSON has more than %d levels", maxDepth)
		}
	}
	return payload, nil
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
// (RFC 7515 section 4.1.11). It reports whether the header says that this is an access token (RFC 9068 section 2.1).
func checkHeader(token *jwt.Token) (access bool, err error) {
	if _, ok := token.Header["crit"]; ok {
		return false, errors.New("the token demands an extension that is not known here")
	}
	typ, present := token.Header["typ"]
	if !present {
		return false, nil
	}
	name, ok := typ.(string)
	if !ok {
		return false, errors.New("the header's typ is no string")
	}
	switch strings.TrimPrefix(strings.ToLower(name), "application/") {
	case "jwt":
		return false, nil
	case "at+jwt":
		return true, nil
	default:
		return false, fmt.Errorf("a token of the type %q is no access token", clip(name))
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
