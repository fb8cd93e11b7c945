package realtime

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/signouts"
)

// signedOut reports whether a session has been ended.
func (s *Service) signedOut(of authn.Session) bool {
	return s.deps.SignOuts != nil && s.deps.SignOuts.SignedOut(of)
}

// awaitSignOuts waits, in a process that is starting, until it is known who was signed out: tickets are no tokens, with which the verifier does so.
func (s *Service) awaitSignOuts(ctx context.Context) error {
	if s.deps.SignOuts == nil {
		return nil
	}
	return s.deps.SignOuts.Await(ctx)
}

// endSignedOut ends what is open here of sessions that have been ended. It does not wait.
func (s *Service) endSignedOut(out signouts.SignOut) {
	s.streams.EndSignedOut(out.UserID)
	s.waiting.end(out.UserID, s.signedOut)
}

// waitingPolls are the long polls under way.
type waitingPolls struct {
	mu  sync.Mutex
	all map[*waitingPoll]struct{}
}

type waitingPoll struct {
	session authn.Session
	end     context.CancelFunc
}

// add enters a poll until remove is called.
func (w *waitingPolls) add(session authn.Session, end context.CancelFunc) (remove func()) {
	added := &waitingPoll{session: session, end: end}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*waitingPoll]struct{}{}
	}
	w.all[added] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, added)
	}
}

// end ends those whose sessions have been ended: of the user or, where that is nil, of all.
func (w *waitingPolls) end(user uuid.UUID, ended func(of authn.Session) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for poll := range w.all {
		if (user == uuid.Nil || poll.session.UserID == user) && ended(poll.session) {
			poll.end()
		}
	}
}
