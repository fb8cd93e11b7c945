package intake

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
)

var (
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
)

// to is ISM's object for alice, with more fields.
func to(more string) string {
	return `{"toUser":"` + alice.String() + `","type":"SystemMessage","message":{"a":1}` + more + `}`
}

// code is that of a problem, with its status.
func code(err error) string {
	var problem *httpapi.Problem
	if !errors.As(err, &problem) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(problem.Status, " ", problem.Code)
}

func TestISMsObjectIsRead(t *testing.T) {
	for text, want := range map[string]Notification{
		to(""):                                   {Users: []uuid.UUID{alice}},
		to(`,"ttl":1,"createdAt":"yesterday"`):   {Users: []uuid.UUID{alice}, TTL: time.Second},
		to(`,"ttl":31536000,"id":17,"new":true`): {Users: []uuid.UUID{alice}, TTL: MaxTTL},
		to(`,"ttl":null`):                        {Users: []uuid.UUID{alice}},
		fmt.Sprintf(`{"toUsers":[%q,%q,%q],"type":"SystemMessage","message":{"a":1}}`, bob, alice, bob): {Users: []uuid.UUID{bob, alice}},
	} {
		got, err := Parse([]byte(text))
		if err != nil || !slices.Equal(got.Users, want.Users) || got.TTL != want.TTL || string(got.Message) != `{"a":1}` {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestATimeToLiveIsOfWholeSeconds(t *testing.T) {
	for ttl, want := range map[string]string{
		"0": "422 invalid-request", "-1": "422 invalid-request", "31536001": "422 invalid-request", "9223372036854775807": "422 invalid-request",
		"1.5": "400 malformed-json", `"60"`: "400 malformed-json", "1e99": "400 malformed-json", "true": "400 malformed-json",
	} {
		if _, err := Parse([]byte(to(`,"ttl":` + ttl))); code(err) != want {
			t.Errorf("ttl %s: %v", ttl, err)
		}
	}
	taken := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	if end := (Notification{TTL: time.Minute}).expiresAt(taken); end == nil || !end.Equal(taken.Add(time.Minute)) {
		t.Errorf("it expires at %v", end)
	}
	if end := (Notification{}).expiresAt(taken); end != nil {
		t.Errorf("without a ttl it expires at %v", end)
	}
}

func TestALineMayHaveAName(t *testing.T) {
	for more, want := range map[string]string{``: "", `,"id":"order-17"`: "order-17", `,"id":null`: ""} {
		if n, id, err := ParseLine([]byte(to(more))); err != nil || id != want || len(n.Users) != 1 {
			t.Errorf("%s: %q, %v", more, id, err)
		}
	}
	for more, want := range map[string]string{
		`,"id":""`: "422 invalid-request", `,"id":17`: "400 malformed-json", `,"id":"a\nb"`: "422 invalid-request", `,"id":"` + strings.Repeat("x", 256) + `"`: "422 invalid-request",
		`,"ttl":0`: "422 invalid-request",
	} {
		if _, _, err := ParseLine([]byte(to(more))); code(err) != want {
			t.Errorf("%s: %v", more, err)
		}
	}
}

func event(more string) string {
	return `{"specversion":"1.0","id":"17","source":"/shop","type":"com.example.order"` + more + `}`
}

func TestACloudEventIsRead(t *testing.T) {
	for text, want := range map[string]Event{
		to(""): {},
		event(`,"datacontenttype":"application/json","time":"2026-11-23T12:30:45Z","subject":"x","ext":1,"data":` + to(`,"ttl":60`)): {"/shop", "17"},
	} {
		n, name, err := ParseEvent([]byte(text))
		if err != nil || name != want || !slices.Equal(n.Users, []uuid.UUID{alice}) || string(n.Message) != `{"a":1}` || (n.TTL == time.Minute) != (want.ID == "17") {
			t.Errorf("%s: %+v, %+v, %v", text, n, name, err)
		}
	}
	binary := map[string]string{"ce_specversion": "1.0", "ce_id": "17", "ce_source": "/shop", "ce_type": "x", "content-type": "application/json", "traceparent": "00"}
	if n, name, err := ParseRecord(binary, []byte(to(""))); err != nil || name != (Event{"/shop", "17"}) || len(n.Users) != 1 {
		t.Errorf("in binary mode: %+v, %+v, %v", n, name, err)
	}
	structured := map[string]string{"content-type": "application/cloudevents+json"}
	if n, name, err := ParseRecord(structured, []byte(event(`,"data":`+to("")))); err != nil || name != (Event{"/shop", "17"}) || len(n.Users) != 1 {
		t.Errorf("in structured mode: %+v, %+v, %v", n, name, err)
	}
	if n, name, err := ParseRecord(nil, []byte(to(""))); err != nil || name != (Event{}) || len(n.Users) != 1 {
		t.Errorf("without headers: %+v, %+v, %v", n, name, err)
	}
}

func TestWhatIsNoCloudEventIsRefused(t *testing.T) {
	data := `,"data":` + to("")
	for text, want := range map[string]string{
		``:                             "400 malformed-json",
		`{`:                            "400 malformed-json",
		`[` + event(data) + `]`:        "400 malformed-json",
		`null`:                         "422 invalid-request",
		`{"specversion":1.0}`:          "400 malformed-json",
		`{"specversion":null}`:         "422 invalid-request",
		event(``):                      "422 invalid-request",
		event(`,"data":null`):          "422 invalid-request",
		event(`,"data":"text"`):        "400 malformed-json",
		event(`,"data":{"type":"x"}`):  "422 invalid-request",
		event(`,"data_base64":"e30="`): "422 invalid-request",
		event(data + data):             "400 malformed-json",
		event(data + `,"ID":"18"`):     "400 malformed-json",
		strings.Replace(event(data), `"1.0"`, `"0.3"`, 1):                           "422 invalid-request",
		strings.Replace(event(data), `"id":"17",`, ``, 1):                           "422 invalid-request",
		strings.Replace(event(data), `"source":"/shop",`, ``, 1):                    "422 invalid-request",
		strings.Replace(event(data), `"com.example.order"`, `""`, 1):                "422 invalid-request",
		event(`,"data":` + strings.Replace(to(""), `{"a":1}`, `{"a":"\ud800"}`, 1)): "400 malformed-json",
	} {
		if _, _, err := ParseEvent([]byte(text)); code(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for name, headers := range map[string]map[string]string{
		"version":   {"ce_specversion": "0.3", "ce_id": "1", "ce_source": "s", "ce_type": "t"},
		"no id":     {"ce_specversion": "1.0", "ce_source": "s", "ce_type": "t"},
		"no source": {"ce_specversion": "1.0", "ce_id": "1", "ce_type": "t"},
		"no type":   {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s"},
	} {
		if _, _, err := ParseRecord(headers, []byte(to(""))); code(err) != "422 invalid-request" {
			t.Errorf("%s: %v", name, err)
		}
	}
	all := map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s", "ce_type": "t"}
	if _, _, err := ParseRecord(all, nil); code(err) != "422 invalid-request" {
		t.Errorf("no value: %v", err)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(to(`,"ttl":60`)))
	f.Add([]byte(event(`,"data":` + to(""))))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, _, err := ParseEvent(text)
		if err == nil && (len(n.Users) == 0 || len(n.Message) == 0) {
			t.Errorf("%q: %+v", text, n)
		}
		var problem *httpapi.Problem
		if err != nil && (!errors.As(err, &problem) || problem.Status != http.StatusBadRequest && problem.Status != http.StatusUnprocessableEntity) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
