package signouts

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/telemetry"
)

// maxEntries are some 30 MB.
const maxEntries = 200_000

// SignOut is that tokens from a time and before are good no longer.
type SignOut struct {
	UserID    uuid.UUID // nil: whose session it is is not known
	Issuer    string    // of the session; "": all tokens of the user are meant
	SessionID string
	Before    time.Time
}

// key is what a sign-out is found by: a user, a session, or a user of whom a session was signed out.
type key [sha256.Size]byte

func keyOf(kind byte, of ...[]byte) key {
	text := []byte{kind}
	for _, part := range of {
		text = append(append(text, part...), 0)
	}
	return sha256.Sum256(text)
}

func ofUser(user uuid.UUID) key             { return keyOf('u', user[:]) }
func ofSomeSession(user uuid.UUID) key      { return keyOf('a', user[:]) }
func ofSession(issuer, session string) key  { return keyOf('s', []byte(issuer), []byte(session)) }
func (s SignOut) session() bool             { return s.SessionID != "" }
func second(at time.Time) (seconds int64)   { return at.Unix() }
func meant(issued time.Time, at int64) bool { return issued.IsZero() || second(issued) <= at }

// SignOuts knows who has been signed out. It is safe for concurrent use.
type SignOuts struct {
	life    time.Duration // how long a token from before may be valid
	limit   int
	log     *slog.Logger
	now     func() time.Time
	metrics metrics
	known   chan struct{} // closed once the log has been read up to where it ended at the start

	mu      sync.RWMutex
	entries entries
	told    []func(SignOut)
}

// New makes a SignOuts that knows nobody, and does not know yet whether there is anybody. The configuration says how long a token may be valid.
func New(cfg authn.Config, tel *telemetry.Telemetry) *SignOuts {
	return newSignOuts(cfg.LongestLife(), maxEntries, tel, time.Now)
}

func newSignOuts(life time.Duration, limit int, tel *telemetry.Telemetry, now func() time.Time) *SignOuts {
	s := &SignOuts{life: life, limit: limit, log: tel.Log, now: now, metrics: newMetrics(tel.Metrics), known: make(chan struct{}), entries: newEntries()}
	tel.Saturation("sign-outs", "process", func() (used, most float64) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return float64(s.entries.len()), float64(limit)
	})
	return s
}

// startTimeout is how long a request waits for what is known in a process that is starting: a browser whose stream is refused never comes back.
const startTimeout = 5 * time.Second

// Await implements [authn.SignOuts].
func (s *SignOuts) Await(ctx context.Context) error {
	if s.isKnown() {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-s.known:
		return nil
	case <-waiting.Done():
		return authn.ErrNoSignOuts
	}
}

func (s *SignOuts) isKnown() bool {
	select {
	case <-s.known:
		return true
	default:
		return false
	}
}

// SignedOut implements [authn.SignOuts].
func (s *SignOuts) SignedOut(of authn.Session) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.entries.len() == 0 {
		return false
	}
	session := ofSomeSession(of.UserID)
	if of.ID != "" {
		session = ofSession(of.Issuer, of.ID)
	}
	for _, key := range []key{ofUser(of.UserID), session} {
		if at, ok := s.entries.at(key); ok && meant(of.IssuedAt, at) {
			return true
		}
	}
	return false
}

// Tell has somebody told of each sign-out, once it is known here; not of those from before the start. It is for before Run, and must not wait.
func (s *SignOuts) Tell(who func(SignOut)) { s.told = append(s.told, who) }

// add takes a sign-out.
func (s *SignOuts) add(ctx context.Context, out SignOut) {
	s.mu.Lock()
	s.entries.expire(second(s.now().Add(-s.life)))
	at := second(out.Before)
	if at > second(s.now().Add(-s.life)) {
		s.enter(out, at)
	}
	forgotten := 0
	for ; s.entries.len() > s.limit; forgotten++ {
		s.entries.forgetOldest()
	}
	s.mu.Unlock()
	if forgotten > 0 {
		s.metrics.forgotten.Add(float64(forgotten))
		s.log.WarnContext(ctx, "more users have been signed out than are remembered: tokens of those whose tokens expire first are accepted again", "limit", s.limit)
	}
	if s.isKnown() {
		for _, tell := range s.told {
			tell(out)
		}
	}
}

// enter enters a sign-out under all that it is found by. The caller holds the lock.
func (s *SignOuts) enter(out SignOut, at int64) {
	switch {
	case !out.session():
		s.entries.put(ofUser(out.UserID), at)
	default:
		s.entries.put(ofSession(out.Issuer, out.SessionID), at)
		if out.UserID != uuid.Nil {
			s.entries.put(ofSomeSession(out.UserID), at)
		}
	}
}

type metrics struct {
	taken     prometheus.Counter
	forgotten prometheus.Counter
	asOf      prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) metrics {
	return metrics{
		taken: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_sign_outs_read_total", Help: "Sign-outs that were read from the log: of users, of sessions, and by deletion.",
		})),
		forgotten: telemetry.Register(registry, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ism_sign_outs_forgotten_total", Help: "Sign-outs that were forgotten before their tokens had expired, as there were too many.",
		})),
		asOf: telemetry.Register(registry, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ism_sign_outs_as_of_timestamp_seconds", Help: "As of when all sign-outs are known, in seconds since 1970; 0: not yet.",
		})),
	}
}
