package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ErrBusy is the answer of a pool where as many wait as may.
var ErrBusy = errors.New("as many images wait as may")

// ErrClosed is the answer of a pool that is shutting down.
var ErrClosed = errors.New("the pool of images is closed")

// PoolConfig bounds what all images together take: at most Workers × Limits.MaxBytes of files, and Memory of decoders.
type PoolConfig struct {
	Workers int   // images that are worked on at a time; each takes a core
	Waiting int   // and that wait for a worker; more get [ErrBusy]
	Memory  int64 // bytes of decoders at a time, by their estimates. An image that needs more by itself is refused
}

// DefaultPool is for two cores.
func DefaultPool() PoolConfig { return PoolConfig{Workers: 2, Waiting: 64, Memory: 512 << 20} }

// Pool works on images in its callers' goroutines, of which it lets a few in at a time: first to a worker's place, then, once the file tells what it takes, to its memory.
// A place is held while waiting for memory, memory is held while waiting for nothing; so nobody waits for each other.
// How long to wait is the context's matter: a deadline ends waiting and decoding.
type Pool struct {
	limits  Limits
	config  PoolConfig
	workers *semaphore.Weighted
	memory  *semaphore.Weighted

	mu      sync.Mutex
	inside  int  // working and waiting
	closed  bool // nobody is let in
	empty   chan struct{}
	closing context.Context // done when the waiting are to give up
	giveUp  context.CancelCauseFunc
	ending  context.Context // done when the working are, too
	abort   context.CancelCauseFunc
}

// NewPool makes a pool. Its memory bounds that of each image as well.
func NewPool(config PoolConfig, limits Limits) (*Pool, error) {
	if config.Workers < 1 || config.Waiting < 0 || config.Memory <= workspace {
		return nil, fmt.Errorf("a pool of %d workers, %d waiting and %d bytes works on nothing", config.Workers, config.Waiting, config.Memory)
	}
	limits.MaxMemory = min(limits.MaxMemory, config.Memory)
	pool := &Pool{
		limits: limits, config: config, empty: make(chan struct{}),
		workers: semaphore.NewWeighted(int64(config.Workers)), memory: semaphore.NewWeighted(config.Memory),
	}
	pool.closing, pool.giveUp = context.WithCancelCause(context.Background())
	pool.ending, pool.abort = context.WithCancelCause(context.Background())
	return pool, nil
}

// Inspect is [Inspect] with the pool's limits.
func (p *Pool) Inspect(ctx context.Context, file io.Reader, size int64) (info Info, err error) {
	err = p.work(ctx, func(ctx context.Context) error {
		info, err = Inspect(ctx, file, size, p.limits)
		return err
	})
	return info, err
}

// Variants is [Variants] with the pool's limits.
func (p *Pool) Variants(ctx context.Context, file io.Reader, size int64, edges ...int) (info Info, made []Variant, err error) {
	err = p.work(ctx, func(ctx context.Context) error {
		info, made, err = variants(ctx, file, size, p.limits, p.admit, edges)
		return err
	})
	return info, made, err
}

// Square is [Square] with the pool's limits.
func (p *Pool) Square(ctx context.Context, file io.Reader, size int64, side int) (made []byte, err error) {
	err = p.work(ctx, func(ctx context.Context) error {
		made, err = square(ctx, file, size, p.limits, p.admit, side)
		return err
	})
	return made, err
}

// Close lets nobody in, sends away who waits for a place or for memory, and waits for those who work. When the context is done, they are cancelled, too, and it waits until they have noticed.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		if p.inside == 0 {
			close(p.empty)
		}
	}
	p.mu.Unlock()
	p.giveUp(ErrClosed)
	defer p.abort(ErrClosed)
	select {
	case <-p.empty:
		return nil
	case <-ctx.Done():
	}
	p.abort(ErrClosed)
	<-p.empty
	return fmt.Errorf("wait for images that are worked on: %w", context.Cause(ctx))
}

func (p *Pool) work(ctx context.Context, do func(context.Context) error) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	if err := p.acquire(ctx, p.workers, 1); err != nil {
		return fmt.Errorf("wait for a worker: %w", err)
	}
	defer p.workers.Release(1)
	ctx, cancel := both(ctx, p.ending)
	defer cancel()
	return do(ctx)
}

func (p *Pool) admit(ctx context.Context, memory int64) (func(), error) {
	if err := p.acquire(ctx, p.memory, memory); err != nil {
		return nil, fmt.Errorf("wait for memory: %w", err)
	}
	return func() { p.memory.Release(memory) }, nil
}

func (p *Pool) acquire(ctx context.Context, of *semaphore.Weighted, weight int64) error {
	if of.TryAcquire(weight) { // also while the pool closes: who works and need not wait goes on
		return nil
	}
	ctx, cancel := both(ctx, p.closing)
	defer cancel()
	if err := of.Acquire(ctx, weight); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// both is done when either is, with its cause.
func both(ctx, other context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() { stop(); cancel(nil) }
}

func (p *Pool) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.inside >= p.config.Workers+p.config.Waiting:
		return ErrBusy
	}
	p.inside++
	return nil
}

func (p *Pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside--
	if p.closed && p.inside == 0 {
		close(p.empty)
	}
}
