package authn

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

var (
	// ErrNoSignOuts means that the token could not be verified: it is not known yet who has been signed out.
	ErrNoSignOuts = errors.New("it is not known yet who has been signed out")

	errSignedOut = errors.New("the token's user, or its session, has been signed out since it was issued")
)

// Session is by what tokens are told from others where some are ended before they expire.
type Session struct {
	UserID   uuid.UUID
	Issuer   string    // iss
	ID       string    // sid, or ""
	IssuedAt time.Time // iat, or zero
}

// Session is the session that the token is of.
func (p Principal) Session() Session {
	return Session{UserID: p.UserID, Issuer: p.Issuer, ID: p.SessionID, IssuedAt: p.IssuedAt}
}

// SignOuts knows who has been signed out.
type SignOuts interface {
	// Await waits until it is known who has been signed out, for some seconds at most: a process that has just started has yet to read it. The error is
	// [ErrNoSignOuts].
	Await(ctx context.Context) error
	// SignedOut reports whether a token's session has been ended since the token was issued, as far as it is known.
	SignedOut(of Session) bool
}

// Heed has the verifier refuse the tokens of those who have been signed out. It is for before the first request.
func (v *Verifier) Heed(known SignOuts) { v.signOuts = known }

// checkSession is asked for each request, as one is signed out at any moment: nothing remembers its answer.
func (v *Verifier) checkSession(ctx context.Context, of Session) error {
	if v.signOuts == nil {
		return nil
	}
	if err := v.signOuts.Await(ctx); err != nil {
		return err
	}
	if v.signOuts.SignedOut(of) {
		return errSignedOut
	}
	return nil
}
