// Package schedule says when a webhook that was not taken is sent again.
package schedule

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Attempts is how often a webhook is sent at most.
const Attempts = 10

// waits are the times between attempts, as Standard Webhooks recommends them. Each gets up to a tenth more, so that what failed together does not
// come again together.
var waits = [Attempts - 1]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// MaxRetryAfter is how long a receiver may have a webhook wait.
const MaxRetryAfter = 24 * time.Hour

// Wait says how long after so many attempts, of which none was taken, the next one is due. It reports false where there is none: the webhook is
// given up. What the receiver has asked for, see [RetryAfter], is waited for as well.
func Wait(attempts int, asked time.Duration) (time.Duration, bool) {
	if attempts >= Attempts {
		return 0, false
	}
	wait := waits[max(attempts, 1)-1]
	return jittered(max(wait, min(asked, MaxRetryAfter))), true
}

// jittered is up to a tenth longer.
func jittered(wait time.Duration) time.Duration { return wait + rand.N(wait/10+1) } //nolint:gosec // nobody gains by knowing it

const (
	// Failures is after how many attempts in a row that failed, of whichever webhooks, an endpoint is held to be down.
	Failures      = 5
	firstPause    = 30 * time.Second
	longestPauses = 5 * time.Minute
)

// Pause says for how long nothing is sent to an endpoint after so many failures in a row; 0 below [Failures].
func Pause(failures int) time.Duration {
	if failures < Failures {
		return 0
	}
	doubled := min(failures-Failures, 10)
	return jittered(min(firstPause<<doubled, longestPauses))
}

// RetryAfter reads how long a receiver asks to wait (RFC 9110, section 10.2.3): seconds or a date. 0: it does not ask.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
