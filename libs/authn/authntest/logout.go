package authntest

import (
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// LogoutClaims are those of a genuine logout token for a session of a user (OpenID Connect Back-Channel Logout 1.0, section 2.4), as Keycloak makes it.
func (i *Issuer) LogoutClaims(user uuid.UUID, session string) jwt.MapClaims {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	return jwt.MapClaims{
		"exp":    now.Add(2 * time.Minute).Unix(),
		"iat":    now.Unix(),
		"jti":    uuid.NewString(),
		"iss":    i.announced,
		"aud":    Audience,
		"sub":    user.String(),
		"sid":    session,
		"typ":    "Logout",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
}
