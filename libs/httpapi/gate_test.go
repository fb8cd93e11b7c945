package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// counted has a route that takes any body, and counts.
func counted(calls *atomic.Int64) func(app *fiber.App) {
	return func(app *fiber.App) {
		app.All("/counted", func(c *fiber.Ctx) error {
			calls.Add(1)
			return c.Send(c.Body())
		})
	}
}

const (
	chunked = "Transfer-Encoding: chunked\r\n"
	hello   = "5\r\nhello\r\n0\r\n\r\n"
)

// doubtful are requests of which one reader could think otherwise than another: what stands there, and how it is answered.
func doubtful() map[string]struct{ raw, code string } {
	type request = struct{ raw, code string }
	all := map[string]request{}
	for name, head := range map[string]string{
		"both":                            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"both, the other way around":      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"both, in other letters":          "content-length: 5\r\nTRANSFER-ENCODING: Chunked\r\n",
		"both, of no length":              "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
		"both, identity":                  "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
		"both, and more is expected":      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
		"identity":                        "Transfer-Encoding: identity\r\n",
		"gzip":                            "Transfer-Encoding: gzip\r\n",
		"chunked is not last":             "Transfer-Encoding: chunked, gzip\r\n",
		"chunked is not last, in lines":   "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"chunked twice":                   "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"a coding of nothing":             "Transfer-Encoding:\r\n",
		"a coding with an odd end":        "Transfer-Encoding: chunked\x0b\r\n",
		"a coding with an odd name":       "Transfer-Encoding\x0b: chunked\r\n",
		"a space before the colon":        "Transfer-Encoding : chunked\r\n",
		"a coding over two lines":         "Transfer-Encoding:\r\n chunked\r\n",
		"a coding hidden behind a CR":     "X: a\rTransfer-Encoding: chunked\r\n",
		"a coding hidden behind an LF":    "X: a\nTransfer-Encoding: chunked\r\n",
		"a coding hidden in a line":       "X: a\r\n Transfer-Encoding: chunked\r\n",
		"two lengths":                     "Content-Length: 5\r\nContent-Length: 6\r\n",
		"two lengths, the other first":    "Content-Length: 6\r\nContent-Length: 5\r\n",
		"two lengths, with an LF between": "Content-Length: 5\nContent-Length: 6\r\n",
		"two lengths in a line":           "Content-Length: 5, 6\r\n",
		"a length of nothing":             "Content-Length:\r\n",
		"a length of hexadecimal":         "Content-Length: 0x5\r\n",
		"a length with a sign":            "Content-Length: +5\r\n",
		"a length below zero":             "Content-Length: -5\r\n",
		"a length with a line feed":       "Content-Length: 5\n\r\n",
		"a length above all":              "Content-Length: 99999999999999999999999999999999\r\n",
		"a NUL":                           "X: a\x00b\r\n",
		"a NUL in a name":                 "X\x00: a\r\n",
		"a DEL":                           "X: a\x7f\r\n",
		"an escape":                       "X: \x1b[2J\r\n",
		"no colon":                        "Xa\r\n",
		"no name":                         ": a\r\n",
		"two Hosts":                       "Host: y\r\n",
		"the same Host twice":             "Host: x\r\n",
	} {
		for _, method := range []string{"POST", "GET"} {
			for body, text := range map[string]string{"chunks": hello, "text": "hello"} {
				all[name+", "+method+" with "+body] = request{method + " /counted HTTP/1.1\r\nHost: x\r\n" + head + "\r\n" + text, "bad-request"}
			}
		}
	}
	for line, code := range map[string]string{
		"GET /counted HTTP/9.9":        "version-not-supported",
		"GET /counted HTTP/0.9":        "version-not-supported",
		"GET /counted HTTP/1.2":        "version-not-supported",
		"GET /counted HTTP/2.0":        "version-not-supported",
		"GET /counted HTTP/11":         "bad-request",
		"GET /counted HTTP/1.10":       "bad-request",
		"GET /counted HTTP/1.1 ":       "bad-request",
		"GET /counted http/1.1":        "bad-request",
		"GET /counted HTTP/a.b":        "bad-request",
		"GET /counted HTTP/1,1":        "bad-request",
		"GET /counted HTTP":            "bad-request",
		"GET /counted ":                "bad-request",
		"GET /counted":                 "bad-request",
		"GET":                          "bad-request",
		"GET  /counted HTTP/1.1":       "bad-request",
		"GET /counted  HTTP/1.1":       "bad-request",
		" GET /counted HTTP/1.1":       "bad-request",
		"GET\t/counted HTTP/1.1":       "bad-request",
		"GET /counted\tHTTP/1.1":       "bad-request",
		"GET /coun ted HTTP/1.1":       "bad-request",
		"GET /coun\x00ted HTTP/1.1":    "bad-request",
		"GET /coun\x7fted HTTP/1.1":    "bad-request",
		"GET /coun\rted HTTP/1.1":      "bad-request",
		"GET /counted#there HTTP/1.1":  "bad-request",
		"GET counted HTTP/1.1":         "bad-request",
		"GET ftp://x/counted HTTP/1.1": "bad-request",
		"CONNECT x:80 HTTP/1.1":        "bad-request",
		"G\x00T /counted HTTP/1.1":     "bad-request",
		"GE\x80T /counted HTTP/1.1":    "bad-request",
		"G:T /counted HTTP/1.1":        "bad-request",
		"\x16\x03\x01\x02\x00\x01\xfc": "bad-request", // how TLS begins
	} {
		all["the line "+line] = request{line + "\r\nHost: x\r\n\r\n", code}
	}
	for name, raw := range map[string]string{
		"no Host":                        "GET /counted HTTP/1.1\r\nX: y\r\n\r\n",
		"no headers":                     "GET /counted HTTP/1.1\r\n\r\n",
		"a Host of nothing":              "GET /counted HTTP/1.1\r\nHost:\r\n\r\n",
		"a Host with a path":             "GET /counted HTTP/1.1\r\nHost: x/y\r\n\r\n",
		"a Host with a user":             "GET /counted HTTP/1.1\r\nHost: a@x\r\n\r\n",
		"a Host with a space":            "GET /counted HTTP/1.1\r\nHost: x y\r\n\r\n",
		"two Hosts in HTTP/1.0":          "GET /counted HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
		"chunks in HTTP/1.0":             "POST /counted HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + hello,
		"LF behind the first line":       "GET /counted HTTP/1.1\nHost: x\r\n\r\n",
		"LF behind a header":             "GET /counted HTTP/1.1\r\nHost: x\n\r\n",
		"LF behind all":                  "GET /counted HTTP/1.1\r\nHost: x\r\n\n",
		"LF alone":                       "GET /counted HTTP/1.1\nHost: x\n\n",
		"LF first":                       "\nGET /counted HTTP/1.1\r\nHost: x\r\n\r\n",
		"a CR first":                     "\rGET /counted HTTP/1.1\r\nHost: x\r\n\r\n",
		"two empty lines first":          "\r\n\r\nGET /counted HTTP/1.1\r\nHost: x\r\n\r\n",
		"two CRs":                        "GET /counted HTTP/1.1\r\r\nHost: x\r\n\r\n",
		"a line that goes on at once":    "GET /counted HTTP/1.1\r\n Host: x\r\n\r\n",
		"a chunk that ends in LF":        "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5\nhello\r\n0\r\n\r\n",
		"a chunk's extension with an LF": "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
		"a long extension of a chunk":    "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5;" + strings.Repeat("a", 300) + "\r\nhello\r\n0\r\n\r\n",
		"a chunk's size with a sign":     "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n+5\r\nhello\r\n0\r\n\r\n",
		"a chunk's size of hexadecimal":  "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n0x5\r\nhello\r\n0\r\n\r\n",
		"a chunk's size with a space":    "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5 a\r\nhello\r\n0\r\n\r\n",
		"a chunk's size above all":       "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n" + strings.Repeat("0", 20) + "5\r\nhello\r\n0\r\n\r\n",
		"no size of a chunk":             "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n\r\nhello\r\n0\r\n\r\n",
		"a chunk that is longer":         "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n4\r\nhello\r\n0\r\n\r\n",
		"a chunk without its end":        "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5\r\nhello\n0\r\n\r\n",
		"trailers":                       "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
		"an LF behind all chunks":        "POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n5\r\nhello\r\n0\r\n\n",
	} {
		all[name] = request{raw, "bad-request"}
	}
	return all
}

