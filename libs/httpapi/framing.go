package httpapi

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// Where a request ends must be beyond doubt: if two who read the same bytes disagree, as a proxy and we, one's body is the other's next
// request. So what RFC 9112 leaves unclear is refused, and the connection closed (sections 2.2, 5.1, 5.2, 6.1 and 6.3). fasthttp (1.51)
// reads on instead: any Transfer-Encoding is chunked to it, and of several lengths the last counts.

// refuseFraming is fasthttp's hook between a request's header and its body. It cannot answer, so it leaves a request without a body, on a
// connection that ends with it, to answerFraming.
func refuseFraming(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if faultOfFraming(header) != "" {
		withhold(header)
	}
	return fasthttp.RequestConfig{}
}

// withhold leaves a request without a body, of which nothing is read, and its connection without another request.
func withhold(header *fasthttp.RequestHeader) {
	header.Del(fiber.HeaderExpect) // nothing more is wanted
	header.SetContentLength(0)
	header.SetConnectionClose()
}

// answerFraming gives the answer to a request that refuseFraming has left, nil for all others.
func answerFraming(header *fasthttp.RequestHeader) error {
	if !header.ConnectionClose() {
		return nil // mostly: the header need not be read again
	}
	if fault := faultOfFraming(header); fault != "" {
		return NewProblem(http.StatusBadRequest, "bad-request", "Bad request", fault)
	}
	return nil
}

// faultOfFraming says what makes the end of a request unclear, "" where it is clear.
func faultOfFraming(header *fasthttp.RequestHeader) string {
	var (
		length []byte
		coding []byte
		codes  int
	)
	for line := range bytes.Lines(header.RawHeaders()) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		switch {
		case len(line) == 0:
		case !isToken(name):
			return "the name of a header has characters that no name has, or a header goes over several lines"
		case bytes.ContainsAny(value, "\r\x00"):
			return "a header has a character that no header has"
		case bytes.EqualFold(name, []byte(fiber.HeaderContentLength)):
			if length != nil && !bytes.Equal(length, value) {
				return "the request has several Content-Lengths"
			}
			length = value
		case bytes.EqualFold(name, []byte(fiber.HeaderTransferEncoding)):
			coding = value
			codes++
		}
	}
	switch {
	case codes == 0:
		return ""
	case length != nil:
		return "the request has both Content-Length and Transfer-Encoding"
	case codes > 1 || !bytes.EqualFold(coding, []byte("chunked")):
		return "the request has a Transfer-Encoding other than chunked"
	case !header.IsHTTP11():
		return "the request has a Transfer-Encoding, which its version of HTTP does not have"
	}
	return ""
}

// isToken reports whether a text can be the name of a header (RFC 9110, section 5.6.2).
func isToken(name []byte) bool {
	for _, c := range name {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return len(name) > 0
}
