package httpapi

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v2"
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

// What two readers could end at different places is answered once, with 400, and nothing behind it is.
func TestRequestsWhoseEndIsNotClearAreRefused(t *testing.T) {
	const second = "GET /counted HTTP/1.1\r\nHost: x\r\n\r\n"
	const chunk = "5\r\nhello\r\n0\r\n\r\n"
	var calls atomic.Int64
	for listener, f := range map[string]*fixture{"public": run(t, New, counted(&calls)), "internal": run(t, NewInternal, counted(&calls))} {
		for name, head := range map[string]string{
			"both":                          "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
			"both, the other way around":    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
			"both, in other letters":        "content-length: 5\r\nTRANSFER-ENCODING: Chunked\r\n",
			"both, of no length":            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
			"both, identity":                "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
			"both, and more is expected":    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
			"identity":                      "Transfer-Encoding: identity\r\n",
			"gzip":                          "Transfer-Encoding: gzip\r\n",
			"chunked is not last":           "Transfer-Encoding: chunked, gzip\r\n",
			"chunked is not last, in lines": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
			"chunked twice":                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
			"nothing":                       "Transfer-Encoding:\r\n",
			"an odd end":                    "Transfer-Encoding: chunked\x0b\r\n",
			"an odd name":                   "Transfer-Encoding\x0b: chunked\r\n",
			"a space before the colon":      "Transfer-Encoding : chunked\r\n",
			"over two lines":                "Transfer-Encoding:\r\n chunked\r\n",
			"hidden behind a CR":            "X: a\rTransfer-Encoding: chunked\r\n",
			"hidden in a second line":       "X: a\r\n Transfer-Encoding: chunked\r\n",
			"two lengths":                   "Content-Length: 5\r\nContent-Length: 6\r\n",
			"two lengths, the other first":  "Content-Length: 6\r\nContent-Length: 5\r\n",
			"two lengths in a line":         "Content-Length: 5, 6\r\n",
			"a length with a sign":          "Content-Length: +5\r\n",
			"a NUL":                         "X: a\x00b\r\n",
		} {
			for _, method := range []string{"POST", "GET"} {
				for _, body := range []string{chunk, "hello"} {
					once(t, f, listener+", "+name, method+" /counted HTTP/1.1\r\nHost: x\r\n"+head+"\r\n"+body+second)
				}
			}
		}
		once(t, f, listener+", HTTP/1.0", "POST /counted HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk+second)
		f.noErrors(t)
	}
	if got := calls.Load(); got != 0 {
		t.Errorf("%d of them came to a handler", got)
	}
}

// once expects one answer to the bytes, a problem, and that the server ends the connection.
func once(t *testing.T, f *fixture, name, raw string) {
	t.Helper()
	connection := f.connect(t)
	defer connection.Close()
	write(t, connection, raw)
	answers := bufio.NewReader(connection)
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	closes := response.Close
	read(t, response).problem(t, http.StatusBadRequest, "bad-request")
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 || !closes {
		t.Errorf("%s: behind the refusal comes %q, %v; it says that it closes: %t", name, rest, err, closes)
	}
}

// A refusal does not wait for a body.
func TestARequestWhoseEndIsNotClearIsRefusedAtOnce(t *testing.T) {
	f := serve(t, echo) // it would wait for the body longer than the test
	once(t, f, "no body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
}

func TestRequestsWhoseEndIsClearAreAnswered(t *testing.T) {
	var calls atomic.Int64
	f := serve(t, counted(&calls))
	var raw strings.Builder
	requests := []string{
		"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\ntransfer-encoding:  Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"GET /counted HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello",
		"POST /counted HTTP/1.1\r\nHost: x\r\nX-Odd_name!: a: b \xff\r\nX-Empty:\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
	}
	for _, request := range requests {
		raw.WriteString(request)
	}
	connection := f.connect(t)
	write(t, connection, raw.String())
	answers := bufio.NewReader(connection)
	for i := range requests {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if got := read(t, response); got.status != http.StatusOK || string(got.body) != "hello" {
			t.Errorf("request %d: %d %s", i, got.status, got.body)
		}
	}
}
