package images

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func newPool(t testing.TB, config PoolConfig) *Pool {
	t.Helper()
	pool, err := NewPool(config, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// gate is a file whose bytes come once it is opened.
type gate struct {
	file   io.Reader
	opened chan struct{}
}

func newGate(data []byte) *gate {
	return &gate{file: bytes.NewReader(data), opened: make(chan struct{})}
}

func (g *gate) Read(p []byte) (int, error) {
	<-g.opened
	return g.file.Read(p)
}

// answer is what a call in a goroutine of its own gave.
type answer struct {
	err  error
	done bool
}

func variantsIn(ctx context.Context, group *sync.WaitGroup, pool *Pool, file io.Reader, size int) *answer {
	var a answer
	group.Go(func() {
		_, _, a.err = pool.Variants(ctx, file, int64(size), 8)
		a.done = true
	})
	return &a
}

func TestAPoolLetsAFewIn(t *testing.T) {
	data := asPNG(t, quarters(16, 16))
	synctest.Test(t, func(t *testing.T) {
		pool, ctx := newPool(t, PoolConfig{Workers: 1, Waiting: 1, Memory: 1 << 30}), context.Background()
		var group sync.WaitGroup
		slow := newGate(data)
		working := variantsIn(ctx, &group, pool, slow, len(data))
		synctest.Wait()
		waiting := variantsIn(ctx, &group, pool, bytes.NewReader(data), len(data))
		synctest.Wait()
		if _, err := pool.Inspect(ctx, bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrBusy) {
			t.Errorf("the third gets %v", err)
		}
		if working.done || waiting.done {
			t.Error("the second did not wait for the first")
		}
		close(slow.opened)
		group.Wait()
		if working.err != nil || waiting.err != nil {
			t.Errorf("%v, %v", working.err, waiting.err)
		}
		if _, err := pool.Square(ctx, bytes.NewReader(data), int64(len(data)), 500); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if info, err := pool.Inspect(ctx, bytes.NewReader(data), int64(len(data))); err != nil || info.Width != 16 {
			t.Errorf("afterwards: %v", err)
		}
		if err := pool.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestADeadlineEndsWaiting(t *testing.T) {
	data := asPNG(t, quarters(16, 16))
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, PoolConfig{Workers: 1, Waiting: 1, Memory: 1 << 30})
		var group sync.WaitGroup
		slow := newGate(data)
		working := variantsIn(context.Background(), &group, pool, slow, len(data))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := pool.Square(ctx, bytes.NewReader(data), int64(len(data)), 500); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(slow.opened)
		group.Wait()
		if working.err != nil {
			t.Error(working.err)
		}
	})
}

func TestAPoolWaitsForMemory(t *testing.T) {
	data := asPNG(t, quarters(16, 16))
	synctest.Test(t, func(t *testing.T) {
		pool, ctx := newPool(t, PoolConfig{Workers: 4, Memory: 2*workspace - 1}), context.Background()
		if err := pool.memory.Acquire(ctx, workspace); err != nil { // as the first of two does
			t.Fatal(err)
		}
		var group sync.WaitGroup
		second := variantsIn(ctx, &group, pool, bytes.NewReader(data), len(data))
		synctest.Wait()
		if second.done {
			t.Errorf("it did not wait: %v", second.err)
		}
		pool.memory.Release(workspace)
		group.Wait()
		if second.err != nil {
			t.Error(second.err)
		}
		if !pool.memory.TryAcquire(2*workspace - 1) {
			t.Error("memory was not given back")
		}
	})
}

func TestWhatNeedsMoreThanThePoolHasIsRefused(t *testing.T) {
	t.Parallel()
	data := asPNG(t, quarters(600, 600))
	pool := newPool(t, PoolConfig{Workers: 1, Memory: workspace + 1<<20})
	_, _, err := pool.Variants(context.Background(), bytes.NewReader(data), int64(len(data)), 256)
	mustReject(t, err, TooMuchMemory)
}

func TestClosingSendsAwayWhoWaits(t *testing.T) {
	data := asPNG(t, quarters(16, 16))
	synctest.Test(t, func(t *testing.T) {
		pool, ctx := newPool(t, PoolConfig{Workers: 1, Waiting: 3, Memory: 1 << 30}), context.Background()
		var group sync.WaitGroup
		slow := newGate(data)
		working := variantsIn(ctx, &group, pool, slow, len(data))
		synctest.Wait()
		waiting := variantsIn(ctx, &group, pool, bytes.NewReader(data), len(data))
		synctest.Wait()
		closed := false
		group.Go(func() {
			if err := pool.Close(ctx); err != nil {
				t.Error(err)
			}
			closed = true
		})
		synctest.Wait()
		if !waiting.done || !errors.Is(waiting.err, ErrClosed) {
			t.Errorf("who waits gets %v", waiting.err)
		}
		if closed || working.done {
			t.Error("it did not wait for who works")
		}
		if _, err := pool.Inspect(ctx, bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrClosed) {
			t.Errorf("who comes late gets %v", err)
		}
		close(slow.opened)
		group.Wait()
		if working.err != nil {
			t.Errorf("who works gets %v", working.err)
		}
		if err := pool.Close(ctx); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

func TestClosingCancelsWhoWorksForTooLong(t *testing.T) {
	data := asPNG(t, quarters(16, 16))
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, PoolConfig{Workers: 1, Memory: 1 << 30})
		var group sync.WaitGroup
		slow := newGate(data)
		working := variantsIn(context.Background(), &group, pool, iotest.OneByteReader(slow), len(data))
		synctest.Wait()
		group.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if err := pool.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("closing gives %v", err)
			}
		})
		time.Sleep(2 * time.Second)
		close(slow.opened) // a read that lasts is its caller's; the next one ends
		group.Wait()
		if !errors.Is(working.err, ErrClosed) {
			t.Errorf("who works gets %v", working.err)
		}
	})
}

// Whatever comes at once, memory and places are given back.
func TestAPoolIsAsItWas(t *testing.T) {
	t.Parallel()
	config := PoolConfig{Workers: 2, Waiting: 6, Memory: 3 * workspace}
	pool := newPool(t, config)
	files := [][]byte{asPNG(t, quarters(300, 300)), asJPEG(t, quarters(300, 200)), []byte("no image"), asPNG(t, quarters(99, 99))[:200]}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for turn := range 10 {
				data := files[(i+turn)%len(files)]
				_, _, err := pool.Variants(context.Background(), bytes.NewReader(data), int64(len(data)), 64)
				if _, rejected := ReasonOf(err); rejected != ((i+turn)%len(files) >= 2) {
					t.Errorf("%d: %v", (i+turn)%len(files), err)
				}
			}
		})
	}
	group.Wait()
	if !pool.workers.TryAcquire(int64(config.Workers)) || !pool.memory.TryAcquire(config.Memory) || pool.inside != 0 {
		t.Error("something was not given back")
	}
}

func TestAPoolThatWorksOnNothingIsRefused(t *testing.T) {
	t.Parallel()
	for _, config := range []PoolConfig{{}, {Workers: 1}, {Workers: 1, Waiting: -1, Memory: 1 << 30}, {Workers: 0, Memory: 1 << 30}} {
		if _, err := NewPool(config, DefaultLimits()); err == nil {
			t.Errorf("%+v is taken", config)
		}
	}
}
