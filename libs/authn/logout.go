package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn/subject"
)

const (
	// logoutEvent is the event of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4).
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// maxLogoutAge is how long ago a logout token may have been issued. Issuers send them at once, and make them for two minutes.
	maxLogoutAge = 10 * time.Minute
)

// Logout is what a logout token says: a user is signed out at its issuer, or one session is.
type Logout struct {
	UserID    uuid.UUID // nil: the session alone is named
	Issuer    string    // iss
	SessionID string    // sid; "": all sessions of the user at the issuer have ended
	IssuedAt  time.Time // iat, by the issuer's clock, as that of its access tokens is
}

// isLogout reports whether the claim events names the event of a logout.
func isLogout(events json.RawMessage) bool {
	var told map[string]json.RawMessage
	if json.Unmarshal(events, &told) != nil {
		return false
	}
	var member map[string]json.RawMessage
	raw, ok := told[logoutEvent]
	return ok && json.Unmarshal(raw, &member) == nil && member != nil
}

// VerifyLogout checks a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6) of any issuer that is trusted. Whether its jti has come
// before is not asked: to sign out once more, by the same iat, changes nothing. [ErrNoKeys] and [ErrOldKeys] mean that it could not be verified;
// every other error means the same 400, and its text is for the log.
func (v *Verifier) VerifyLogout(ctx context.Context, token string) (Logout, error) {
	if len(token) > maxToken {
		return Logout{}, fmt.Errorf("the token has %d bytes; allowed: %d", len(token), maxToken)
	}
	payload, err := checkShape(token)
	if err != nil {
		return Logout{}, err
	}
	by, _, err := v.trustIn(payload)
	if err != nil {
		return Logout{}, err
	}
	return by.logoutOf(ctx, token)
}

// logoutOf verifies a logout token of the issuer.
func (t *trust) logoutOf(ctx context.Context, token string) (Logout, error) {
	var c claims
	parsed, err := t.logouts.ParseWithClaims(token, &c, t.keyOf(ctx))
	if err != nil {
		return Logout{}, err
	}
	if err := checkLogoutHeader(parsed); err != nil {
		return Logout{}, err
	}
	if err := c.checkLogout(t.cfg.Leeway, time.Now()); err != nil {
		return Logout{}, err
	}
	if err := t.cfg.refusalOfLogout(c.audience); err != nil {
		return Logout{}, err
	}
	out := Logout{Issuer: t.cfg.Issuer, SessionID: c.session, IssuedAt: c.issued}
	if c.subject != "" {
		if out.UserID, err = subject.UserID(t.cfg.Subjects, t.cfg.Issuer, c.subject); err != nil {
			return Logout{}, err
		}
	}
	return out, nil
}

// checkLogoutHeader refuses tokens of other kinds: explicit typing is recommended (section 2.4), and not every issuer does it.
func checkLogoutHeader(token *jwt.Token) error {
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
	if !slices.Contains([]string{"jwt", "logout+jwt"}, strings.TrimPrefix(strings.ToLower(name), "application/")) {
		return fmt.Errorf("a token of the type %q is no logout token", clip(name))
	}
	return nil
}

// checkLogout refuses what is no logout token, or an old one.
func (c *claims) checkLogout(leeway time.Duration, now time.Time) error {
	switch {
	case c.typ != "" && !strings.EqualFold(c.typ, "Logout"): // Keycloak's
		return fmt.Errorf("a token of the type %q is no logout token", clip(c.typ))
	case !c.logout:
		return errors.New("a token without the event of a logout is no logout token")
	case c.nonce:
		return errors.New("a token with a nonce is no logout token")
	case c.id == "":
		return errors.New("the logout token has no jti")
	case c.subject == "" && c.session == "":
		return errors.New("the logout token names neither a user (sub) nor a session (sid)")
	case c.issued.IsZero():
		return errors.New("the logout token has no iat")
	case c.issued.After(now.Add(leeway)):
		return errors.New("the logout token is issued in the future")
	case now.Sub(c.issued) > maxLogoutAge+leeway:
		return fmt.Errorf("the logout token was issued %s ago; allowed: %s", now.Sub(c.issued).Round(time.Second), maxLogoutAge)
	}
	return nil
}

// logoutClients are those whose logout tokens count: an issuer makes them out to the client, not to an audience. None: that is not checked.
func (c Config) logoutClients() []string {
	if len(c.LogoutClients) > 0 {
		return unlessAnyone(c.LogoutClients)
	}
	return slices.Concat(c.clients(), c.audiences())
}

// refusalOfLogout says why a logout token of such audiences does not count; nil: it does.
func (c Config) refusalOfLogout(audience []string) error {
	listed := c.logoutClients()
	if len(listed) == 0 && len(audience) > 0 {
		return nil
	}
	if !slices.ContainsFunc(listed, func(name string) bool { return slices.Contains(audience, name) }) {
		return fmt.Errorf("the logout token is for the client %q, not for one of %q", clipAll(audience), listed)
	}
	return nil
}
