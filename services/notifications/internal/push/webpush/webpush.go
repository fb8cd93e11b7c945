// Package webpush sends pushes to browsers (RFC 8030), encrypted for them (RFC 8291), in this installation's name (RFC 8292).
//
// # State
//
// What is to be sent is in memory: at most [maxQueued] pushes at once, and as many that wait to be sent again. Whoever adds more waits; what would have to wait
// when too many do is dropped, and counted. A process that ends sends for [drain] what it has, and drops the rest: a push is a hint, and what it tells of is in
// rooms and inboxes.
//
// # Failures
//
//   - 404, 410: the subscription is no more; the device is deleted.
//   - 429: the endpoint is left alone for as long as Retry-After says. 503, and three failures in a row: all of the push service's host.
//   - Anything else between 500 and 599, or no answer: sent again after 5 s, 30 s and 2 minutes. Any other answer: not sent again.
package webpush

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	wp "github.com/SherClockHolmes/webpush-go"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	maxQueued = 2000 // of at most 4 KB each
	senders   = 32
	drain     = 5 * time.Second
	// mostWait is the longest that a push waits to be sent again.
	mostWait = 10 * time.Minute

	lookAgain   = time.Second // between two looks at those that wait
	maxHolds    = 10_000
	hostFailure = 3 // failures in a row after which a host is left alone
	hostRest    = 30 * time.Second

	badgeTimeout = 300 * time.Millisecond // of the question what a user has not read
)

// delays are how long a push waits before each further attempt.
var delays = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}

// Store is what the sender needs of the store.
type Store interface {
	DeleteDevice(ctx context.Context, user uuid.UUID, id, target string) (deleted bool, err error)
}

// Keys gives the VAPID keys.
type Keys interface {
	Get(ctx context.Context) (store.VAPIDKeys, error)
}

// Unread tells what a user has not read.
type Unread interface {
	Unread(ctx context.Context, user uuid.UUID) (events.UnreadAnswer, error)
}

// Client sends to push services, and to nowhere else.
type Client interface {
	Post(ctx context.Context, url string, header http.Header, body []byte) (guard.Answer, error)
}

// Config says how pushes are sent.
type Config struct {
	Subject string // of VAPID: mailto: or https:
	TTL     time.Duration
	Preview Preview
	Client  Client
	Keys    Keys
	Store   Store
	Unread  Unread // of badges
	Tel     *telemetry.Telemetry
}

// Sender sends pushes. Run it, once.
type Sender struct {
	cfg   Config
	log   *slog.Logger
	sent  *prometheus.CounterVec
	queue chan job

	mu       sync.Mutex
	waiting  []job
	holds    map[string]time.Time // until when endpoints and hosts are left alone
	failures map[string]int       // of hosts, in a row
}

// job is a push to one device.
type job struct {
	device   store.Device
	payload  payload
	topic    string
	urgency  wp.Urgency
	expires  time.Time // nobody wants it any more
	attempts int
	due      time.Time
}

// Outcomes of pushes, as the metric has them.
const (
	outcomeTaken   = "taken"
	outcomeGone    = "gone"    // the subscription is no more
	outcomeRefused = "refused" // it was answered with a status that will not change, or must not be sent there
	outcomeAgain   = "again"   // it is sent again
	outcomeDropped = "dropped" // it was tried often enough, or too many wait
)

var _ taker.Outlet = (*Sender)(nil)

// New makes a sender.
func New(cfg Config) *Sender {
	return &Sender{
		cfg: cfg, log: cfg.Tel.Log, sent: counter(cfg.Tel), queue: make(chan job, maxQueued), holds: map[string]time.Time{}, failures: map[string]int{},
	}
}

// counter registers what counts pushes.
func counter(tel *telemetry.Telemetry) *prometheus.CounterVec {
	return telemetry.Counters(tel.Metrics, prometheus.CounterOpts{
		Name: "ism_webpush_sent_total", Help: "Web Pushes by what came of them: taken, gone, refused, again or dropped.",
	}, "outcome", outcomeTaken, outcomeGone, outcomeRefused, outcomeAgain, outcomeDropped)
}

