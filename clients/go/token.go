package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// keptToken keeps an access token, and asks for another one when there is none, when it was refused and when it is about to expire: once at a time.
type keptToken struct {
	ask     TokenSource
	turn    chan struct{} // holds a value while somebody reads or asks; the fields below are theirs
	token   string
	renewAt time.Time // zero: the token does not say when it expires
}

// tokenLeeway is how long before its end a token is replaced; of a short one it is a tenth of its life.
const tokenLeeway = 30 * time.Second

func keep(ask TokenSource) *keptToken { return &keptToken{ask: ask, turn: make(chan struct{}, 1)} }

// get gives a token that is not the refused one, unless the source knows no other.
func (k *keptToken) get(ctx context.Context, refused string) (string, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if k.token != "" && k.token != refused && (k.renewAt.IsZero() || time.Now().Before(k.renewAt)) {
		return k.token, nil
	}
	token, err := k.ask(ctx)
	if err != nil {
		return "", err
	}
	k.token, k.renewAt = token, time.Time{}
	if life := lifeOf(token, time.Now()); life > 0 {
		k.renewAt = time.Now().Add(life - min(tokenLeeway, life/10))
	}
	return token, nil
}

// forget has the next get ask.
func (k *keptToken) forget(ctx context.Context) {
	select {
	case k.turn <- struct{}{}:
		k.token = ""
		<-k.turn
	case <-ctx.Done():
	}
}

// lifeOf is for how long a token is good, 0 where it does not say. This machine's clock may be wrong by days: then it is what the issuer has given it,
// between iat and exp (RFC 7519, section 4.1), and one that ends earlier is refused by the server, and replaced.
func lifeOf(token string, now time.Time) time.Duration {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0
	}
	var claims struct {
		Expires float64 `json:"exp"` // seconds since 1970
		Issued  float64 `json:"iat"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Expires <= 0 || claims.Expires > maxUnix {
		return 0
	}
	left := time.Unix(int64(claims.Expires), 0).Sub(now)
	whole := time.Duration(claims.Expires-claims.Issued) * time.Second
	if claims.Issued <= 0 || whole <= 0 {
		return max(left, 0)
	}
	if left <= 0 || left > whole {
		return whole
	}
	return left
}

// maxUnix is a time that no token outlives, the year 2200: times behind it are mistakes, and durations could not hold them.
const maxUnix = 7258118400
