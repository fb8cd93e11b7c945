package tracing

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestATraceIsReadFromJaeger(t *testing.T) {
	file, err := os.Open("testdata/jaeger.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	spans, err := FromJaeger(file)
	if err != nil {
		t.Fatal(err)
	}
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	want := []Span{
		{
			TraceID: trace, ID: "1a2b3c4d5e6f7081", Service: "messages", Name: "POST /api/send-msg", Kind: "server",
			Attributes: map[string]string{"http.response.status_code": "200", MessageID: "01a209b2-52ec-7a25-b7cb-20c443c8656e"},
		},
		{
			TraceID: trace, ID: "2b3c4d5e6f708192", Parent: "1a2b3c4d5e6f7081", Service: "messages", Name: "send ism.rooms", Kind: "producer",
			Attributes: map[string]string{"messaging.destination.partition.id": "7", "messaging.kafka.offset": "4711000000", "error": "true"},
		},
		{
			TraceID: trace, ID: "3c4d5e6f708192a3", Parent: "2b3c4d5e6f708192", Service: "realtime", Name: "write stream", Kind: "internal",
			Attributes: map[string]string{},
		},
	}
	if !reflect.DeepEqual(spans, want) {
		t.Errorf("got  %+v\nwant %+v", spans, want)
	}
	if err := Connected(spans); err != nil {
		t.Error(err)
	}
}

func TestWhatJaegerDoesNotHave(t *testing.T) {
	for answer, found := range map[string]error{
		`{"data":null,"total":0,"errors":[{"code":404,"msg":"trace not found"}]}`: ErrNotFound,
		`{"data":[],"errors":null}`:                            ErrNotFound,
		`{"data":null,"errors":[{"code":500,"msg":"broken"}]}`: nil,
		`<html>`: nil,
	} {
		spans, err := FromJaeger(strings.NewReader(answer))
		if err == nil || errors.Is(err, ErrNotFound) != (found != nil) || spans != nil {
			t.Errorf("%s gives %v, %v", answer, spans, err)
		}
	}
}
