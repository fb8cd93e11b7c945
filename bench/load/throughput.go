package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Throughput is how many messages a second are acknowledged when every user sends the next as soon as the last one was: closed-loop,
// for comparing two configurations of one messenger. Rate counts for nothing. All streams are read meanwhile.
func Throughput(ctx context.Context, o Options) (perSecond float64, err error) {
	httpClient := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
	defer httpClient.CloseIdleConnections()
	r := &run{Options: o, http: httpClient, appointed: map[string]time.Time{}}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return 0, err
	}
	mark := uuid.NewString()
	var counting atomic.Bool
	var acknowledged, failed atomic.Int64
	sending, stop := context.WithTimeout(ctx, o.WarmUp+o.Duration)
	defer stop()
	start := time.AfterFunc(o.WarmUp, func() { counting.Store(true) })
	defer start.Stop()
	var senders sync.WaitGroup
	for number, from := range r.participants {
		senders.Go(func() {
			for i := 0; sending.Err() == nil; i++ {
				_, err := from.client.SendText(sending, from.room, fmt.Sprintf("%s %d %d", mark, number, i))
				switch {
				case sending.Err() != nil || !counting.Load():
				case err == nil:
					acknowledged.Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	senders.Wait()
	if failed.Load() > 0 {
		return 0, fmt.Errorf("measure: %d sends failed beside %d", failed.Load(), acknowledged.Load())
	}
	return float64(acknowledged.Load()) / o.Duration.Seconds(), nil
}
