package devidp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"

	// refreshLife is how long who is away stays signed in. The tokens say all there is to know, so that a restart signs nobody out.
	refreshLife = 24 * time.Hour

	typeRefresh = "Refresh"
	typeID      = "ID"
)

// session is a sign-in in a browser: what its tokens have in common.
type session struct {
	id       string
	client   string
	user     string
	scope    string
	nonce    string // of the request; none once refreshed
	signedIn time.Time
}

// codeGrant exchanges an authorization code (RFC 6749, section 4.1.3).
func (p *Provider) codeGrant(client string, form url.Values) (session, *refusal) {
	verifier := form.Get("code_verifier")
	if form.Get("code") == "" || !verifierChars.MatchString(verifier) {
		return session{}, refuse("invalid_request", "code and code_verifier are required, the verifier of 43 to 128 characters")
	}
	of, found := p.codes.take(form.Get("code"))
	switch {
	case !found:
		return session{}, refuse("invalid_grant", "the code is unknown or has expired")
	case of.used:
		p.sessions.end(of.session)
		return session{}, refuse("invalid_grant", "the code has been used, so the session has been ended")
	case of.client != client || of.redirectURI != form.Get("redirect_uri") || !proves(verifier, of.challenge):
		return session{}, refuse("invalid_grant", "the code is of another client, redirect_uri or code_verifier")
	}
	return session{id: of.session, client: client, user: of.user, scope: of.scope, nonce: of.nonce, signedIn: of.signedIn}, nil
}

// refreshGrant gives new tokens for a refresh token (RFC 6749, section 6).
func (p *Provider) refreshGrant(client string, form url.Values) (session, *refusal) {
	claims, err := p.own(form.Get("refresh_token"), typeRefresh, jwt.WithAudience(p.issuer))
	if err != nil {
		return session{}, refuse("invalid_grant", "the refresh token is none of this provider's, or has expired")
	}
	of := session{id: claims.Session, client: claims.Client, user: claims.User, scope: claims.Scope, signedIn: time.Unix(claims.SignedIn, 0)}
	if of.client != client || p.sessions.hasEnded(of.id) {
		return session{}, refuse("invalid_grant", "the refresh token is of another client, or its session has ended")
	}
	return of, nil
}

// kept are the claims of tokens that the provider itself reads.
type kept struct {
	Type     string `json:"typ"`
	Client   string `json:"azp"`
	Session  string `json:"sid"`
	User     string `json:"preferred_username"`
	Scope    string `json:"scope,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	SignedIn int64  `json:"auth_time"`
	jwt.RegisteredClaims
}

// own reads a token of this provider's of the given type.
func (p *Provider) own(token, kind string, options ...jwt.ParserOption) (kept, error) {
	var claims kept
	options = append([]jwt.ParserOption{jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(p.issuer)}, options...)
	_, err := jwt.NewParser(options...).ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return &p.key.PublicKey, nil })
	if err == nil && claims.Type != kind {
		err = jwt.ErrTokenInvalidClaims
	}
	return claims, err
}

// tokens are the answer of a sign-in in a browser, beside its access token.
func (p *Provider) tokens(of session, answer fiber.Map) error {
	now := time.Now()
	claims := kept{
		Type: typeRefresh, Client: of.client, Session: of.id, User: of.user, Scope: of.scope, SignedIn: of.signedIn.Unix(),
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: p.issuer, Subject: subject(of.user).String(), Audience: jwt.ClaimStrings{p.issuer}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(refreshLife)),
		},
	}
	refresh, err := p.sign(claims)
	if err != nil {
		return err
	}
	answer["refresh_token"], answer["refresh_expires_in"], answer["scope"], answer["session_state"] = refresh, int(refreshLife.Seconds()), of.scope, of.id
	if !slices.Contains(strings.Fields(of.scope), scopeOpenID) {
		return nil
	}
	// OpenID Connect Core 1.0, section 2.
	claims.Type, claims.Nonce, claims.Scope = typeID, of.nonce, ""
	claims.Audience, claims.ID, claims.ExpiresAt = jwt.ClaimStrings{of.client}, uuid.NewString(), jwt.NewNumericDate(now.Add(p.tokenLife))
	answer["id_token"], err = p.sign(claims)
	return err
}

// signOut is the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0). Whose session ends is said by an ID token, which may have expired.
func (p *Provider) signOut(c *fiber.Ctx) error {
	asked, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if c.Method() == http.MethodPost {
		asked, err = url.ParseQuery(string(c.Body()))
	}
	if err != nil {
		return unled("the parameters cannot be parsed")
	}
	to := asked.Get("post_logout_redirect_uri")
	if to != "" && !leadsBack(to) {
		return unled("post_logout_redirect_uri must be an http or https address on this machine: localhost or a loopback address")
	}
	if len(asked.Get("state")) > maxEchoed {
		return unled("state is too long")
	}
	if hint := asked.Get("id_token_hint"); hint != "" {
		claims, err := p.own(hint, typeID, jwt.WithoutClaimsValidation())
		if err != nil || claims.Issuer != p.issuer {
			return unled("id_token_hint is no ID token of this provider's")
		}
		p.sessions.end(claims.Session)
	}
	if to == "" {
		return p.show(c, http.StatusOK, page{Title: "You are signed out"}, "")
	}
	with := url.Values{}
	if state := asked.Get("state"); state != "" {
		with.Set("state", state)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Redirect(withQuery(to, with), http.StatusSeeOther)
}