// What readers could understand differently is answered once, its connection closed, and nothing behind it is answered: in one piece and in
// single bytes, as the first request of a connection and as a later one.
func TestDoubtfulRequestsAreRefused(t *testing.T) {
	const good = "GET /counted HTTP/1.1\r\nHost: localhost\r\n\r\n" // which the internal listener knows itself by
	for listener, create := range map[string]func(Config, Deps) *Server{"public": New, "internal": NewInternal} {
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			f := run(t, create, counted(&calls))
			goods := int64(0)
			for name, request := range doubtful() {
				once(t, f, name, request.code, 0, request.raw+good)
				once(t, f, name+", behind a good one", request.code, 1, good+request.raw+good)
				once(t, f, name+", in single bytes", request.code, 1, strings.Split(good+request.raw+good, "")...)
				goods += 2
			}
			if got := calls.Load(); got != goods {
				t.Errorf("%d requests came to the handler, want %d", got, goods)
			}
			f.noErrors(t)
		})
	}
}

// once sends the pieces, and expects so many good answers, and behind them one problem with which the server ends the connection.
func once(t *testing.T, f *fixture, name, code string, good int, pieces ...string) {
	t.Helper()
	connection := f.connect(t)
	defer connection.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, piece := range pieces {
			if _, err := io.WriteString(connection, piece); err != nil {
				return
			}
		}
	}()
	answers := bufio.NewReader(connection)
	for range good {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := read(t, response); got.status != http.StatusOK {
			t.Errorf("%s: the good one: %d %s", name, got.status, got.body)
		}
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	status := http.StatusBadRequest
	if code == "version-not-supported" {
		status = http.StatusHTTPVersionNotSupported
	}
	closes := response.Close
	if got := read(t, response); got.status != status {
		t.Errorf("%s: %d %s", name, got.status, got.body)
	} else {
		got.problem(t, status, code)
	}
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 || !closes {
		t.Errorf("%s: behind the refusal comes %q, %v; it says that it closes: %t", name, rest, err, closes)
	}
	_ = connection.Close()
	<-sent
}

