package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// diary keeps what happens, with the time since it was begun.
type diary struct {
	mu    sync.Mutex
	begun time.Time
	lines []string
}

func newDiary() *diary { return &diary{begun: time.Now()} }

func (d *diary) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, time.Since(d.begun).String()+" "+line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := d.read(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// part runs until it is asked to stop, takes drain for that and ends with err.
func (d *diary) part(name string, drain time.Duration, err error) lifecycle.Part {
	return lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		d.write(name + " asked")
		time.Sleep(drain)
		d.write(name + " stopped")
		return err
	}}
}

func group(cfg lifecycle.Config, parts ...lifecycle.Part) *lifecycle.Group {
	g := lifecycle.New(cfg, slog.New(slog.DiscardHandler))
	for _, part := range parts {
		g.Add(part)
	}
	return g
}

func after(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func expectError(t *testing.T, err error, want string) {
	t.Helper()
	if got := errorText(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPartsStopInReverseOrderAfterTheDrainDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		g := group(
			lifecycle.Config{DrainDelay: 2 * time.Second, StopTimeout: 20 * time.Second},
			d.part("store", time.Second, nil), d.part("service", 3*time.Second, context.Canceled), d.part("listener", 0, nil),
		)
		g.Add(lifecycle.Part{Name: "observer", Run: func(ctx context.Context) error {
			<-g.Draining()
			d.write("draining")
			<-ctx.Done()
			return nil
		}})
		ctx, cancel := after(time.Minute)
		defer cancel()
		expectError(t, g.Run(ctx), "")
		d.expect(
			t, "1m0s draining",
			"1m2s listener asked", "1m2s listener stopped",
			"1m2s service asked", "1m5s service stopped",
			"1m5s store asked", "1m6s store stopped",
		)
	})
}

func TestPartsBesideEachOtherStopTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		store, relay, consumer := d.part("store", time.Second, nil), d.part("relay", 3*time.Second, nil), d.part("consumer", 2*time.Second, nil)
		consumer.Beside = true
		ctx, cancel := after(time.Minute)
		defer cancel()
		begun := time.Now()
		expectError(t, group(lifecycle.Config{StopTimeout: 20 * time.Second}, store, relay, consumer).Run(ctx), "")
		if took := time.Since(begun); took != time.Minute+4*time.Second {
			t.Errorf("it took %s", took)
		}
		if lines := d.read(); !slices.Equal(lines[2:], []string{"1m2s consumer stopped", "1m3s relay stopped", "1m3s store asked", "1m4s store stopped"}) {
			t.Errorf("they stopped as %q", lines)
		}
	})
}

func TestPartThatEndsByItselfEndsTheGroup(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(context.Context) error
		want string
	}{
		"error":   {func(context.Context) error { return errors.New("port is taken") }, "listener ended: port is taken"},
		"nothing": {func(context.Context) error { return nil }, "listener ended: returned although nothing had asked it to stop"},
		"panic":   {func(context.Context) error { panic("index out of range") }, "listener ended: panic: index out of range"},
		"goexit":  {func(context.Context) error { runtime.Goexit(); return nil }, "listener ended: left its goroutine by runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary()
				listener := lifecycle.Part{Name: "listener", Run: func(ctx context.Context) error {
					time.Sleep(time.Second)
					return c.run(ctx)
				}}
				g := group(lifecycle.Config{StopTimeout: time.Second}, d.part("store", 0, nil), listener, d.part("service", 0, nil))
				expectError(t, g.Run(t.Context()), c.want)
				d.expect(t, "1s service asked", "1s service stopped", "1s store asked", "1s store stopped")
			})
		})
	}
}

func TestErrorsWhileStoppingAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		lost := errors.New("3 records lost")
		g := group(lifecycle.Config{StopTimeout: time.Second}, d.part("store", 0, errors.New("disk full")), d.part("producer", 0, lost))
		ctx, cancel := after(time.Second)
		defer cancel()
		err := g.Run(ctx)
		expectError(t, err, "stop producer: 3 records lost\nstop store: disk full")
		if !errors.Is(err, lost) {
			t.Error("the cause is not wrapped")
		}
	})
}

func TestPartThatEndsDuringTheDrainDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := func(name string, err error) lifecycle.Part {
			return lifecycle.Part{Name: name, Run: func(context.Context) error { time.Sleep(2 * time.Second); return err }}
		}
		g := group(
			lifecycle.Config{DrainDelay: 5 * time.Second, StopTimeout: time.Second},
			ends("early", nil), ends("failing", errors.New("broken pipe")),
		)
		ctx, cancel := after(time.Second)
		defer cancel()
		expectError(t, g.Run(ctx), "stop failing: broken pipe")
	})
}

func TestErrorSaysWhatWouldNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		g := group(
			lifecycle.Config{StopTimeout: 20 * time.Second},
			d.part("store", time.Second, nil), d.part("relay", 3*time.Second, nil),
			d.part("service", time.Minute, nil), d.part("listener", 5*time.Second, nil),
		)
		ctx, cancel := after(time.Second)
		defer cancel()
		expectError(t, g.Run(ctx), "would not stop within 20s: service, relay")
		if took := time.Since(d.begun); took != 21*time.Second {
			t.Errorf("took %s", took)
		}
		time.Sleep(time.Minute) // the parts end, for goleak
		got := d.read()
		slices.Sort(got[3:5]) // asked at once
		want := []string{
			"1s listener asked", "6s listener stopped", "6s service asked",
			// A tenth of the timeout is left for those beneath the one that hangs.
			"19s relay asked", "19s store asked", "20s store stopped", "22s relay stopped", "1m6s service stopped",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestContextOfAPartOutlivesThatOfTheGroupAndKeepsItsValues(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		g := group(lifecycle.Config{DrainDelay: time.Second, StopTimeout: time.Second})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		g.Add(lifecycle.Part{Name: "part", Run: func(ctx context.Context) error {
			<-g.Draining()
			if ctx.Err() != nil || ctx.Value(key{}) != "value" {
				t.Errorf("while draining: %v, value %v", ctx.Err(), ctx.Value(key{}))
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		cancel()
		expectError(t, g.Run(ctx), "")
	})
}

func TestEmptyGroupRunsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := after(time.Second)
		defer cancel()
		expectError(t, group(lifecycle.Config{StopTimeout: time.Second}).Run(ctx), "")
	})
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	var log bytes.Buffer
	g := lifecycle.New(lifecycle.Config{StopTimeout: time.Second}, slog.New(slog.NewTextHandler(&log, nil)))
	g.Add(lifecycle.Part{Name: "part", Run: panicking})
	if err := g.Run(t.Context()); err == nil {
		t.Error("no error")
	}
	for _, want := range []string{"level=ERROR", "part=part", "panic=oops", "lifecycle_test.panicking"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in %s", want, log.String())
		}
	}
}

func panicking(context.Context) error { panic("oops") }

func TestConfig(t *testing.T) {
	var cfg struct{ Lifecycle lifecycle.Config }
	if err := config.LoadFrom(&cfg, nil); err != nil || cfg.Lifecycle.StopTimeout != 20*time.Second {
		t.Errorf("%+v, %v", cfg, err)
	}
	err := config.LoadFrom(&cfg, []string{"ISM_LIFECYCLE_DRAIN_DELAY=-1s", "ISM_LIFECYCLE_STOP_TIMEOUT=0s"})
	expectError(t, err, "the configuration has 2 faults:\n"+
		"  ISM_LIFECYCLE_DRAIN_DELAY: -1s is negative\n  ISM_LIFECYCLE_STOP_TIMEOUT: 0s is not more than 0")
}
