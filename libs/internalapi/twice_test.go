package internalapi_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/internalapi"
)

func TestAQuestionIsTriedTwice(t *testing.T) {
	answer, fault := errors.New("an answer"), errors.New("a fault")
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	gives := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for name, c := range map[string]struct {
		tries []func(context.Context) error
		want  error
		took  time.Duration
	}{
		"answered":               {[]func(context.Context) error{gives(nil)}, nil, 0},
		"answered by an error":   {[]func(context.Context) error{gives(answer)}, answer, 0},
		"answered to the second": {[]func(context.Context) error{hangs, gives(nil)}, nil, time.Second},
		"at fault twice":         {[]func(context.Context) error{gives(fault), gives(fault)}, fault, 0},
		"hanging twice":          {[]func(context.Context) error{hangs, hangs}, context.DeadlineExceeded, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				begun, tried := time.Now(), 0
				err := internalapi.Twice(ctx, time.Second, func(err error) bool { return errors.Is(err, answer) }, func(ctx context.Context, number int) error {
					tried++
					if number != tried {
						t.Errorf("try %d has the number %d", tried, number)
					}
					return c.tries[number-1](ctx)
				})
				if !errors.Is(err, c.want) || tried != len(c.tries) || time.Since(begun) != c.took {
					t.Errorf("%v after %d tries and %s", err, tried, time.Since(begun))
				}
			})
		})
	}
}
