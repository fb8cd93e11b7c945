package membership

import (
	"context"
	"errors"
	"time"
)

const (
	mostTries = 3
	// tryPause is between a try that has failed at once, as where nobody listens, and the next.
	tryPause = 50 * time.Millisecond
)

// tries asks a question again that is not answered, within [LookupTimeout]. The deadline of each try is twice that of the one before; the last has all the
// time that is left. So a connection that hangs costs the first deadline, and rooms may be slower than that.
type tries struct {
	first time.Duration // deadline of the first
}

// ask gives the error of the last try. That a room is not found is an answer. Once is called with the number of the try, from 1.
func (t tries) ask(ctx context.Context, once func(ctx context.Context, number int) error) error {
	ctx, cancel := context.WithTimeout(ctx, LookupTimeout)
	defer cancel()
	deadline := t.first
	for number := 1; number < mostTries; number++ {
		err := within(ctx, deadline, func(ctx context.Context) error { return once(ctx, number) })
		if err == nil || errors.Is(err, ErrRoomNotFound) || errors.Is(err, ErrUserNotFound) {
			return err
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			pause(ctx, tryPause)
		}
		if ctx.Err() != nil {
			return err
		}
		deadline *= 2
	}
	return once(ctx, mostTries)
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}

func within(ctx context.Context, timeout time.Duration, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return do(ctx)
}
