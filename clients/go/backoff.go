package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 20 * time.Second
	// attemptTimeout bounds one attempt of a request that is tried again.
	attemptTimeout = 30 * time.Second
)

// backoff is how long to wait after so many failures before this one: any time up to a bound that doubles ("full jitter"), so that
// clients that were cut off together do not come back together; behind what the server has asked for.
func backoff(failures int, atLeast time.Duration) time.Duration {
	bound := min(longestBackoff, firstBackoff<<min(failures, 10))
	return atLeast + rand.N(bound) //nolint:gosec // it spreads load, and keeps no secret
}

// sleep waits; it ends early with the context, and says so.
func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// persist tries until it succeeds, is refused for good, or the context ends. The error is then the context's and that of the last attempt.
func persist(ctx context.Context, attempt func(context.Context) error) error {
	for failures := 0; ; failures++ {
		err := try(ctx, attempt)
		if err == nil || !Temporary(err) {
			return err
		}
		if ended := sleep(ctx, backoff(failures, RetryIn(err))); ended != nil {
			return fmt.Errorf("%w; the last attempt: %w", ended, err)
		}
	}
}

func try(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return attempt(ctx)
}
