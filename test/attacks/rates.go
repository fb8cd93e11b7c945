package attacks

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// usersRate asks to be friends with somebody who cannot be: what counts is that it was asked. The default is 600 a minute, at once if need be. Who asks
// here does nothing else in any suite, since it is refused for a minute.
func usersRate(t *testing.T, d *deployment.Deployment) {
	const quota, workers, each, page = 600, 4, 180, "http://localhost:4200"
	token := d.Token(t, "u06")
	written := []string{"Bearer " + token, "bearer " + token, "BEARER " + token, "bEaReR " + token}
	post := func(authorization string) (*http.Response, wire.Problem) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.BaseURL+"/api/users/friends/add/nobody", http.NoBody)
		if err != nil {
			t.Error(err)
			return nil, wire.Problem{}
		}
		request.Header.Set("Authorization", authorization)
		request.Header.Set("Origin", page)
		response, err := d.HTTP().Do(request)
		if err != nil {
			t.Error(err)
			return nil, wire.Problem{}
		}
		defer response.Body.Close()
		return response, problemOf(t, response)
	}
	begun := time.Now()
	var served atomic.Int64
	var refusal atomic.Pointer[http.Response]
	var flood sync.WaitGroup
	for worker := range workers {
		flood.Go(func() {
			for i := range each {
				response, problem := post(written[(worker+i)%len(written)])
				switch {
				case response == nil:
				case response.StatusCode == http.StatusBadRequest:
					served.Add(1)
				case response.StatusCode == http.StatusTooManyRequests && problem.Code == "rate-limited":
					refusal.Store(response)
				default:
					t.Errorf("%s %+v", response.Status, problem)
				}
			}
		})
	}
	flood.Wait()
	again := int64(time.Since(begun).Seconds()*quota/60) + 1
	if got := served.Load(); got < quota || got > quota+again {
		t.Errorf("%d of %d requests were taken, want %d and %d that came meanwhile", got, workers*each, quota, again)
	}
	refused := refusal.Load()
	if refused == nil {
		t.Fatal("nothing was refused")
	}
	header := refused.Header
	if header.Get("Retry-After") == "" || !strings.Contains(header.Get("RateLimit"), `"contacts"`) || !strings.Contains(header.Get("RateLimit-Policy"), `"contacts";q=600;w=60`) {
		t.Errorf("the refusal does not say when to come back: %v", header)
	}
	if header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(header.Get("Access-Control-Expose-Headers"), "Retry-After") {
		t.Errorf("a page cannot read the refusal: %v", header)
	}
	if status := statusOf(t, d, d.Token(t, "u07")); status != http.StatusOK {
		t.Errorf("another user is answered with %d", status)
	}
}

// problemOf reads what went wrong.
func problemOf(t *testing.T, response *http.Response) (problem wire.Problem) {
	t.Helper()
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Errorf("%s is no problem: %v", response.Status, err)
	}
	return problem
}
