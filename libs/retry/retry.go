// Package retry does something again, after a growing delay, until it succeeds or its time is over.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Policy says how long to wait between two attempts: about First after the first one, twice as long after each further one, and never
// longer than about Max. Each delay is varied by a half, so that processes that failed together do not come back together.
type Policy struct {
	First, Max time.Duration
}

// Do calls attempt until it succeeds, and gives nil then. When ctx is done it gives ctx's cause, without another attempt. failed, unless
// it is nil, is called after each attempt that failed, with its error and the delay until the next one.
func (p Policy) Do(ctx context.Context, attempt func(ctx context.Context) error, failed func(err error, next time.Duration)) error {
	delays := &backoff.ExponentialBackOff{
		InitialInterval: p.First, MaxInterval: p.Max, Multiplier: 2, RandomizationFactor: backoff.DefaultRandomizationFactor,
	}
	operation := func() (struct{}, error) {
		err := attempt(ctx)
		if _, progressed := errors.AsType[progress](err); progressed {
			delays.Reset()
		}
		return struct{}{}, err
	}
	options := []backoff.RetryOption{backoff.WithBackOff(delays), backoff.WithMaxElapsedTime(0)}
	if failed != nil {
		options = append(options, backoff.WithNotify(failed))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, err := backoff.Retry(ctx, operation, options...)
	return err //nolint:wrapcheck // nil, or ctx's cause
}

// AfterProgress marks the error of an attempt that had worked for a while before it failed: the delays begin anew. AfterProgress(nil) is nil.
func AfterProgress(err error) error {
	if err == nil {
		return nil
	}
	return progress{err}
}

type progress struct{ error }

// Unwrap gives the error that was marked.
func (p progress) Unwrap() error { return p.error }
