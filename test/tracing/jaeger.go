package tracing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// ErrNotFound says that Jaeger does not have the trace, or not yet.
var ErrNotFound = errors.New("jaeger does not have the trace")

// jaegerTraces is an answer of Jaeger's query API, GET /api/traces and GET /api/traces/{id}.
type jaegerTraces struct {
	Data []struct {
		Spans []struct {
			TraceID    string `json:"traceID"`
			SpanID     string `json:"spanID"`
			Name       string `json:"operationName"`
			ProcessID  string `json:"processID"`
			References []struct {
				Type    string `json:"refType"`
				TraceID string `json:"traceID"`
				SpanID  string `json:"spanID"`
			} `json:"references"`
			Tags []struct {
				Key   string `json:"key"`
				Value any    `json:"value"`
			} `json:"tags"`
		} `json:"spans"`
		Processes map[string]struct {
			Service string `json:"serviceName"`
		} `json:"processes"`
	} `json:"data"`
	Errors []struct {
		Code    int    `json:"code"`
		Message string `json:"msg"`
	} `json:"errors"`
}

// FromJaeger reads the spans of all traces in the answer of Jaeger to GET /api/traces/{id} or GET /api/traces, whatever its
// status. Errors: [ErrNotFound].
func FromJaeger(answer io.Reader) ([]Span, error) {
	decoder := json.NewDecoder(answer)
	decoder.UseNumber() // a number reads as it was written
	var traces jaegerTraces
	if err := decoder.Decode(&traces); err != nil {
		return nil, fmt.Errorf("decode the answer of Jaeger: %w", err)
	}
	switch {
	case len(traces.Errors) > 0 && traces.Errors[0].Code != http.StatusNotFound:
		return nil, fmt.Errorf("jaeger answers with code %d: %s", traces.Errors[0].Code, traces.Errors[0].Message)
	case len(traces.Errors) > 0, len(traces.Data) == 0:
		return nil, ErrNotFound
	}
	var spans []Span
	for _, trace := range traces.Data {
		for _, given := range trace.Spans {
			span := Span{
				TraceID: given.TraceID, ID: given.SpanID, Name: given.Name, Service: trace.Processes[given.ProcessID].Service,
				Kind: internal, Attributes: map[string]string{},
			}
			for _, reference := range given.References { // a link is a FOLLOWS_FROM
				if reference.Type == "CHILD_OF" && reference.TraceID == given.TraceID {
					span.Parent = reference.SpanID
					break
				}
			}
			for _, tag := range given.Tags {
				value := fmt.Sprint(tag.Value)
				if tag.Key == "span.kind" {
					span.Kind = value
					continue
				}
				span.Attributes[tag.Key] = value
			}
			spans = append(spans, span)
		}
	}
	return spans, nil
}
