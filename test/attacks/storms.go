package attacks

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
)

// refusalsTakeTheSame measures kinds of refused tokens in turn, so that what else the machine does strikes all of them.
func refusalsTakeTheSame(t *testing.T, d *deployment.Deployment) {
	parts := strings.Split(d.Token(t, "alice"), ".")
	flipped := decoded(t, parts[2])
	flipped[10] ^= 1
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"nobody's"}`))
	expired := base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1,"sub":"0192d3a0-0000-7000-8000-00000000000a"}`))
	kinds := map[string]string{
		"no token at all":      "x.y.z",
		"a wrong signature":    parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(flipped),
		"an unknown key id":    signed(t, key, unknown+"."+parts[1]),
		"an expired one":       signed(t, key, parts[0]+"."+expired),
		"another issuer's":     signed(t, key, parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://evil.example.com"}`))),
		"one without its part": parts[0] + "." + parts[1] + ".",
	}
	const attempts = 3 // on a busy machine a median strays, and no other time by the same
	for attempt := 1; ; attempt++ {
		fastest, slowest := medians(t, d, kinds)
		// Whoever fetches keys, or asks a database, for one kind of refusal takes longer than all of an answer.
		if slowest-fastest <= max(2*time.Millisecond, fastest) {
			return
		}
		if attempt == attempts {
			t.Fatalf("one refusal takes %s, another %s", fastest, slowest)
		}
	}
}

// medians are those of the kind of tokens that is refused the fastest, and the slowest.
func medians(t *testing.T, d *deployment.Deployment, kinds map[string]string) (fastest, slowest time.Duration) {
	t.Helper()
	const rounds = 40
	took := map[string][]time.Duration{}
	for range rounds {
		for kind, token := range kinds {
			begun := time.Now()
			response, _ := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + token}})
			took[kind] = append(took[kind], time.Since(begun))
			if response.StatusCode != http.StatusUnauthorized {
				t.Fatalf("%s is answered with %s", kind, response.Status)
			}
		}
	}
	var all []time.Duration
	for kind, times := range took {
		slices.Sort(times)
		all = append(all, times[rounds/2])
		t.Logf("%s: p50 %s", kind, times[rounds/2])
	}
	return slices.Min(all), slices.Max(all)
}

// stormOfKeyIDs sends tokens whose key ids differ, as many at once as a script does, and counts how users fare.
func stormOfKeyIDs(t *testing.T, d *deployment.Deployment) {
	const workers, each = 8, 40
	token := d.Token(t, "alice")
	parts := strings.Split(token, ".")
	var storm sync.WaitGroup
	for worker := range workers {
		storm.Go(func() {
			for i := range each {
				header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"RS256","typ":"JWT","kid":"storm-%d-%d"}`, worker, i))
				if status := statusOf(t, d, header+"."+parts[1]+"."+parts[2]); status != http.StatusUnauthorized {
					t.Errorf("an unknown key id is answered with %d", status)
				}
			}
		})
	}
	for range each {
		if status := statusOf(t, d, token); status != http.StatusOK {
			t.Errorf("beside the storm a user is answered with %d", status)
		}
	}
	storm.Wait()
}

// statusOf asks with a token. Any goroutine may.
func statusOf(t *testing.T, d *deployment.Deployment, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+"/api/rooms", http.NoBody)
	if err != nil {
		t.Error(err)
		return 0
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