// A refusal does not wait for a body, and names the path.
func TestADoubtfulRequestIsRefusedAtOnce(t *testing.T) {
	f := serve(t, echo) // it would wait for the body longer than the test
	connection := f.connect(t)
	write(t, connection, "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	if problem := read(t, response).problem(t, http.StatusBadRequest, "bad-request"); problem["path"] != "/echo" {
		t.Error(problem)
	}
}

// clear are requests that are beyond doubt, each with the body hello.
func clear() []string {
	return []string{
		"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\ntransfer-encoding:  Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"POST /counted HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n1\r\nh\r\n04;a=b\r\nello\r\n000\r\n\r\n",
		"GET /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"\r\nPOST /counted HTTP/1.1\r\nHost: x:80\r\nContent-Length: 5\r\n\r\nhello",
		"POST http://x/counted?q=\xfc HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\nX-Odd_name!: a: b\t\xff\r\nX-Empty:\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
	}
}

func TestRequestsBeyondDoubtAreAnswered(t *testing.T) {
	var calls atomic.Int64
	f := serve(t, counted(&calls))
	all := strings.Join(clear(), "")
	for way, pieces := range map[string][]string{"in one piece": {all}, "in single bytes": strings.Split(all, "")} {
		connection := f.connect(t)
		go func() {
			for _, piece := range pieces {
				_, _ = io.WriteString(connection, piece)
			}
		}()
		answers := bufio.NewReader(connection)
		for i := range clear() {
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatalf("%s, request %d: %v", way, i, err)
			}
			if got := read(t, response); got.status != http.StatusOK || string(got.body) != "hello" {
				t.Errorf("%s, request %d: %d %s", way, i, got.status, got.body)
			}
		}
	}
}

