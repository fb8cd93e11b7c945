package internalapi

import (
	"context"
	"time"
)

// Twice tries to ask within the deadline of ctx, and once more where that has failed: the first try has so long, as its connection may lead to where nobody is.
// An error for which settled is true is an answer, and not asked for again. The error is that of the last try.
func Twice(ctx context.Context, first time.Duration, settled func(err error) bool, try func(ctx context.Context, number int) error) error {
	limited, cancel := context.WithTimeout(ctx, first)
	err := try(limited, 1)
	cancel()
	if err == nil || settled(err) || ctx.Err() != nil {
		return err
	}
	return try(ctx, 2)
}
