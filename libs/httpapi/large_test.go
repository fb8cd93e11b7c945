package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

const largest = 256 << 10 // bytes, of pictures

// taking makes a server that takes pictures. Alice may send them.
func taking(atOnce int) func(cfg Config, deps Deps) *Server {
	return func(cfg Config, deps Deps) *Server {
		server := New(cfg, deps)
		server.TakeLarge(LargeBody{
			Method: http.MethodPost, Path: func(path string) bool { return strings.HasPrefix(path, "/pictures/") }, Limit: largest, AtOnce: atOnce,
			Admit: func(ctx context.Context, head Head) error {
				switch _, hasDeadline := ctx.Deadline(); {
				case !hasDeadline || !strings.HasPrefix(head.Path(), "/pictures/"):
					return errors.New("it is not told of what")
				case head.Path() == "/pictures/alarm":
					panic("at the door")
				case len(head.Values("X-User")) != 1 || string(head.Values("X-User")[0]) != "alice":
					problem := NewProblem(http.StatusUnauthorized, "unauthorized", "Unauthorized", "who are you")
					problem.Challenge = "Bearer"
					return problem
				}
				return nil
			},
		})
		return server
	}
}

// pictures has routes that take bodies, and counts what gets to them.
func pictures(calls *atomic.Int64) func(app *fiber.App) {
	return func(app *fiber.App) {
		app.Post("/pictures/:id", func(c *fiber.Ctx) error {
			calls.Add(1)
			return c.SendString(strconv.Itoa(len(c.Body())))
		})
		app.Post("/words", func(c *fiber.Ctx) error { return nil })
	}
}

func TestARouteTakesLargerBodies(t *testing.T) {
	var calls atomic.Int64
	f := run(t, taking(4), pictures(&calls))
	for path, c := range map[string]struct{ size, status int }{
		"/pictures/1?a=b": {largest, http.StatusOK},
		"/pictures/2":     {largest + 1, http.StatusRequestEntityTooLarge},
		"/words":          {65 << 10, http.StatusRequestEntityTooLarge},
	} {
		for _, chunked := range []bool{false, true} {
			request := f.request(t, http.MethodPost, path, strings.Repeat("x", c.size), "X-User", "alice")
			if chunked {
				request.Body, request.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", c.size))), -1
			}
			got := f.send(t, request)
			if got.status != c.status || got.status == http.StatusOK && string(got.body) != strconv.Itoa(c.size) {
				t.Errorf("%s with %d bytes, chunked %t: %d %s", path, c.size, chunked, got.status, got.body)
			}
		}
	}
	if got := f.do(t, http.MethodPost, "/pictures/3", "small"); got.status != http.StatusOK {
		t.Errorf("whom nobody knows sends what any route takes: %d", got.status)
	}
	f.noErrors(t)
}

// head is the head of a request that says it has a picture.
func head(path, more string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n"
}

const lengthy = "Content-Length: 200000\r\n"

// Before a byte of a body is read it is known whether it is wanted, so the answer comes though none is sent, and is read though all of it is.
func TestBodiesOfStrangersAreNotReceived(t *testing.T) {
	var calls atomic.Int64
	f := run(t, taking(4), pictures(&calls), func(cfg *Config, _ *Deps) { cfg.CORSOrigins = []string{"https://app.example"} })
	const origin = "Origin: https://app.example\r\n"
	for name, c := range map[string]struct {
		head   string
		status int
		code   string
	}{
		"of nobody":                   {head("/pictures/1", origin+lengthy), 401, "unauthorized"},
		"of somebody else":            {head("/pictures/1?x=/words", "X-User: bob\r\n"+origin+lengthy), 401, "unauthorized"},
		"of two":                      {head("/pictures/1", "X-User: alice\r\nX-User: bob\r\n"+origin+lengthy), 401, "unauthorized"},
		"who waits to be told":        {head("/pictures/1", "Expect: 100-continue\r\n"+origin+lengthy), 401, "unauthorized"},
		"in chunks":                   {head("/pictures/1", "Transfer-Encoding: chunked\r\n"+origin), 401, "unauthorized"},
		"above what anybody may send": {head("/pictures/1", "X-User: alice\r\nContent-Length: 262145\r\n"+origin), 413, "body-too-large"},
		"where nobody can say":        {head("/pictures/alarm", origin+lengthy), 500, "internal"},
	} {
		for _, body := range []string{"", strings.Repeat("GET /health HTTP/1.1\r\n\r\n", 8000)} { // which would be requests, were it read as such
			connection := f.connect(t)
			write(t, connection, c.head)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = io.WriteString(connection, body)
			}()
			reader := bufio.NewReader(connection)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := read(t, response)
			got.problem(t, c.status, c.code)
			if (got.header.Get("WWW-Authenticate") == "Bearer") != (c.status == 401) || got.header.Get("Access-Control-Allow-Origin") != "https://app.example" {
				t.Errorf("%s: %v", name, got.header)
			}
			<-sent
			_ = connection.CloseWrite()
			if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
				t.Errorf("%s: then comes %q, %v", name, rest, err)
			}
		}
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("%d of them came to a handler", got)
	}
}

