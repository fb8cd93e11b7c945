package hijack

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
)

// slot is one of the streams that may be open at a time. A stream has it from its request's admission to its end.
type slot struct {
	user uuid.UUID
	conn *connection // nil until the connection has been taken over
}

// admit gives a stream of the user its slot. Errors are problems: draining, too-many-streams.
func (s *Server) admit(user uuid.UUID) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
		return nil, httpapi.Unavailable("draining", "Stopping", "this node is stopping", nil)
	case len(s.open) >= s.cfg.MaxStreams:
		s.metrics.refused.WithLabelValues("process").Inc()
		return nil, httpapi.Unavailable("too-many-streams", "Too many streams", "this node has no place for another stream", nil)
	case s.perUser[user] >= s.cfg.MaxPerUser:
		s.metrics.refused.WithLabelValues("user").Inc()
		problem := httpapi.NewProblem(http.StatusTooManyRequests, "too-many-streams", "Too many streams", "close one of your open streams first")
		problem.RetryAfter = s.cfg.KeepAlive
		return nil, problem
	}
	admitted := &slot{user: user}
	s.open[admitted] = struct{}{}
	s.perUser[user]++
	s.wait.Add(1)
	return admitted, nil
}

func (s *Server) release(admitted *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, admitted)
	if s.perUser[admitted.user]--; s.perUser[admitted.user] == 0 {
		delete(s.perUser, admitted.user)
	}
	s.wait.Done()
}