// AtRest has the metrics say that nothing is sent, until a sender runs: alerts see no increase in what appears with its first count.
func AtRest(tel *telemetry.Telemetry) {
	counter(tel)
	tel.Saturation(queueResource, "notifications", func() (used, limit float64) { return 0, maxQueued })
}

const queueResource = "webpush_queue"

// Tell implements [taker.Outlet]: it queues a push for each browser of the users, and waits where the queue is full.
func (s *Sender) Tell(ctx context.Context, told []taker.Told) error {
	for _, one := range told {
		push := job{payload: s.cfg.Preview.payloadOf(one.Event), topic: topicOf(one.Event), urgency: wp.UrgencyNormal, expires: time.Now().Add(min(mostWait, s.cfg.TTL))}
		if one.Event.IsMessage() {
			push.urgency = wp.UrgencyHigh
		}
		for _, device := range one.Devices {
			if device.Kind != store.WebPush {
				continue
			}
			push.device = device
			select {
			case s.queue <- push:
			case <-ctx.Done():
				return ctx.Err() //nolint:wrapcheck // it is the caller's
			}
		}
	}
	return nil
}

// Run sends until ctx is done, and then for a while what is queued.
func (s *Sender) Run(ctx context.Context) error {
	endMetrics := s.cfg.Tel.Saturation(queueResource, "notifications", func() (used, limit float64) { return float64(len(s.queue)), maxQueued })
	defer endMetrics()
	work, cancel := context.WithCancel(telemetry.Untraced(context.WithoutCancel(ctx)))
	defer cancel()
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() { s.sendAll(ctx, work) })
	}
	sending.Go(func() { s.lookAgain(ctx) })
	<-ctx.Done()
	timer := time.AfterFunc(drain, cancel)
	defer timer.Stop()
	sending.Wait()
	if left := len(s.queue) + len(s.waiting); left > 0 {
		s.sent.WithLabelValues(outcomeDropped).Add(float64(left))
		s.log.WarnContext(ctx, "pushes are dropped, as the process ends", "pushes", left)
	}
	return nil
}

// sendAll sends what is queued; once ctx is done, only what is.
func (s *Sender) sendAll(ctx, work context.Context) {
	for work.Err() == nil {
		select {
		case push := <-s.queue:
			s.send(work, push)
			continue
		default:
		}
		select {
		case push := <-s.queue:
			s.send(work, push)
		case <-ctx.Done():
			return
		}
	}
}

// lookAgain queues what has waited for long enough.
func (s *Sender) lookAgain(ctx context.Context) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.requeue(now)
		}
	}
}