// uploading is a connection on which half a picture of alice's has been sent. The server has said that it takes it, so it counts.
func uploading(t *testing.T, f *fixture) net.Conn {
	t.Helper()
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n"
	connection := f.connect(t)
	write(t, connection, head("/pictures/1", "X-User: alice\r\nExpect: 100-continue\r\n"+lengthy))
	said := make([]byte, len(goOn))
	if _, err := io.ReadFull(connection, said); err != nil || string(said) != goOn {
		t.Fatalf("the server says %q, %v", said, err)
	}
	write(t, connection, strings.Repeat("x", 100_000))
	return connection
}

func TestSoManyLargeBodiesAreTakenAtOnce(t *testing.T) {
	var calls atomic.Int64
	f := run(t, taking(2), pictures(&calls))
	ask := func() answer {
		return f.do(t, http.MethodPost, "/pictures/1", strings.Repeat("x", 100_000), "X-User", "alice")
	}
	first, second := uploading(t, f), uploading(t, f)
	full := ask()
	full.problem(t, http.StatusServiceUnavailable, "too-many-bodies")
	if full.header.Get("Retry-After") != "1" {
		t.Errorf("the answer has %v", full.header)
	}
	if got := f.do(t, http.MethodPost, "/pictures/1", "small"); got.status != http.StatusOK {
		t.Errorf("a small one: %d", got.status)
	}
	for _, connection := range []net.Conn{first, second} {
		write(t, connection, strings.Repeat("x", 100_000))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, response); got.status != http.StatusOK || string(got.body) != "200000" {
			t.Errorf("what was under way is answered %d %s", got.status, got.body)
		}
		if got := ask(); got.status != http.StatusOK {
			t.Errorf("once there is a place: %d %s", got.status, got.body)
		}
	}
}

func TestABodyThatNeverArrivesCountsForAsLongAsItMay(t *testing.T) {
	now := time.Unix(1000, 0)
	route := &largeRoute{LargeBody: LargeBody{AtOnce: 2}, window: time.Second, now: func() time.Time { return now }, arriving: map[*fasthttp.RequestHeader]arrival{}}
	heads := make([]fasthttp.RequestHeader, 4)
	takes := func(what string, i int, want bool) {
		t.Helper()
		if err := route.begin(&heads[i]); (err == nil) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	takes("the first", 0, true)
	now = now.Add(900 * time.Millisecond)
	takes("the second", 1, true)
	takes("a third", 2, false)
	takes("the second again, whose connection has ended", 1, true)
	now = now.Add(200 * time.Millisecond)
	takes("a third, as the first has not arrived in time", 2, true)
	for i := range 2 {
		if err := route.arrive(&heads[i+1]); err != nil {
			t.Error(err)
		}
	}
	now = now.Add(time.Hour)
	takes("a fourth, while two are being worked on", 3, false)
	route.end(&heads[1])
	takes("a fourth", 3, true)
	route.end(&heads[2])
	route.end(&heads[3])
	if len(route.arriving) != 0 {
		t.Errorf("left are %v", route.arriving)
	}
}
