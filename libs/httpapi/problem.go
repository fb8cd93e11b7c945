package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

// Problem is an error with an answer: RFC 9457 problem+json. It is an error, so handlers return it.
type Problem struct {
	Status int
	Code   string // stable, kebab-case, for example "room-not-found"
	Title  string // the same for every occurrence of the code
	Detail string // about this occurrence; never internals
	// RetryAfter, if not zero, becomes the header Retry-After, in whole seconds.
	RetryAfter time.Duration
	// Challenge, if not empty, becomes the header WWW-Authenticate (RFC 9110, section 11.6.1).
	Challenge string
	// Cause goes to the log, never to the client.
	Cause error
}

func (p *Problem) Error() string {
	if p.Cause != nil {
		return fmt.Sprintf("%s: %v", p.Code, p.Cause)
	}
	return fmt.Sprintf("%s: %s", p.Code, p.Detail)
}

func (p *Problem) Unwrap() error { return p.Cause }

// NewProblem makes a problem.
func NewProblem(status int, code, title, detail string) *Problem {
	return &Problem{Status: status, Code: code, Title: title, Detail: detail}
}

// Because returns a copy of the problem with the cause.
func (p *Problem) Because(cause error) *Problem { c := *p; c.Cause = cause; return &c }

// InvalidRequest is the problem of a request that is well-formed and asks for what cannot be.
func InvalidRequest(detail string) *Problem {
	return NewProblem(http.StatusUnprocessableEntity, "invalid-request", "Invalid request", detail)
}

// Unavailable is the problem of a request that cannot be served while something that it needs does not work, with a Retry-After of a
// second.
func Unavailable(code, title, detail string, cause error) *Problem {
	problem := NewProblem(http.StatusServiceUnavailable, code, title, detail)
	problem.RetryAfter, problem.Cause = time.Second, cause
	return problem
}

func malformed(format string, args ...any) *Problem {
	return NewProblem(http.StatusBadRequest, "malformed-json", "Malformed JSON", fmt.Sprintf(format, args...))
}

func internalError() *Problem {
	return NewProblem(http.StatusInternalServerError, "internal", "Internal error", "something went wrong on our side; the trace id helps to find it")
}

func timedOut() *Problem {
	return Unavailable("timeout", "Timeout", "the request took too long and was given up", nil)
}

// onWire is the problem in the answer to a request for the path.
func (p *Problem) onWire(path, traceID string, now time.Time) wire.Problem {
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	return wire.Problem{
		Type: "urn:ism:problem:" + p.Code, Title: p.Title, Status: p.Status, Detail: p.Detail, Code: p.Code, TraceID: traceID,
		ErrorCode: strings.ToUpper(strings.ReplaceAll(p.Code, "-", "_")), Message: message,
		Timestamp: wire.At(now), Path: path,
	}
}
