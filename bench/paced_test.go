package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	pacedFor     = 20 * time.Second // each load
	pacedWorkers = 32
)

// paced does something at a rate, each when it is due, and reports how long it took from then.
func paced(b *testing.B, name string, rate int, do func() error) {
	b.Helper()
	due := make(chan time.Time, rate*int(pacedFor.Seconds()))
	var (
		mu    sync.Mutex
		times []time.Duration
		work  sync.WaitGroup
	)
	for range pacedWorkers {
		work.Go(func() {
			for at := range due {
				if err := do(); err != nil {
					b.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				times = append(times, time.Since(at))
				mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	for range cap(due) {
		due <- <-tick.C
	}
	tick.Stop()
	close(due)
	work.Wait()
	slices.Sort(times)
	if len(times) == 0 {
		return
	}
	for quantile, of := range map[string]float64{"p50": 0.5, "p99": 0.99} {
		b.ReportMetric(float64(times[int(of*float64(len(times)-1))].Microseconds())/1000, name+"-"+quantile+"-ms")
	}
}

// caller asks the services.
type caller struct{ *http.Client }

func newCaller() caller {
	return caller{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * pacedWorkers}}}
}

func (c caller) do(method, url, token string, body []byte) error {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, url, answer.StatusCode, text)
	}
	return err
}