func (s *Sender) requeue(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.waiting[:0]
	for _, push := range s.waiting {
		if push.due.After(now) {
			kept = append(kept, push)
			continue
		}
		select {
		case s.queue <- push:
		default:
			kept = append(kept, push)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
}

// send sends a push, and sees to what comes of it.
func (s *Sender) send(ctx context.Context, push job) {
	now := time.Now()
	host := hostOf(push.device.Target)
	if until := s.heldUntil(now, push.device.Target, host); until.After(now) {
		s.again(push, until)
		return
	}
	status, retryAfter, err := s.post(ctx, push)
	outcome := outcomeRefused
	switch {
	case errors.Is(err, guard.ErrRefused):
		s.log.WarnContext(ctx, "a push is not sent to where its subscription leads", "host", host)
	case err != nil || status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable:
		s.failed(now, host)
		s.retry(push, now)
		return
	case status == http.StatusServiceUnavailable:
		s.hold(host, now.Add(max(retryAfter, hostRest)))
		s.retry(push, now)
		return
	case status == http.StatusTooManyRequests:
		s.hold(push.device.Target, now.Add(max(retryAfter, delays[0])))
		s.retry(push, now)
		return
	case status == http.StatusNotFound || status == http.StatusGone:
		outcome = outcomeGone
		if _, err := s.cfg.Store.DeleteDevice(ctx, push.device.UserID, push.device.ID, push.device.Target); err != nil {
			s.log.WarnContext(ctx, "a device whose subscription is gone cannot be deleted; the next push tries again", "error", err.Error())
		}
	case status >= 200 && status < 300:
		outcome = outcomeTaken
	default:
		s.log.WarnContext(ctx, "a push service refuses a push", "host", host, "status", status)
	}
	s.succeeded(host)
	s.sent.WithLabelValues(outcome).Inc()
}

// post sends a push once.
func (s *Sender) post(ctx context.Context, push job) (status int, retryAfter time.Duration, err error) {
	keys, err := s.cfg.Keys.Get(ctx)
	if err != nil {
		return 0, 0, err //nolint:wrapcheck // it says what was being done
	}
	said := push.payload
	said.Badge = s.badge(ctx, push.device.UserID)
	encoded, err := json.Marshal(said)
	if err != nil {
		return 0, 0, fmt.Errorf("encode a push: %w", err)
	}
	response, err := wp.SendNotificationWithContext(ctx, encoded, &wp.Subscription{
		Endpoint: push.device.Target, Keys: wp.Keys{P256dh: push.device.P256dh, Auth: push.device.Auth},
	}, &wp.Options{
		HTTPClient: through{s.cfg.Client}, Subscriber: strings.TrimPrefix(s.cfg.Subject, "mailto:"), // the library adds it
		Topic: push.topic, TTL: int(s.cfg.TTL.Seconds()), Urgency: push.urgency, VAPIDPublicKey: keys.Public, VAPIDPrivateKey: keys.Private,
	})
	if err != nil {
		return 0, 0, err //nolint:wrapcheck // it says what was being done
	}
	defer response.Body.Close()
	return response.StatusCode, retryAfterOf(response.Header, time.Now()), nil
}

// badge is what a user has not read as the push is sent; nil where rooms does not say at once: a push does without.
func (s *Sender) badge(ctx context.Context, user uuid.UUID) *int {
	ctx, cancel := context.WithTimeout(ctx, badgeTimeout)
	defer cancel()
	unread, err := s.cfg.Unread.Unread(ctx, user)
	if err != nil {
		s.log.DebugContext(ctx, "a push has no badge", "error", err.Error())
		return nil
	}
	return &unread.Messages
}

// retryAfterOf reads Retry-After (RFC 9110, section 10.2.3), of which an hour counts at most.
func retryAfterOf(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 3600)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), time.Hour)
}

// retry has a push sent again, unless that was done often enough.
func (s *Sender) retry(push job, now time.Time) {
	if push.attempts == len(delays) {
		s.sent.WithLabelValues(outcomeDropped).Inc()
		return
	}
	due := now.Add(delays[push.attempts])
	push.attempts++
	if until := s.heldUntil(now, push.device.Target, hostOf(push.device.Target)); until.After(due) {
		due = until
	}
	s.again(push, due)
}

// again has a push wait, unless nobody wants it then or too many wait.
func (s *Sender) again(push job, due time.Time) {
	push.due = due
	s.mu.Lock()
	waits := !due.After(push.expires) && len(s.waiting) < maxQueued
	if waits {
		s.waiting = append(s.waiting, push)
	}
	s.mu.Unlock()
	if waits {
		s.sent.WithLabelValues(outcomeAgain).Inc()
	} else {
		s.sent.WithLabelValues(outcomeDropped).Inc()
	}
}

func (s *Sender) heldUntil(now time.Time, names ...string) (until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		held := s.holds[name]
		if !held.IsZero() && !held.After(now) {
			delete(s.holds, name)
		}
		if held.After(until) {
			until = held
		}
	}
	return until
}

func (s *Sender) hold(name string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.holds) >= maxHolds { // rare enough: then some are asked sooner
		clear(s.holds)
	}
	if until.After(s.holds[name]) {
		s.holds[name] = until
	}
}

// failed notes that a host has not answered as it should.
func (s *Sender) failed(now time.Time, host string) {
	s.mu.Lock()
	if len(s.failures) >= maxHolds {
		clear(s.failures)
	}
	s.failures[host]++
	rest := s.failures[host] >= hostFailure
	s.mu.Unlock()
	if rest {
		s.hold(host, now.Add(hostRest))
	}
}

func (s *Sender) succeeded(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failures, host)
}

func hostOf(endpoint string) string {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return parsed.Host
}

// through makes requests by a guarded client.
type through struct{ client Client }

// Do implements the library's HTTPClient.
func (t through) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err //nolint:wrapcheck // it is in memory
	}
	answer, err := t.client.Post(request.Context(), request.URL.String(), request.Header, body)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what was being done
	}
	return &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}
