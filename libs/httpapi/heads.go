package httpapi

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Where a request begins and ends, and for whom it is, must be beyond doubt: if two who read the same bytes disagree, as a proxy and we, one's
// body is the other's next request. So what RFC 9112 leaves unclear or forbids is refused, and the connection closed (sections 2.2, 2.3, 3, 5.1, 5.2,
// 6.1 and 6.3). fasthttp (1.51) reads on instead: it takes any version, lines that end in LF, requests without a Host, and of several lengths the last.

// bodyOf is how the body behind a head is delimited.
type bodyOf struct {
	length  uint64 // bytes, where it is not chunked
	chunked bool
}

// readHead reads the head of a request, from its first line to the empty line at its end, and gives how its body is delimited, or why it is refused.
func readHead(head []byte) (bodyOf, *Problem) {
	line, rest, ok := cutLine(head)
	if !ok {
		return bodyOf{}, badHead(faultLineEnd)
	}
	modern, fault := readRequestLine(line)
	if fault != nil {
		return bodyOf{}, fault
	}
	var found fields
	for {
		line, rest, ok = cutLine(rest)
		switch {
		case !ok:
			return bodyOf{}, badHead(faultLineEnd)
		case len(line) == 0 && len(rest) == 0:
			return found.body(modern)
		}
		if fault := found.take(line); fault != "" {
			return bodyOf{}, badHead(fault)
		}
	}
}

const faultLineEnd = "a line of the request's head does not end in CRLF"

func badHead(detail string) *Problem {
	return NewProblem(http.StatusBadRequest, "bad-request", "Bad request", detail)
}

// cutLine cuts the first line off, without its CRLF. It is not ok where the line ends otherwise.
func cutLine(text []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(text, '\n')
	if end < 1 || text[end-1] != '\r' {
		return nil, nil, false
	}
	return text[:end-1], text[end+1:], true
}

// readRequestLine reports whether a request is of HTTP/1.1, or why its first line is refused.
func readRequestLine(line []byte) (modern bool, fault *Problem) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	switch {
	case !isToken(method):
		return false, badHead("the request's method has characters that no method has")
	case !isTarget(target):
		return false, badHead("the request's target is no path, or has characters that no target has")
	}
	switch {
	case string(version) == "HTTP/1.1":
		return true, nil
	case string(version) == "HTTP/1.0":
		return false, nil
	case isVersion(version):
		return false, NewProblem(http.StatusHTTPVersionNotSupported, "version-not-supported", "Version not supported", "requests are HTTP/1.1 or HTTP/1.0")
	}
	return false, badHead("the request's first line does not end in a version of HTTP")
}

// isVersion reports whether a text is a version of HTTP (RFC 9112, section 2.3).
func isVersion(text []byte) bool {
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	return len(text) == len("HTTP/1.1") && string(text[:5]) == "HTTP/" && isDigit(text[5]) && text[6] == '.' && isDigit(text[7])
}

// isTarget reports whether a request may be for a target: a path with or without a query, an address with both, or the server (RFC 9112, section
// 3.2). Letters beyond ASCII are taken: some clients do not escape them.
func isTarget(target []byte) bool {
	if hasControls(target, "") || bytes.ContainsAny(target, " \t#") {
		return false
	}
	switch address := string(target[:min(len(target), len("https://"))]); {
	case strings.HasPrefix(address, "/"), string(target) == "*":
		return true
	default:
		address = strings.ToLower(address)
		return strings.HasPrefix(address, "http://") || address == "https://"
	}
}

// fields are what decides of a head's fields.
type fields struct {
	host, length, coding    []byte
	hosts, lengths, codings int
}

// take reads a field's line, and says why it is refused.
func (f *fields) take(line []byte) (fault string) {
	name, value, isField := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	switch {
	case !isField || !isToken(name):
		return "the name of a header has characters that no name has, or a header goes over several lines"
	case hasControls(value, "\t"):
		return "a header has a character that no header has"
	case bytes.EqualFold(name, []byte(fiber.HeaderHost)):
		f.host, f.hosts = value, f.hosts+1
	case bytes.EqualFold(name, []byte(fiber.HeaderContentLength)):
		if f.lengths > 0 && !bytes.Equal(f.length, value) {
			return "the request has several Content-Lengths"
		}
		f.length, f.lengths = value, f.lengths+1
	case bytes.EqualFold(name, []byte(fiber.HeaderTransferEncoding)):
		f.coding, f.codings = value, f.codings+1
	}
	return ""
}

// body is how the body is delimited, once all fields are taken.
func (f *fields) body(modern bool) (bodyOf, *Problem) {
	length, isLength := parseLength(f.length)
	switch {
	case f.hosts > 1:
		return bodyOf{}, badHead("the request has several Hosts")
	case f.hosts == 0 && modern:
		return bodyOf{}, badHead("the request has no Host")
	case f.hosts == 1 && !isHost(f.host):
		return bodyOf{}, badHead("the request's Host is none")
	case f.lengths > 0 && f.codings > 0:
		return bodyOf{}, badHead("the request has both Content-Length and Transfer-Encoding")
	case f.lengths > 0 && !isLength:
		return bodyOf{}, badHead("the request's Content-Length is no number of bytes")
	case f.codings > 1 || f.codings == 1 && !bytes.EqualFold(f.coding, []byte("chunked")):
		return bodyOf{}, badHead("the request has a Transfer-Encoding other than chunked")
	case f.codings == 1 && !modern:
		return bodyOf{}, badHead("the request has a Transfer-Encoding, which its version of HTTP does not have")
	}
	return bodyOf{length: length, chunked: f.codings == 1}, nil
}

// longestLength is how many digits a length has at most: none overflows.
const longestLength = 18

func parseLength(text []byte) (length uint64, ok bool) {
	if len(text) == 0 || len(text) > longestLength {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		length = 10*length + uint64(c-'0')
	}
	return length, true
}

// isHost reports whether a text can be a host with or without a port (RFC 9110, section 7.2, and RFC 3986, section 3.2.2): of those who may stand in
// a name or in a literal address.
func isHost(host []byte) bool {
	for _, c := range host {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte("-._~%!$&'()*+,;=:[]", c) < 0 {
			return false
		}
	}
	return len(host) > 0
}

// hasControls reports whether a text has characters that control something, but for those that are allowed.
func hasControls(text []byte, allowed string) bool {
	for _, c := range text {
		if (c < ' ' || c == 0x7f) && strings.IndexByte(allowed, c) < 0 {
			return true
		}
	}
	return false
}

// isToken reports whether a text can be a method or the name of a header (RFC 9110, section 5.6.2).
func isToken(name []byte) bool {
	for _, c := range name {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return len(name) > 0
}
