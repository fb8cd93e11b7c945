package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	limit       = 5 * time.Second
	streamLimit = 10 * time.Second
	totalLimit  = 18 * time.Second
	// grace is what a check may take to come back once its time is up, so that it can say itself what it waited for.
	grace = 500 * time.Millisecond
)

// check is one look at the installation.
type check struct {
	group, name string
	limit       time.Duration // 0: limit
	look        func(ctx context.Context, n *notes)
}

// runAll runs the checks, all at once, and gives their findings in the order of the checks. It waits for none longer than its
// limit: a call into a library that does not end with its context is left behind.
func runAll(ctx context.Context, checks []check) []Finding {
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

func (c check) run(ctx context.Context) []Finding {
	allowed := c.limit
	if allowed == 0 {
		allowed = limit
	}
	ctx, cancel := context.WithTimeout(ctx, allowed)
	defer cancel()
	n := &notes{group: c.group, check: c.name}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.look(ctx, n)
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
		n.add(Fault, fmt.Sprintf("no answer within %s", allowed), "see whether what is asked here is reached, and not overloaded")
	}
	return n.close()
}
