package httpapi

import (
	"cmp"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// readWindow is the window where requests may take as long as they like to arrive.
const readWindow = time.Minute

// LargeBody is a route that takes bodies above the limit of the others.
type LargeBody struct {
	Method string
	Path   func(path string) bool // whether a path is one of the route's
	Limit  int                    // bytes
	// AtOnce is how many are received at once. A body is in memory before anybody knows who sends it: so what strangers make a process keep is bounded.
	// Those above it have the limit of the other routes.
	AtOnce int
}

// TakeLarge has the server take larger bodies on some routes. It is for before Run, once.
func (s *Server) TakeLarge(routes ...LargeBody) {
	if len(routes) == 0 {
		return
	}
	large := &largeBodies{window: cmp.Or(s.readTimeout, readWindow), now: time.Now}
	for _, route := range routes {
		large.routes = append(large.routes, &largeRoute{LargeBody: route})
	}
	s.App.Server().HeaderReceived = func(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
		return fasthttp.RequestConfig{MaxRequestBodySize: large.limit(string(header.Method()), string(pathOf(header)))}
	}
}

// pathOf is the path of a request, without what follows it.
func pathOf(header *fasthttp.RequestHeader) []byte {
	uri := header.RequestURI()
	for i, c := range uri {
		if c == '?' || c == '#' {
			return uri[:i]
		}
	}
	return uri
}

// largeBodies decides how large the body of a request may be. fasthttp does not say when one has arrived, or never will: but none takes longer than the
// window, in which all that are let in are counted.
type largeBodies struct {
	window time.Duration
	now    func() time.Time
	routes []*largeRoute
}

type largeRoute struct {
	LargeBody

	mu    sync.Mutex
	since time.Time // when the window began
	taken int       // in this window
	last  int       // in the one before
}

// limit gives how large a body may be; 0: as large as those of all others.
func (l *largeBodies) limit(method, path string) int {
	for _, route := range l.routes {
		if route.Method == method && route.Path(path) && route.take(l.now(), l.window) {
			return route.Limit
		}
	}
	return 0
}

func (r *largeRoute) take(now time.Time, window time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch age := now.Sub(r.since); {
	case age >= 2*window:
		r.since, r.taken, r.last = now, 0, 0
	case age >= window:
		r.since, r.taken, r.last = now, 0, r.taken
	}
	if r.taken+r.last >= r.AtOnce {
		return false
	}
	r.taken++
	return true
}
