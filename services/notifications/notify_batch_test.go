package notifications_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

type notifiedLine struct {
	Line          int
	Status        int
	Notifications []wire.NotifiedUser
	Code          string
	Detail        string
}

// outcome is what has become of a line, in short.
func (l notifiedLine) outcome() string {
	return strings.TrimSpace(fmt.Sprintf("%d: %d %s", l.Line, l.Status, l.Code))
}

func (w *world) batch(claims map[string]any, body string, headers ...string) nodetest.Answer {
	w.tb.Helper()
	return w.post(claims, "/api/notify", body, http.MethodPost, append([]string{"Content-Type", "application/x-ndjson"}, headers...)...)
}

// lines are those of an answer, which must be 200.
func (w *world) lines(answer nodetest.Answer) (lines []notifiedLine) {
	w.tb.Helper()
	if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/x-ndjson" {
		w.tb.Fatalf("batch: %s", answer)
	}
	for text := range bytes.Lines(answer.Body) {
		var line notifiedLine
		if err := json.Unmarshal(text, &line); err != nil {
			w.tb.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func outcomes(lines []notifiedLine) (all []string) {
	for _, line := range lines {
		all = append(all, line.outcome())
	}
	return all
}

func TestABadLineDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob, carol := uuid.New(), uuid.New(), uuid.New()
	w.rooms.tenants[alice], w.rooms.tenants[bob], w.rooms.tenants[carol] = "acme", "acme", "umbrella"
	named := func(user uuid.UUID, n int, id string) string {
		return strings.Replace(told(user, n), "{", `{"id":"`+id+`",`, 1)
	}
	body := strings.Join([]string{
		told(alice, 1),
		"",
		"hello",
		`{"toUser":"` + alice.String() + `","type":"SystemMessage"}` + "\r",
		fmt.Sprintf(`{"toUsers":[%q,%q],"type":"SystemMessage","message":{"n":2}}`, alice, bob),
		told(carol, 1),
		named(alice, 3, "a") + "\r",
		named(bob, 4, "a"),
		"[]",
		named(alice, 5, "b"),
		"",
	}, "\n")
	acme := map[string]any{"azp": backendClient, "tenant": "acme"}
	got := w.lines(w.batch(acme, body, "Idempotency-Key", "batch-1"))
	want := []string{"1: 202", "3: 400 malformed-json", "4: 422 invalid-request", "5: 202", "6: 422 unknown-user", "7: 202", "8: 422 invalid-request", "9: 400 malformed-json", "10: 202"}
	if !slices.Equal(outcomes(got), want) {
		t.Fatalf("the lines are %q", outcomes(got))
	}
	if len(got[3].Notifications) != 2 || got[3].Notifications[1].UserID != bob || !strings.Contains(got[6].Detail, "line 7") || !strings.Contains(got[4].Detail, carol.String()) {
		t.Errorf("the lines are %+v", got)
	}
	if messages, _ := w.messages(alice); !slices.Equal(messages, []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":5}`}) {
		t.Errorf("alice is told %v", messages)
	}
	// Sent again, all lines have the same ids; a line's own id is as good as an Idempotency-Key.
	again := w.lines(w.batch(acme, body, "Idempotency-Key", "batch-1"))
	if !slices.EqualFunc(got, again, func(a, b notifiedLine) bool { return slices.Equal(a.Notifications, b.Notifications) }) {
		t.Errorf("the ids were %+v, and are %+v", got, again)
	}
	single := w.notified(w.post(acme, "/api/notify", told(alice, 3), http.MethodPost, "Idempotency-Key", "a"))
	if single[0] != got[5].Notifications[0] {
		t.Errorf("the id of line 7 is %s, by its name %s", got[5].Notifications[0].ID, single[0].ID)
	}
	unnamed := w.lines(w.batch(acme, body))
	if unnamed[0].Notifications[0].ID == got[0].Notifications[0].ID || unnamed[5].Notifications[0].ID != got[5].Notifications[0].ID {
		t.Errorf("without a key the ids are %+v", unnamed)
	}
}

func TestAThousandLinesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	var body strings.Builder
	want := map[uuid.UUID][]string{}
	for n := range 1000 {
		user := users[n%len(users)]
		body.WriteString(told(user, n) + "\n")
		want[user] = append(want[user], fmt.Sprintf(`{"n":%d}`, n))
	}
	if got := w.lines(w.batch(backend, body.String())); len(got) != 1000 || got[999].Line != 1000 || slices.ContainsFunc(got, func(l notifiedLine) bool { return l.Status != http.StatusAccepted }) {
		t.Errorf("the lines are %q", outcomes(got))
	}
	for user, messages := range want {
		if got, _ := w.messages(user); !slices.Equal(got, messages) {
			t.Errorf("a user is told %v", got)
		}
	}
	if got := w.batch(backend, body.String()+told(users[0], 0)); got.Status != http.StatusUnprocessableEntity || got.Code() != "invalid-request" {
		t.Errorf("1,001 lines: %s", got)
	}
}

func TestABatchAsAWholeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, soonWithoutKafka)
	alice := uuid.New()
	w.rooms.tenants[alice] = "acme"
	acme := map[string]any{"azp": backendClient, "tenant": "acme"}
	w.rooms.isDown(true)
	for name, c := range map[string]struct {
		claims  map[string]any
		body    string
		headers []string
		want    string
	}{
		"nobody":        {nil, told(alice, 1), nil, "401 unauthorized"},
		"a user":        {map[string]any{"azp": "web"}, told(alice, 1), nil, "403 forbidden"},
		"nothing":       {backend, "\n \n", nil, "422 invalid-request"},
		"compressed":    {backend, told(alice, 1), []string{"Content-Encoding", "gzip"}, "415 unsupported-media-type"},
		"a bad key":     {backend, told(alice, 1), []string{"Idempotency-Key", `"`}, "400 malformed-idempotency-key"},
		"too large":     {backend, strings.Repeat("x", 300<<10), nil, "413 body-too-large"},
		"without rooms": {acme, told(alice, 1) + "\nhello", nil, "503 rooms-unavailable"},
	} {
		if got := w.batch(c.claims, c.body, c.headers...); fmt.Sprintf("%d %s", got.Status, got.Code()) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if log := w.log(); len(log) != 0 {
		t.Errorf("the log has %+v", log)
	}
	w.broker.Close()
	for _, line := range w.lines(w.batch(backend, told(alice, 1)+"\n"+told(alice, 2)+"\nhello")) {
		if want := line.Line == 3; (line.Code == "malformed-json") != want || !want && line.Code != "kafka-unavailable" && line.Code != "outcome-unknown" {
			t.Errorf("without Kafka a line is %+v", line)
		}
	}
}
