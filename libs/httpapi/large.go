package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/ism-chat/ism/libs/telemetry"
)

// readWindow is the window where requests may take as long as they like to arrive.
const readWindow = time.Minute

// LargeBody is a route that takes bodies above the limit of the others.
type LargeBody struct {
	Method string
	Path   func(path string) bool // whether a path is one of the route's
	Limit  int                    // bytes
	// AtOnce is how many are in memory at once, from when they begin to arrive until their handler has ended. Those above it are to be tried again.
	AtOnce int
	// Admit decides by a request's head whether its body is received: nothing of it is in memory before. Its error is the answer. It has a handler's
	// deadline, less what the head took to arrive. nil: anybody's is received.
	Admit func(ctx context.Context, head Head) error
}

// Head is what a request begins with. It is no longer valid once who was given it returns.
type Head struct{ header *fasthttp.RequestHeader }

// Path is the path of the request, as it was sent.
func (h Head) Path() string { return string(pathOf(h.header)) }

// Values are the values of a header, one for each time that it is there. They are fasthttp's memory.
func (h Head) Values(name string) [][]byte { return h.header.PeekAll(name) }

// TakeLarge has the server take larger bodies on some routes. It is for before Run, once.
func (s *Server) TakeLarge(routes ...LargeBody) {
	if len(routes) == 0 {
		return
	}
	large := &largeBodies{usual: s.App.Config().BodyLimit, deadline: s.handlerTimeout}
	for _, route := range routes {
		large.routes = append(large.routes, &largeRoute{
			LargeBody: route, window: cmp.Or(s.readTimeout, readWindow), now: time.Now, arriving: map[*fasthttp.RequestHeader]arrival{},
		})
	}
	server := s.App.Server()
	server.HeaderReceived, server.Handler = large.receive, large.serve(server.Handler)
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

// largeBodies decides which bodies are received that are larger than those of other routes.
//
// fasthttp asks between the head of a request and its body, where there is no answer yet. So what is refused goes on without a body, on a connection that ends
// with it, to [refused], which answers: behind the middlewares that each answer passes. A request is known again by where its header is in memory, which is the
// same until its handler has ended.
type largeBodies struct {
	usual    int // bytes
	deadline time.Duration
	routes   []*largeRoute
}

// receive is fasthttp's hook between a request's header and its body.
func (l *largeBodies) receive(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	var cfg fasthttp.RequestConfig
	length := header.ContentLength() // negative: it does not say
	route := l.route(header)
	if route == nil || length >= 0 && length <= l.usual {
		return cfg
	}
	err := l.judge(route, header, length)
	if err == nil {
		err = route.begin(header)
	}
	if err != nil {
		withhold(header)
		route.refuse(header, err)
		return cfg
	}
	cfg.MaxRequestBodySize = route.Limit
	return cfg
}

// withhold leaves a request without a body, of which nothing is read, and its connection without another request.
func withhold(header *fasthttp.RequestHeader) {
	header.Del(fiber.HeaderExpect) // nothing more is wanted
	header.SetContentLength(0)
	header.SetConnectionClose()
}

func (l *largeBodies) route(header *fasthttp.RequestHeader) *largeRoute {
	for _, route := range l.routes {
		if string(header.Method()) == route.Method && route.Path(string(pathOf(header))) {
			return route
		}
	}
	return nil
}

// judge says why a body is not received. What it asks for shows in no trace: that of the request begins with its handlers.
func (l *largeBodies) judge(route *largeRoute, header *fasthttp.RequestHeader, length int) (err error) {
	switch {
	case length > route.Limit:
		return problemOfStatus(http.StatusRequestEntityTooLarge)
	case route.Admit == nil:
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = internalError().Because(&panicError{value: p, stack: debug.Stack()})
		}
	}()
	ctx, cancel := context.WithTimeout(telemetry.Untraced(context.Background()), l.deadline)
	defer cancel()
	return route.Admit(ctx, Head{header})
}

type refusalKey struct{}

// serve has next answer what was refused, and counts what has arrived until next has ended.
func (l *largeBodies) serve(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		header := &ctx.Request.Header
		if route := l.route(header); route != nil {
			if err := route.arrive(header); err != nil {
				linger(ctx.Conn())
				ctx.SetUserValue(refusalKey{}, err)
			}
			defer route.end(header)
		}
		next(ctx)
	}
}

// refused answers a request whose body was not received.
func refused(c *fiber.Ctx) error {
	if err, ok := c.Context().UserValue(refusalKey{}).(error); ok {
		return err
	}
	return c.Next() //nolint:wrapcheck // the handlers' errors as they are
}

// largeRoute counts the bodies of a route. fasthttp does not tell that one will never arrive: but none takes longer than the window.
type largeRoute struct {
	LargeBody

	window time.Duration
	now    func() time.Time

	mu       sync.Mutex
	arriving map[*fasthttp.RequestHeader]arrival
}

type arrival struct {
	until   time.Time // when it has arrived, or never will; zero: it has
	refusal error     // it has no body
}

// begin counts a body that begins to arrive. The error is the answer where there are too many.
func (r *largeRoute) begin(header *fasthttp.RequestHeader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, taken := r.now(), 0
	for at, a := range r.arriving {
		switch {
		case at == header, a.refusal == nil && !a.until.IsZero() && now.After(a.until): // it has not arrived
			delete(r.arriving, at)
		case a.refusal == nil:
			taken++
		}
	}
	if taken >= r.AtOnce {
		return Unavailable("too-many-bodies", "Too many bodies", "too many large bodies are arriving; try again", nil)
	}
	r.arriving[header] = arrival{until: now.Add(r.window)}
	return nil
}

// refuse notes what a request is answered. Its handler follows at once.
func (r *largeRoute) refuse(header *fasthttp.RequestHeader, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arriving[header] = arrival{refusal: err}
}

// arrive gives what a request is to be answered that was refused. A body that has arrived is counted until its end.
func (r *largeRoute) arrive(header *fasthttp.RequestHeader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, known := r.arriving[header]
	if known && a.refusal == nil {
		r.arriving[header] = arrival{}
	}
	return a.refusal
}

func (r *largeRoute) end(header *fasthttp.RequestHeader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.arriving, header)
}