// through reads all that a gate lets through, and says what it found wrong.
func through(from io.Reader) (text []byte, fault *Problem, err error) {
	g := &gate{from: from, most: 16 << 10}
	buffer := make([]byte, 1000)
	for {
		n, err := g.Read(buffer)
		if g.fault != nil {
			return text, g.fault, nil
		}
		text = append(text, buffer[:n]...)
		if err != nil {
			return text, nil, err
		}
	}
}

// FuzzRequestHeads holds what goes through against how net/http reads the same bytes: no request is another one there, or ends elsewhere.
func FuzzRequestHeads(f *testing.F) {
	for _, request := range doubtful() { // each costs a fuzzer as much as thousands of executions
		f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + request.raw))
	}
	f.Add([]byte(strings.Join(clear(), "")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, fault, err := through(bytes.NewReader(raw))
		if fault == nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		single, singleFault, _ := through(iotest.OneByteReader(bytes.NewReader(raw)))
		if (fault == nil) != (singleFault == nil) || fault != nil && fault.Detail != singleFault.Detail {
			t.Fatalf("%q: %v in one piece, %v in single bytes", raw, fault, singleFault)
		}
		if fault == nil && !bytes.Equal(whole, single) || !bytes.HasPrefix(single, whole) {
			t.Fatalf("%q in one piece, %q in single bytes", whole, single)
		}
		sameRequests(t, raw)
	})
}

// sameRequests reads the requests in the bytes with fasthttp behind a gate, and with net/http.
func sameRequests(t *testing.T, raw []byte) {
	t.Helper()
	g := &gate{from: bytes.NewReader(raw), most: 16 << 10}
	ours, theirs := bufio.NewReaderSize(g, 16<<10), bufio.NewReader(bytes.NewReader(raw))
	for {
		var request fasthttp.Request
		err := request.ReadLimitBody(ours, len(raw))
		if err == nil && request.MayContinue() {
			err = request.ContinueReadBody(ours, len(raw), false)
		}
		if err != nil || g.fault != nil {
			return
		}
		skipLine(theirs)
		other, err := http.ReadRequest(theirs)
		if err != nil {
			return // net/http refuses it, for example for its escapes
		}
		body, err := io.ReadAll(other.Body)
		if err != nil {
			return
		}
		if string(request.Header.Method()) != other.Method || string(request.Header.RequestURI()) != other.RequestURI || !bytes.Equal(request.Body(), body) ||
			other.URL.Host == "" && string(request.Header.Host()) != other.Host {
			t.Fatalf("%q: %s %s of %s with %q; net/http: %s %s of %s with %q", raw, request.Header.Method(), request.Header.RequestURI(),
				request.Header.Host(), request.Body(), other.Method, other.RequestURI, other.Host, body)
		}
	}
}

// skipLine takes the empty line that may stand before a request, which net/http does not.
func skipLine(from *bufio.Reader) {
	if next, _ := from.Peek(2); string(next) == "\r\n" {
		_, _ = from.Discard(2)
	}
}

// BenchmarkGate measures what a usual request costs.
func BenchmarkGate(b *testing.B) {
	raw := []byte("POST /api/send-msg HTTP/1.1\r\nHost: chat.example.com\r\nAuthorization: Bearer " + strings.Repeat("a", 900) +
		"\r\nContent-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\nContent-Length: 300\r\n\r\n" + strings.Repeat("a", 300))
	from := bytes.NewReader(raw)
	g := &gate{from: from, most: 16 << 10}
	buffer := make([]byte, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		from.Reset(raw)
		if n, err := g.Read(buffer); n != len(raw) || err != nil {
			b.Fatal(n, err)
		}
	}
}
