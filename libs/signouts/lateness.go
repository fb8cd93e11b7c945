package signouts

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lateness says in the log that reading is behind, once until it is no longer.
type lateness struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time // as of which all is known; zero: nothing is, and no token is accepted
	said bool
}

func (l *lateness) asOf(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = at
}

func (l *lateness) watch(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.look(ctx, now())
		}
	}
}

func (l *lateness) look(ctx context.Context, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := now.Sub(l.last)
	switch {
	case l.last.IsZero():
	case behind > late && !l.said:
		l.said = true
		l.log.WarnContext(ctx, "it is not known who was signed out lately: tokens of theirs are accepted until the log can be read again", "as_of", l.last.UTC())
	case behind <= late && l.said:
		l.said = false
		l.log.InfoContext(ctx, "it is known again who was signed out")
	}
}
