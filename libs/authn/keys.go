package authn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	fetchTimeout = 5 * time.Second
	firstRetry   = 100 * time.Millisecond // while there are no keys, nothing can be served
	maxRetry     = 30 * time.Second
	fetchGap     = 5 * time.Second // least time between the starts of two fetches once there are keys
	maxWait      = 3 * time.Second // of a request with an unknown key id for the fetch that may bring it
	maxWaiting   = 256             // requests; more are refused at once
)

var errUnknownKey = errors.New("the issuer has no key with this id")

// keySet holds the issuer's keys. One goroutine, run, fetches them; requests never do. It is the storage of
// [keyfunc.Keyfunc]. The storage that jwkset offers for HTTP is not used, because its refresh has no owner to wait for it,
// and because every request with an unknown key id would queue at its rate limiter.
type keySet struct {
	*jwkset.MemoryJWKSet
	fetch    func(ctx context.Context) ([]jwkset.JWK, error)
	interval time.Duration
	maxAge   time.Duration // of keys that are still trusted
	log      *slog.Logger
	fetches  *prometheus.CounterVec
	fetched  prometheus.Gauge

	// generation counts the different key sets that have been fetched; 0: none yet.
	generation atomic.Uint64
	// fresh is when the issuer last gave its keys; nil: not yet.
	fresh atomic.Pointer[time.Time]
	// wanted asks run for a fetch before its time.
	wanted chan struct{}
	// waiting has an element for each request that waits for a fetch.
	waiting chan struct{}

	mu       sync.Mutex
	started  time.Time     // of the last fetch
	underway bool          // whether it still is
	round    chan struct{} // closed at the end of the fetch under way, or else of the next
	failure  error         // of the last fetch
}

func newKeySet(fetch func(ctx context.Context) ([]jwkset.JWK, error), interval, maxAge time.Duration, log *slog.Logger, fetches *prometheus.CounterVec, fetched prometheus.Gauge) *keySet {
	return &keySet{
		MemoryJWKSet: jwkset.NewMemoryStorage(),
		fetch:        fetch,
		interval:     interval,
		maxAge:       maxAge,
		log:          log,
		fetches:      fetches,
		fetched:      fetched,
		wanted:       make(chan struct{}, 1),
		waiting:      make(chan struct{}, maxWaiting),
		round:        make(chan struct{}),
	}
}

// run fetches the keys until ctx is done: every interval, sooner after a failure and when an unknown key id asks for it.
func (k *keySet) run(ctx context.Context) {
	retry := firstRetry
	for {
		err := k.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := k.interval
		if err != nil {
			if k.generation.Load() > 0 {
				retry = max(retry, fetchGap)
			}
			pause = retry/2 + rand.N(retry/2+1) //nolint:gosec // spreading load takes no secrets
			if k.generation.Load() > 0 {
				pause = max(pause, fetchGap)
			}
			retry = min(2*retry, maxRetry)
			k.report(ctx, err, pause)
		} else {
			retry = firstRetry
		}
		if !k.pause(ctx, pause) {
			return
		}
	}
}

// report tells of a fetch that failed.
func (k *keySet) report(ctx context.Context, err error, pause time.Duration) {
	if k.old() {
		k.log.ErrorContext(ctx, "the issuer's keys are too old to be trusted, and could not be fetched: its tokens cannot be verified until it answers",
			"error", err, "retry_in", pause, "fetched_at", *k.fresh.Load(), "max_age", k.maxAge)
		return
	}
	k.log.WarnContext(ctx, "the issuer's keys could not be fetched", "error", err, "retry_in", pause, "have_keys", k.generation.Load() > 0)
}

// old reports whether there are keys that are no longer to be trusted: the issuer may have withdrawn them.
func (k *keySet) old() bool {
	at := k.fresh.Load()
	return at != nil && time.Since(*at) > k.maxAge
}

// pause waits for the time of the next fetch, and reports false if ctx is done before.
func (k *keySet) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-k.wanted:
	}
	k.mu.Lock()
	soonest := k.started.Add(fetchGap)
	k.mu.Unlock()
	timer.Reset(time.Until(soonest))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (k *keySet) refresh(ctx context.Context) error {
	k.mu.Lock()
	k.started, k.underway = time.Now(), true
	select {
	case <-k.wanted:
	default:
	}
	k.mu.Unlock()

	deadline, cancel := context.WithTimeout(ctx, fetchTimeout)
	keys, err := k.fetch(deadline)
	cancel()
	if err == nil {
		err = k.replace(ctx, keys)
	}
	if err == nil {
		now := time.Now()
		k.fresh.Store(&now)
		k.fetched.Set(float64(now.Unix()))
	}

	k.mu.Lock()
	k.underway, k.failure = false, err
	close(k.round)
	k.round = make(chan struct{})
	k.mu.Unlock()
	if err != nil {
		k.fetches.WithLabelValues("failed").Inc()
		return err
	}
	k.fetches.WithLabelValues("ok").Inc()
	return nil
}

func (k *keySet) replace(ctx context.Context, keys []jwkset.JWK) error {
	before, err := k.KeyReadAll(ctx)
	if err != nil {
		return fmt.Errorf("read the keys so far: %w", err)
	}
	if reflect.DeepEqual(published(before), published(keys)) {
		return nil
	}
	if err := k.KeyReplaceAll(ctx, keys); err != nil {
		return fmt.Errorf("replace the keys: %w", err)
	}
	k.generation.Add(1)
	k.log.InfoContext(ctx, "the issuer's keys have changed", "keys", len(keys))
	return nil
}

func published(keys []jwkset.JWK) []jwkset.JWKMarshal {
	all := make([]jwkset.JWKMarshal, 0, len(keys))
	for _, key := range keys {
		all = append(all, key.Marshal())
	}
	return all
}

// KeyRead gives the key with the given id. If it is unknown, a fetch may bring it.
func (k *keySet) KeyRead(ctx context.Context, id string) (jwkset.JWK, error) {
	key, err := k.MemoryJWKSet.KeyRead(ctx, id)
	if err == nil {
		return key, nil
	}
	if k.await(ctx) {
		key, err = k.MemoryJWKSet.KeyRead(ctx, id)
	}
	if err != nil {
		return jwkset.JWK{}, fmt.Errorf("%w: %q", errUnknownKey, clip(id))
	}
	return key, nil
}

// await asks for a fetch and waits until it has ended. It reports false at once if the last fetch began so recently that
// the next must wait, or if too many requests are waiting already.
func (k *keySet) await(ctx context.Context) bool {
	k.mu.Lock()
	round, underway, recent := k.round, k.underway, time.Since(k.started) < fetchGap
	if !underway {
		select {
		case k.wanted <- struct{}{}:
		default:
		}
	}
	k.mu.Unlock()
	if recent && !underway {
		return false
	}
	select {
	case k.waiting <- struct{}{}:
	default:
		return false
	}
	defer func() { <-k.waiting }()
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-round:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

func (k *keySet) ready() error {
	missing := ErrNoKeys
	if k.generation.Load() > 0 {
		if !k.old() {
			return nil
		}
		missing = ErrOldKeys
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure != nil {
		return fmt.Errorf("%w: %w", missing, k.failure)
	}
	return missing
}
