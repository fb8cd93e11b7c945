package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// slice is how long one share of traced requests is kept before the next has its turn: short against what makes a machine faster
// or slower, long against a request.
const slice = 2 * time.Second

// Throughput is how many messages a second are acknowledged when every user sends the next as soon as the last one was: closed-loop,
// for comparing configurations of one messenger. Rate counts for nothing. All streams are read meanwhile.
//
// The shares are those of the requests that ask to be traced, by their traceparent; the others ask not to be. They take turns,
// back and forth, and each has its own throughput. Without any, requests say nothing of traces, and there is one throughput.
func Throughput(ctx context.Context, o Options, shares ...float64) (perSecond []float64, err error) {
	if o.Duration < slice*time.Duration(2*len(shares)) {
		return nil, errors.New("measure: too short for each share to have a turn each way")
	}
	var turn atomic.Int64 // which of the shares; below 0 nothing is counted yet
	turn.Store(-1)
	transport := &tracing{next: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}, share: func() (float64, bool) {
		if at := turn.Load(); at >= 0 && len(shares) > 0 {
			return shares[at], true
		}
		return 0, len(shares) > 0
	}}
	s, err := join(ctx, o, transport)
	if err != nil {
		return nil, err
	}
	defer s.Close()

	acknowledged := make([]atomic.Int64, max(1, len(shares)))
	took := make([]time.Duration, len(acknowledged))
	var failed atomic.Int64
	sending, stop := context.WithCancel(ctx)
	defer stop()
	mark := uuid.NewString()
	var senders sync.WaitGroup
	for number, from := range s.participants {
		senders.Go(func() {
			for i := 0; sending.Err() == nil; i++ {
				_, err := from.client.SendText(sending, from.room, fmt.Sprintf("%s %d %d", mark, number, i))
				at := turn.Load()
				switch {
				case sending.Err() != nil || at < 0:
				case err == nil:
					acknowledged[at].Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	err = wait(ctx, o.WarmUp)
	for begun, i := time.Now(), 0; err == nil && time.Since(begun) < o.Duration; i++ {
		at := back(i, len(acknowledged))
		turn.Store(int64(at))
		since := time.Now()
		err = wait(ctx, slice)
		took[at] += time.Since(since)
	}
	turn.Store(-1)
	stop()
	senders.Wait()
	if err == nil && failed.Load() > 0 {
		err = fmt.Errorf("%d sends failed", failed.Load())
	}
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	for i := range acknowledged {
		perSecond = append(perSecond, float64(acknowledged[i].Load())/took[i].Seconds())
	}
	return perSecond, nil
}

// back is whose turn it is when n take turns forth and back: 0 1 1 0 0 1 1 0 for two, so that none gains by coming later.
func back(turn, n int) int {
	if at := turn % (2 * n); at >= n {
		return 2*n - 1 - at
	}
	return turn % n
}

func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tracing says in each request whether it is to be traced (W3C Trace Context, section 3.2).
type tracing struct {
	next  *http.Transport
	share func() (share float64, says bool)
}

func (t *tracing) RoundTrip(request *http.Request) (*http.Response, error) {
	if share, says := t.share(); says {
		var id [24]byte
		_, _ = rand.Read(id[:])
		flags := 0
		if mathrand.Float64() < share {
			flags = 1
		}
		request = request.Clone(request.Context())
		request.Header.Set("Traceparent", fmt.Sprintf("00-%x-%x-%02x", id[:16], id[16:], flags))
	}
	return t.next.RoundTrip(request)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (t *tracing) CloseIdleConnections() { t.next.CloseIdleConnections() }
