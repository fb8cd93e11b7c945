package rooms

import (
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

// signOutUser handles POST /api/admin/users/{user_id}/sign-out: all tokens that the user has got so far are good no longer.
func (s *Service) signOutUser(c *fiber.Ctx) error {
	id, err := userID(c)
	if err != nil {
		return err
	}
	by := authn.Caller(c)
	if _, err := s.deps.Store.Profile(c.UserContext(), by.Tenant, id); err != nil {
		return problemOf(err)
	}
	if err := s.signOut(c, events.UserSignedOut{UserID: id, Before: wire.At(s.now())}); err != nil {
		return err
	}
	s.deps.Telemetry.Log.InfoContext(c.UserContext(), "the backend has signed a user out", "signed_out", id.String(), "by", by.UserID.String())
	return c.SendStatus(http.StatusNoContent)
}

// backchannelLogout handles POST /api/oidc/backchannel-logout, with which an issuer says that somebody has signed out there, or one session of somebody
// (OpenID Connect Back-Channel Logout 1.0, section 2.5). Nobody else can make the token, so no other credential is needed. One that is sent again
// says again what is so: it has the time of the logout.
func (s *Service) backchannelLogout(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	ctx := c.UserContext()
	token, err := logoutToken(c)
	if err != nil {
		return err
	}
	out, err := s.deps.Verifier.VerifyLogout(ctx, token)
	switch {
	case errors.Is(err, authn.ErrNoKeys), errors.Is(err, authn.ErrOldKeys):
		return httpapi.Unavailable("issuer-unavailable", "Issuer unavailable", "logout tokens cannot be verified now", err)
	case err != nil:
		s.deps.Telemetry.Log.InfoContext(ctx, "logout token refused", "reason", err.Error())
		return httpapi.NewProblem(http.StatusBadRequest, "invalid-logout-token", "Invalid logout token", "a valid logout token is required")
	}
	told := events.UserSignedOut{UserID: out.UserID, Before: wire.At(out.IssuedAt)}
	if out.SessionID != "" {
		told.Issuer, told.SessionID = out.Issuer, out.SessionID
	}
	if err := s.signOut(c, told); err != nil {
		return err
	}
	named := ""
	if out.UserID != uuid.Nil {
		named = out.UserID.String()
	}
	s.deps.Telemetry.Log.InfoContext(ctx, "the issuer has signed somebody out", "issuer", out.Issuer, "signed_out", named, "one_session", out.SessionID != "")
	return c.SendStatus(http.StatusOK)
}

// signOut waits until the log has it, as long as all changes wait. Once it is stored the log will have it, whatever becomes of the request.
func (s *Service) signOut(c *fiber.Ctx, told events.UserSignedOut) error {
	row, err := s.changes.SignOut(c.UserContext(), told)
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(c.UserContext(), row)
	return nil
}

// logoutToken is that of the request's form. The error is the problem.
func logoutToken(c *fiber.Ctx) (string, error) {
	if kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); err != nil || kind != fiber.MIMEApplicationForm {
		return "", httpapi.NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "Unsupported media type", "the body must be application/x-www-form-urlencoded")
	}
	body, err := httpapi.PlainBody(c)
	if err != nil {
		return "", err //nolint:wrapcheck // it is a problem
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", httpapi.NewProblem(http.StatusBadRequest, "invalid-logout-token", "Invalid logout token", "a valid logout token is required")
	}
	return form.Get("logout_token"), nil
}
