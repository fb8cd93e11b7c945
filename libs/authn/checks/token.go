package checks

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// tokenParts are what a token says, believed without its signature.
type tokenParts struct {
	Algorithm string
	KeyID     string
	Issuer    string
	Audience  []string
	IssuedAt  int64 // seconds since 1970; 0: it does not say
}

func readToken(token string) (tokenParts, error) {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return tokenParts{}, errors.New("the access token is no JWT")
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	var claims struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		IssuedAt float64         `json:"iat"`
	}
	for segment, into := range map[string]any{segments[0]: &header, segments[1]: &claims} {
		document, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			return tokenParts{}, errors.New("the access token is not base64url")
		}
		if err := json.Unmarshal(document, into); err != nil {
			return tokenParts{}, errors.New("the access token has other JSON than a JWT")
		}
	}
	if _, err := uuid.Parse(claims.Subject); err != nil {
		return tokenParts{}, errors.New("the token's sub is no UUID")
	}
	return tokenParts{header.Algorithm, header.KeyID, claims.Issuer, audience(claims.Audience), int64(claims.IssuedAt)}, nil
}

// audience is one text or a list of them (RFC 7519, section 4.1.3).
func audience(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var several []string
	_ = json.Unmarshal(raw, &several) // anything else is no audience
	return several
}
