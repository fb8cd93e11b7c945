package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an RFC 9457 answer: the server's refusal, or its word that it cannot do it now. What stands between, a proxy, may answer
// without a code; Detail is then the beginning of what it has said.
type Problem struct {
	Status     int    `json:"status"`
	Code       string `json:"code"` // stable, see the openapi.yaml of each service; "" where the answer is not ISM's
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	TraceID    string `json:"traceId"` // finds the request in the server's traces
	RetryAfter string `json:"-"`       // the header as it came; [RetryIn] reads it
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s (trace %s)", p.Status, p.Code, p.Detail, p.TraceID)
}

// HasCode reports whether the error is a [Problem] with the code.
func HasCode(err error, code string) bool {
	var problem *Problem
	return errors.As(err, &problem) && problem.Code == code
}

// BadAnswer is an answer that says it is a success and is none of ISM's: a login page behind a redirect, an empty one, half a body. Whether the
// server has done what was asked is not known.
type BadAnswer struct {
	Status      int
	ContentType string
	Reason      string // what is wrong with it
	Text        string // how it begins, at most 200 bytes
}

func (b *BadAnswer) Error() string {
	return fmt.Sprintf("the answer is not ISM's (status %d, %q): %s: %q", b.Status, b.ContentType, b.Reason, b.Text)
}

func badAnswer(response *http.Response, body []byte, reason string) error {
	return &BadAnswer{Status: response.StatusCode, ContentType: response.Header.Get("Content-Type"), Reason: reason, Text: beginning(body)}
}

// unreached is a request without an answer.
type unreached struct {
	cause error
	sent  bool // it may have come to the server
}

func (u *unreached) Error() string { return u.cause.Error() }
func (u *unreached) Unwrap() error { return u.cause }

// Temporary reports whether the same request may succeed later: there was no answer or no token, or a [BadAnswer], or a [Problem] of status
// 408, 425, 429 or from 500 on, or one that says that something is still under way. A redirect that leads nowhere is as a BadAnswer.
func Temporary(err error) bool {
	var problem *Problem
	if errors.As(err, &problem) {
		switch problem.Code {
		case "send-under-way", "media-not-ready", "revision-under-way":
			return true
		}
		switch problem.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return true
		}
		return problem.Status >= 500 || problem.Status/100 == 3
	}
	var noAnswer *unreached
	var bad *BadAnswer
	return errors.As(err, &noAnswer) || errors.As(err, &bad)
}

// outcomeKnown reports whether an error says that nothing was done.
func outcomeKnown(err error) bool {
	var noAnswer *unreached
	if errors.As(err, &noAnswer) {
		return !noAnswer.sent
	}
	var problem *Problem
	if !errors.As(err, &problem) || problem.Code == "" || problem.Code == "send-under-way" {
		return false
	}
	return problem.Status < 500 && problem.Status != http.StatusRequestTimeout || problem.Status == http.StatusServiceUnavailable
}

// longestWait bounds what a server may ask to wait: whoever asks for more is mistaken, or a clock is.
const longestWait = time.Hour

// RetryIn is how long the server asks to wait before the request is tried again (RFC 9110, section 10.2.3), an hour at most; 0 where it says nothing.
func RetryIn(err error) time.Duration {
	var problem *Problem
	if !errors.As(err, &problem) {
		return 0
	}
	return retryAfter(problem.RetryAfter)
}

func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), longestWait)
}

// problemOf is what an answer that is no success says.
func problemOf(response *http.Response, body []byte) error {
	problem := &Problem{}
	if err := json.Unmarshal(body, problem); err != nil {
		problem = &Problem{Detail: beginning(body)}
	}
	problem.Status, problem.RetryAfter = response.StatusCode, response.Header.Get("Retry-After")
	return problem
}

func beginning(body []byte) string {
	return strings.ToValidUTF8(strings.TrimSpace(string(body[:min(len(body), 200)])), "")
}
