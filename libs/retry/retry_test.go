package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/retry"
)

var (
	policy  = retry.Policy{First: 100 * time.Millisecond, Max: time.Second}
	errDown = errors.New("down")
)

// within reports whether a delay is the expected one, varied by at most a half.
func within(delay, expected time.Duration) bool { return delay >= expected/2 && delay <= expected*3/2 }

func TestItIsTriedUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		var delays []time.Duration
		began := time.Now()
		err := policy.Do(t.Context(), func(context.Context) error {
			if attempts++; attempts <= 6 {
				return errDown
			}
			return nil
		}, func(err error, next time.Duration) {
			if !errors.Is(err, errDown) {
				t.Errorf("told of %v", err)
			}
			delays = append(delays, next)
		})
		if err != nil || attempts != 7 || len(delays) != 6 {
			t.Fatalf("%d attempts, delays %v, %v", attempts, delays, err)
		}
		var sum time.Duration
		for i, milliseconds := range []int{100, 200, 400, 800, 1000, 1000} {
			sum += delays[i]
			if !within(delays[i], time.Duration(milliseconds)*time.Millisecond) {
				t.Errorf("delay %d is %s, expected about %d ms", i, delays[i], milliseconds)
			}
		}
		if waited := time.Since(began); waited != sum {
			t.Errorf("waited %s, told of %s", waited, sum)
		}
	})
}

func TestProgressBeginsTheDelaysAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		var last time.Duration
		err := policy.Do(t.Context(), func(context.Context) error {
			switch attempts++; {
			case attempts <= 5:
				return errDown
			case attempts == 6:
				return retry.AfterProgress(errDown)
			default:
				return retry.AfterProgress(nil)
			}
		}, func(err error, next time.Duration) {
			if last = next; !errors.Is(err, errDown) {
				t.Errorf("told of %v", err)
			}
		})
		if err != nil || attempts != 7 || !within(last, 100*time.Millisecond) {
			t.Errorf("%d attempts, the last delay %s, %v", attempts, last, err)
		}
	})
}

func TestTheEndOfTheContextEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := policy.Do(ctx, func(context.Context) error { return errDown }, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its time: %v", err)
		}
		err = policy.Do(ctx, func(context.Context) error {
			t.Error("it was tried again")
			return nil
		}, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without time: %v", err)
		}
	})
}

func ExamplePolicy_Do() {
	attempts := 0
	connect := func(context.Context) error {
		if attempts++; attempts < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	err := retry.Policy{First: time.Millisecond, Max: time.Second}.Do(context.Background(), connect, func(err error, _ time.Duration) {
		fmt.Println("not there yet:", err)
	})
	fmt.Println("connected:", err == nil)
	// Output:
	// not there yet: connection refused
	// not there yet: connection refused
	// connected: true
}
