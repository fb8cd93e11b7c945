// Package examine is what `ism doctor` is made of: checks of an installation, each kept beside what it looks at, and what they
// find. Checks run all at once, each within its limit; none of them changes what it looks at, unless it says so.
package examine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// Limit is how long a check may take that sets no limit of its own.
	Limit      = 5 * time.Second
	totalLimit = 18 * time.Second
	// grace is what a check may take to come back once its time is up, so that it can say itself what it waited for.
	grace = 500 * time.Millisecond
)

// Look is what a check does. It notes what it finds until ctx is done.
type Look func(ctx context.Context, n *Notes)

// WithToken makes a look of a function that needs a user's token. Without a token it does not look, and notes that.
type WithToken func(look func(ctx context.Context, n *Notes, token string)) Look

// Check is one look at the installation.
type Check struct {
	Group, Name string
	Limit       time.Duration // 0: [Limit]
	Look        Look
}

// Part is what the owner of a part of the installation contributes.
type Part struct {
	Checks  []Check
	Secrets []string // what must not be printed, see [Redact]
}

// Once gives what several checks need. It is looked up when the first of them asks, within the limit of a check.
func Once[T any](look func(ctx context.Context) T) func() T {
	return sync.OnceValue(func() T {
		ctx, cancel := context.WithTimeout(context.Background(), Limit-grace)
		defer cancel()
		return look(ctx)
	})
}

// Run makes the checks, all at once, and gives their findings in the order of the checks. It waits for none longer than its
// limit: a call into a library that does not end with its context is left behind.
func Run(ctx context.Context, checks []Check) []Finding {
	ctx, cancel := context.WithTimeout(ctx, totalLimit)
	defer cancel()
	found := make([][]Finding, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { found[i] = c.run(ctx) })
	}
	running.Wait()
	var all []Finding
	for _, findings := range found {
		all = append(all, findings...)
	}
	return all
}

func (c Check) run(ctx context.Context) []Finding {
	limit := c.Limit
	if limit == 0 {
		limit = Limit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n := &Notes{group: c.Group, check: c.Name}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Look(ctx, n)
	}()
	select {
	case <-ended:
		return n.close()
	case <-ctx.Done():
	}
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case <-ended:
	case <-last.C:
		n.Add(Fault, fmt.Sprintf("no answer within %s", limit), "see whether what is asked here is reached, and not overloaded")
	}
	return n.close()
}
