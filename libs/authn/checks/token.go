package checks

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// accessToken is what a token says in its header and its claims, believed without its signature.
type accessToken struct {
	Algorithm string   `json:"alg"`
	KeyID     string   `json:"kid"`
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Azp       string   `json:"azp"`
	ClientID  string   `json:"client_id"`
	Expires   float64  `json:"exp"` // seconds since 1970
	IssuedAt  float64  `json:"iat"` // seconds since 1970; 0: it does not say
}

// audience is one text or a list of them (RFC 7519, section 4.1.3); anything else is none.
type audience []string

func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	_ = json.Unmarshal(raw, (*[]string)(a))
	return nil
}

func readToken(text string) (accessToken, error) {
	var token accessToken
	segments := strings.Split(text, ".")
	if len(segments) != 3 {
		return accessToken{}, errors.New("the access token is no JWT")
	}
	for _, segment := range []string{segments[1], segments[0]} { // the header last: its alg and kid are those that count
		document, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			return accessToken{}, errors.New("the access token is not base64url")
		}
		if err := json.Unmarshal(document, &token); err != nil {
			return accessToken{}, errors.New("the access token has other JSON than a JWT")
		}
	}
	if token.Subject == "" {
		return accessToken{}, errors.New("the token has no sub")
	}
	return token, nil
}
