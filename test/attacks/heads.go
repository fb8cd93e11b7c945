package attacks

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/ism-chat/ism/test/deployment"
)

// answerTimeout is how long an answer may take.
const answerTimeout = 30 * time.Second

// doubtfulHeads sends requests byte by byte as they stand here, each with a good one behind it.
func doubtfulHeads(t *testing.T, d *deployment.Deployment) {
	const (
		second = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		chunks = "5\r\nhello\r\n0\r\n\r\n"
	)
	for name, raw := range map[string]string{
		"two lengths":               "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"a length and chunks":       "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
		"chunks and a length":       "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks,
		"a coding that is none":     "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + chunks,
		"a version that is none":    "GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
		"no Host":                   "GET /health HTTP/1.1\r\n\r\n",
		"two Hosts":                 "GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"a NUL in the first line":   "GET /hea\x00lth HTTP/1.1\r\nHost: x\r\n\r\n",
		"a NUL in a header":         "GET /health HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
		"a length that is negative": "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
		"a length with a sign":      "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
		"a length of sixteens":      "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
		"a list of lengths":         "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
		"a length over all numbers": "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
		"chunks twice":              "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
		"chunks in chunks":          "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + chunks,
		"chunks in HTTP/1.0":        "POST /health HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
		"a blank before the colon":  "POST /health HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
		"a return within a header":  "GET /health HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 60\r\n\r\n",
		"a blank in the target":     "GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { refusedOnce(t, d, raw+second) })
	}
	if behindGateway(d) {
		return // nginx takes what follows, and passes on what it has read in lines of its own
	}
	for name, raw := range map[string]string{
		"LF behind the first line": "GET /health HTTP/1.1\nHost: x\r\n\r\n",
		"LF behind a header":       "GET /health HTTP/1.1\r\nHost: x\n\r\n",
		"LF alone":                 "GET /health HTTP/1.1\nHost: x\n\n",
		"no version":               "GET /health\r\nHost: x\r\n\r\n",
		"a header over two lines":  "GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
		"a chunk that ends in LF":  "POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { refusedOnce(t, d, raw+second) })
	}
}

// refusedOnce expects one refusal to the bytes, and the end of the connection.
func refusedOnce(t *testing.T, d *deployment.Deployment, raw string) {
	t.Helper()
	at, err := url.Parse(d.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(t.Context(), "tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, raw); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(connection)
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
	default:
		t.Errorf("it is answered with %s", response.Status)
	}
	if rest, _ := io.ReadAll(answers); len(rest) > 0 {
		t.Errorf("behind the refusal comes %.200q", rest)
	}
}
