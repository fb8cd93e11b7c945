package authn_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
)

// signedOut is who is signed out: nobody at first.
type signedOut struct {
	sessions atomic.Pointer[[]authn.Session]
	unknown  atomic.Bool
}

func (s *signedOut) Await(context.Context) error {
	if s.unknown.Load() {
		return authn.ErrNoSignOuts
	}
	return nil
}

func (s *signedOut) SignedOut(of authn.Session) bool {
	all := s.sessions.Load()
	return all != nil && slices.Contains(*all, of)
}

// A token that has been accepted before is remembered, and refused all the same from the moment of a sign-out.
func TestTokensOfWhoIsSignedOutAreRefused(t *testing.T) {
	issuer := authntest.New(t)
	verifier, known := issuer.Verifier(t, silent()), &signedOut{}
	verifier.Heed(known)
	url := serve(t, newApp(silent(), verifier)) + "/me"
	claims := issuer.Claims(uuid.New(), "alice")
	claims["sid"] = "s-1"
	token, other := issuer.Sign(t, claims), issuer.Token(t, uuid.New(), "bob")
	principal, err := verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if response, body := get(t, url, "Bearer "+token); response.StatusCode != http.StatusOK {
		t.Fatalf("before: %s: %s", response.Status, body)
	}
	known.sessions.Store(&[]authn.Session{principal.Session()})
	refused, why := get(t, url, "Bearer "+token)
	nonsense, like := get(t, url, "Bearer nonsense")
	if refused.StatusCode != http.StatusUnauthorized || refused.StatusCode != nonsense.StatusCode || len(why) != len(like) {
		t.Errorf("after: %s: %s; another refusal: %s", refused.Status, why, like)
	}
	if response, body := get(t, url, "Bearer "+other); response.StatusCode != http.StatusOK {
		t.Errorf("another user: %s: %s", response.Status, body)
	}
	known.unknown.Store(true)
	if response, body := get(t, url, "Bearer "+other); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "issuer-unavailable") {
		t.Errorf("while it is not known: %s: %s", response.Status, body)
	}
}

