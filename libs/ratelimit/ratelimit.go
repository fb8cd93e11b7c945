// Package ratelimit limits how much each user asks a process for: requests in all, and in classes of their own those that make much or that
// reach strangers. A user is known by its verified token, so neither a new token nor another address begins anew. The limits are of each process: N
// replicas give N times as much. What holds across processes, as how many rooms a user creates in an hour, is its service's.
package ratelimit

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config is part of a deployable's configuration, under HTTP_RATE.
type Config struct {
	Requests    int `envconfig:"REQUESTS" default:"300" desc:"most requests of a user to this process, per second on average; ten seconds' worth may come at once; 0: any number. None of these limits holds for backends"`
	Creations   int `envconfig:"CREATIONS" default:"600" desc:"most rooms that a user asks this process to create, per minute; 0: any number"`
	Invitations int `envconfig:"INVITATIONS" default:"600" desc:"most invitations into rooms that a user asks this process for, per minute; 0: any number"`
	Contacts    int `envconfig:"CONTACTS" default:"600" desc:"most requests to be friends that a user asks this process for, per minute; 0: any number"`
	Users       int `envconfig:"USERS" default:"50000" desc:"how many users this process counts the requests of; of more, those that have asked for nothing the longest begin anew"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for variable, most := range map[string]int{
		"REQUESTS": c.Requests, "CREATIONS": c.Creations, "INVITATIONS": c.Invitations, "CONTACTS": c.Contacts,
	} {
		if most < 0 {
			faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf("%d is negative; allowed: 0 or above", most)})
		}
	}
	if c.Users < 1 {
		faults = append(faults, config.Fault{Variable: "USERS", Problem: fmt.Sprintf("%d is too small; allowed: 1 or above", c.Users)})
	}
	return faults
}

// Class is a kind of requests with a limit of its own.
type Class string

// The classes. Every request is of the class requests, and may be of another one beside it.
const (
	Requests    Class = "requests"
	Creations   Class = "creations"
	Invitations Class = "invitations"
	Contacts    Class = "contacts"
)

// Route is a route whose requests are of a class beside that of all.
type Route struct {
	Method string
	Path   string // the pattern, as it is registered
	Class  Class
}

// Windows: what may be asked for in so long may be asked for at once.
const (
	windowOfRequests = 10 * time.Second
	windowOfOthers   = time.Minute
)

// policy is the limit of a class.
type policy struct {
	class  Class
	quota  int // in the window
	window time.Duration
	field  string // in RateLimit-Policy
}

func (p policy) perSecond() rate.Limit { return rate.Limit(float64(p.quota) / p.window.Seconds()) }

// The fields of draft-ietf-httpapi-ratelimit-headers-10.
const (
	headerPolicy = "RateLimit-Policy"
	headerLimit  = "RateLimit"
)

// Limits limit what users ask for.
type Limits struct {
	policies map[Class]policy
	refused  *prometheus.CounterVec
	now      func() time.Time

	mu     sync.Mutex // of buckets, and of what is in them
	users  *simplelru.LRU[user, buckets]
	routes map[route]Class
}

// user is whose requests are counted together.
type user struct {
	tenant string
	id     uuid.UUID
}

type route struct{ method, path string }

// buckets are what a user has left, by class; those that it has never used are not there.
type buckets map[Class]*rate.Limiter

// New makes limits.
func New(cfg Config, tel *telemetry.Telemetry, now func() time.Time) (*Limits, error) {
	users, err := simplelru.NewLRU[user, buckets](cfg.Users, nil)
	if err != nil {
		return nil, fmt.Errorf("count the requests of %d users: %w", cfg.Users, err)
	}
	l := &Limits{policies: map[Class]policy{}, now: now, users: users, routes: map[route]Class{}}
	for _, p := range []policy{
		{class: Requests, quota: cfg.Requests * int(windowOfRequests/time.Second), window: windowOfRequests},
		{class: Creations, quota: cfg.Creations, window: windowOfOthers},
		{class: Invitations, quota: cfg.Invitations, window: windowOfOthers},
		{class: Contacts, quota: cfg.Contacts, window: windowOfOthers},
	} {
		if p.quota > 0 {
			p.field = fmt.Sprintf(`"%s";q=%d;w=%d`, p.class, p.quota, int(p.window.Seconds()))
			l.policies[p.class] = p
		}
	}
	l.refused = telemetry.Register(tel.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ism_http_rate_limited_total", Help: "Number of requests that were refused because their user asked for too much, by class.",
	}, []string{"class"}))
	for class := range l.policies {
		l.refused.WithLabelValues(string(class))
	}
	return l, nil
}

// Name has requests of routes be of their classes. It is for before the first request.
func (l *Limits) Name(routes ...Route) {
	for _, r := range routes {
		l.routes[route{r.Method, r.Path}] = r.Class
	}
}

// Handle is the handler, behind [authn.Verifier.Require], that lets a user's request through, or refuses it with 429 rate-limited.
func (l *Limits) Handle(c *fiber.Ctx) error {
	caller, at := authn.Caller(c), c.Route()
	of := l.classes(route{at.Method, at.Path})
	if caller.Backend || len(of) == 0 {
		return c.Next() //nolint:wrapcheck // the handlers' errors as they are
	}
	over, wait, left := l.take(user{caller.Tenant, caller.UserID}, of)
	c.Response().Header.SetBytesV(headerPolicy, left.policies)
	c.Response().Header.SetBytesV(headerLimit, left.remaining)
	if over == "" {
		return c.Next() //nolint:wrapcheck // the handlers' errors as they are
	}
	l.refused.WithLabelValues(string(over)).Inc()
	problem := httpapi.NewProblem(http.StatusTooManyRequests, "rate-limited", "Rate limited",
		"the caller asks for more "+string(over)+" than it may; again after Retry-After, in seconds")
	problem.RetryAfter = wait
	return problem
}

// classes are the policies that a request to a route counts for.
func (l *Limits) classes(at route) (of []policy) {
	if all, limited := l.policies[Requests]; limited {
		of = append(of, all)
	}
	if class, named := l.routes[at]; named {
		if own, limited := l.policies[class]; limited {
			of = append(of, own)
		}
	}
	return of
}

// fields are the values of the two header fields.
type fields struct{ policies, remaining []byte }

func (f *fields) add(p policy, left float64) {
	if len(f.policies) > 0 {
		f.policies = append(f.policies, ", "...)
		f.remaining = append(f.remaining, ", "...)
	}
	f.policies = append(f.policies, p.field...)
	full := (float64(p.quota) - left) / float64(p.perSecond())
	f.remaining = append(append(append(f.remaining, '"'), p.class...), `";r=`...)
	f.remaining = strconv.AppendInt(f.remaining, int64(max(left, 0)), 10)
	f.remaining = strconv.AppendInt(append(f.remaining, ";t="...), int64(math.Ceil(full)), 10)
}

// take counts a request of a user, if it is within all limits. Else it gives the class of which it is over the limit, and after how long it is not.
func (l *Limits) take(of user, policies []policy) (over Class, wait time.Duration, left fields) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	has, ok := l.users.Get(of)
	if !ok {
		has = buckets{}
		of.tenant = strings.Clone(of.tenant)
		l.users.Add(of, has)
	}
	for _, p := range policies {
		if missing := 1 - has.of(p).TokensAt(now); missing > 0 {
			if after := time.Duration(missing / float64(p.perSecond()) * float64(time.Second)); after > wait {
				over, wait = p.class, after
			}
		}
	}
	left = fields{make([]byte, 0, 64), make([]byte, 0, 64)}
	for _, p := range policies {
		if over == "" {
			has.of(p).AllowN(now, 1)
		}
		left.add(p, has.of(p).TokensAt(now))
	}
	return over, wait, left
}

func (b buckets) of(p policy) *rate.Limiter {
	bucket, ok := b[p.class]
	if !ok {
		bucket = rate.NewLimiter(p.perSecond(), p.quota)
		b[p.class] = bucket
	}
	return bucket
}
