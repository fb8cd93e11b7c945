package bus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

const testHold, testStill = 300 * time.Millisecond, 3500 * time.Millisecond

func TestLaneLetsThroughWhatMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(testHold, testStill)
		for range 100 {
			first := mustEnter(t, l)
			time.Sleep(testHold - time.Millisecond)
			second := mustEnter(t, l)
			l.leave(first, true)
			l.leave(second, true)
		}
		if age, held := l.state(); age != 0 || held != 0 {
			t.Errorf("an empty lane is %s old and holds %d", age, held)
		}
	})
}

// A stall of three seconds is waited out: what comes meanwhile is held, and enters when the oldest is acknowledged.
func TestLaneHoldsWhatComesDuringAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(testHold, testStill)
		oldest := mustEnter(t, l)
		time.Sleep(testHold)
		entered := make(chan error, 3)
		for range 3 {
			go func() {
				_, err := l.enter(t.Context(), 1)
				entered <- err
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, held := l.state(); held != 3 || len(entered) != 0 {
			t.Fatalf("%d are held, %d have entered", held, len(entered))
		}
		l.leave(oldest, true)
		synctest.Wait()
		if _, held := l.state(); held != 0 || len(entered) != 3 {
			t.Fatalf("%d are held, %d have entered", held, len(entered))
		}
		for range 3 {
			if err := <-entered; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestLaneThatStandsStillRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(testHold, testStill)
		oldest := mustEnter(t, l)
		begun := time.Now()
		time.Sleep(testHold)
		if _, err := l.enter(t.Context(), 1); !errors.Is(err, errStandsStill) {
			t.Errorf("what waited: %v", err)
		}
		if took := time.Since(begun); took != testStill {
			t.Errorf("it waited for %s", took)
		}
		if _, err := l.enter(t.Context(), 1); !errors.Is(err, errStandsStill) || time.Since(begun) != testStill {
			t.Errorf("what came later, after %s: %v", time.Since(begun), err)
		}
		l.leave(oldest, true)
		mustEnter(t, l)
	})
}

// Where all that is sent fails, one is tried after the other, and whoever waits in vain is refused without having been sent.
func TestLaneTriesOneByOneWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(testHold, testStill)
		first, second := mustEnter(t, l), mustEnter(t, l)
		l.leave(first, false)
		entered := make(chan slot, 10)
		refused := make(chan error, 10)
		for range 10 {
			go func() {
				s, err := l.enter(t.Context(), 1)
				if err != nil {
					refused <- err
					return
				}
				entered <- s
			}()
		}
		synctest.Wait()
		if _, held := l.state(); held != 10 {
			t.Fatalf("%d are held while one is under way", held)
		}
		l.leave(second, false)
		for range 2 {
			synctest.Wait()
			if len(entered) != 1 {
				t.Fatalf("%d are tried at once", len(entered))
			}
			time.Sleep(time.Second)
			l.leave(<-entered, false)
		}
		synctest.Wait()
		trial := <-entered
		time.Sleep(testStill)
		synctest.Wait()
		if len(refused) != 7 {
			t.Fatalf("%d of 7 are refused", len(refused))
		}
		if _, err := l.enter(t.Context(), 1); !errors.Is(err, errStandsStill) {
			t.Error(err)
		}
		l.leave(trial, true)
		mustEnter(t, l)
		mustEnter(t, l)
	})
}

func TestLaneHoldsNoMoreThanItMay(t *testing.T) {
	for name, test := range map[string]struct{ size, most int }{"records": {1, maxHeld}, "bytes": {1 << 20, maxHeldBytes >> 20}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLane(testHold, testStill)
				oldest := mustEnter(t, l)
				time.Sleep(testHold)
				entered := make(chan error, test.most)
				for range test.most {
					go func() {
						_, err := l.enter(t.Context(), test.size)
						entered <- err
					}()
				}
				synctest.Wait()
				begun := time.Now()
				if _, err := l.enter(t.Context(), test.size); !errors.Is(err, errStandsStill) || time.Since(begun) != 0 {
					t.Errorf("one more, after %s: %v", time.Since(begun), err)
				}
				l.leave(oldest, true)
				for range test.most {
					if err := <-entered; err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

func TestLaneForgetsWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(testHold, testStill)
		mustEnter(t, l)
		time.Sleep(testHold)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.enter(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, held := l.state(); held != 0 || l.heldBytes != 0 {
			t.Errorf("%d of %d bytes are held", held, l.heldBytes)
		}
	})
}

func mustEnter(t *testing.T, l *lane) slot {
	t.Helper()
	entered, err := l.enter(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return entered
}