func TestLogoutTokens(t *testing.T) {
	issuer := authntest.New(t)
	verifier, user := issuer.Verifier(t, silent()), uuid.New()
	iat := time.Unix(time.Now().Unix(), 0).UTC()
	for name, c := range map[string]struct {
		changes jwt.MapClaims
		want    authn.Logout
	}{
		"a session of a user":  {nil, authn.Logout{UserID: user, SessionID: "s-1"}},
		"all sessions":         {jwt.MapClaims{"sid": nil}, authn.Logout{UserID: user}},
		"a session alone":      {jwt.MapClaims{"sub": nil}, authn.Logout{SessionID: "s-1"}},
		"without a type":       {jwt.MapClaims{"typ": nil}, authn.Logout{UserID: user, SessionID: "s-1"}},
		"without an end":       {jwt.MapClaims{"exp": nil}, authn.Logout{UserID: user, SessionID: "s-1"}},
		"of several audiences": {jwt.MapClaims{"aud": []string{"x", authntest.Audience}}, authn.Logout{UserID: user, SessionID: "s-1"}},
	} {
		claims := issuer.LogoutClaims(user, "s-1")
		claims["iat"] = iat.Unix()
		got, err := verifier.VerifyLogout(t.Context(), issuer.Sign(t, merged(claims, c.changes)))
		c.want.Issuer, c.want.IssuedAt = issuer.URL, iat
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	typed := issuer.SignHeader(t, map[string]any{"typ": "logout+jwt"}, issuer.LogoutClaims(user, "s-1"))
	if _, err := verifier.VerifyLogout(t.Context(), typed); err != nil {
		t.Errorf("typed as logout+jwt: %v", err)
	}
	if _, err := verifier.Verify(t.Context(), typed); err == nil {
		t.Error("a logout token is taken for an access token")
	}
}

func merged(claims, changes jwt.MapClaims) jwt.MapClaims {
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func TestWhatIsNoLogoutToken(t *testing.T) {
	issuer, stranger := authntest.New(t), authntest.New(t)
	verifier, user := issuer.Verifier(t, silent()), uuid.New()
	const event = "http://schemas.openid.net/event/backchannel-logout"
	now := time.Now()
	bad := map[string]string{
		"an access token":   issuer.Token(t, user, "alice"),
		"another issuer's":  stranger.Sign(t, stranger.LogoutClaims(user, "s-1")),
		"typed at+jwt":      issuer.SignHeader(t, map[string]any{"typ": "at+jwt"}, issuer.LogoutClaims(user, "s-1")),
		"with an extension": issuer.SignHeader(t, map[string]any{"crit": []string{"x"}}, issuer.LogoutClaims(user, "s-1")),
		"a text":            "nonsense", "nothing": "", "a megabyte": strings.Repeat("a", 1<<20),
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, issuer.LogoutClaims(user, "s-1")).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	bad["alg none"] = none
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, issuer.LogoutClaims(user, "s-1")).SignedString([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	bad["a symmetric algorithm"] = symmetric
	for name, changes := range map[string]jwt.MapClaims{
		"another client's":             {"aud": "shop"},
		"no audience":                  {"aud": nil},
		"a nonce":                      {"nonce": "n"},
		"no events":                    {"events": nil},
		"another event":                {"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}},
		"an event that is a text":      {"events": map[string]any{event: "yes"}},
		"an event that is null":        {"events": map[string]any{event: nil}},
		"events that are a list":       {"events": []string{event}},
		"expired":                      {"exp": now.Add(-time.Minute).Unix()},
		"old":                          {"iat": now.Add(-11 * time.Minute).Unix(), "exp": now.Add(time.Hour).Unix()},
		"of the future":                {"iat": now.Add(time.Minute).Unix()},
		"no iat":                       {"iat": nil},
		"no jti":                       {"jti": nil},
		"nobody":                       {"sub": nil, "sid": nil},
		"a session that is a number":   {"sub": nil, "sid": 7},
		"a session that is too long":   {"sub": nil, "sid": strings.Repeat("s", 256)},
		"an ID token's type":           {"typ": "ID"},
		"a user that cannot be":        {"sub": uuid.Nil.String()},
		"a genuine one of another iss": {"iss": stranger.URL},
	} {
		bad[name] = issuer.Sign(t, merged(issuer.LogoutClaims(user, "s-1"), changes))
	}
	for name, token := range bad {
		if out, err := verifier.VerifyLogout(t.Context(), token); err == nil || out != (authn.Logout{}) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

// An issuer makes logout tokens out to the client, where access tokens name what they are for.
func TestWhoseLogoutTokensCount(t *testing.T) {
	issuer := authntest.New(t)
	for name, c := range map[string]struct {
		audience, clients, logouts []string
		aud                        string
		counts                     bool
	}{
		"a client":                   {nil, []string{"web"}, nil, "web", true},
		"the audience":               {[]string{"ism"}, nil, nil, "ism", true},
		"neither":                    {[]string{"ism"}, []string{"web"}, nil, "shop", false},
		"one that is configured":     {[]string{"ism"}, nil, []string{"web"}, "web", true},
		"not the audience, then":     {[]string{"ism"}, nil, []string{"web"}, "ism", false},
		"any":                        {[]string{"ism"}, nil, []string{"any"}, "shop", true},
		"any audience":               {[]string{"any"}, nil, nil, "shop", true},
		"any audience, some clients": {[]string{"any"}, []string{"web"}, nil, "shop", false},
	} {
		cfg := issuer.Config()
		cfg.Audience, cfg.Clients, cfg.LogoutClients = c.audience, c.clients, c.logouts
		_, err := authntest.Start(t, cfg, silent()).VerifyLogout(t.Context(), issuer.Sign(t, merged(issuer.LogoutClaims(uuid.New(), "s"), jwt.MapClaims{"aud": c.aud})))
		if (err == nil) != c.counts || errors.Is(err, authn.ErrNoKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
