package messages_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages"
)

// faultsOf are the faults of a configuration with the given variables.
func faultsOf(t *testing.T, variables ...string) config.Faults {
	t.Helper()
	var faults config.Faults
	if err := config.LoadFrom(new(messages.ProgramConfig), variables); err != nil && !errors.As(err, &faults) {
		t.Fatal(err)
	}
	return faults
}

// The smallest limit of requests that is allowed takes the longest message, written at its longest, and the next smaller one does not.
func TestTheSmallestLimitOfRequestsTakesTheLongestMessage(t *testing.T) {
	t.Parallel()
	least := sort.Search(1<<17, func(limit int) bool { return len(faultsOf(t, fmt.Sprintf("ISM_HTTP_BODY_LIMIT=%d", limit))) == 0 })
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, users := w.newCrowd(49)
	user, salad := users[0], `\ud83e\udd57`
	body := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"SystemMessage","msgBody":{"text":"%s","data":{"a":"%s"}},"clientMsgId":"%s","mentions":%s}`,
		room, strings.Repeat(salad, 4000), strings.Repeat("b", 8192-len(`{"a":""}`)), strings.Repeat(salad, 255), list(users...))
	for _, limit := range []int{least, least - 1} {
		cfg := nodetest.HTTPConfig()
		cfg.BodyLimit = limit
		small := w.with(t)
		small.base = nodetest.ListenOn(t, cfg, "messages", w.service, w.tel).Public
		sent := small.doAs(backend(user), http.MethodPost, "/api/send-msg", strings.NewReader(body))
		if want := map[int]int{least: 200, least - 1: 413}[limit]; sent.Status != want {
			t.Fatalf("within %d bytes: %.300s", limit, sent)
		}
	}
	var stored wire.TextBody
	if got := w.timeline(user, room); len(got) != 1 || json.Unmarshal(got[0].Body, &stored) != nil || stored.Text != strings.Repeat("🥗", 4000) {
		t.Errorf("the timeline has %d messages", len(got))
	}
	if faults := faultsOf(t, fmt.Sprintf("ISM_HTTP_BODY_LIMIT=%d", least-1)); len(faults) != 1 || faults[0].Variable != "ISM_HTTP_BODY_LIMIT" ||
		!strings.Contains(faults[0].Problem, fmt.Sprint(least)) {
		t.Errorf("faults %v", faults)
	}
}

func TestTimeoutsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	handler := func(d time.Duration) string { return "ISM_HTTP_HANDLER_TIMEOUT=" + d.String() }
	log := func(d time.Duration) string { return "ISM_MESSAGES_LOG_TIMEOUT=" + d.String() }
	const through = "ISM_MESSAGES_WRITE_THROUGH_TIMEOUT=900ms"
	for name, c := range map[string]struct {
		variables []string
		fault     string
		says      []string
	}{
		"the defaults":             {nil, "", nil},
		"as long as there is time": {[]string{handler(9 * time.Second), log(3100 * time.Millisecond), through}, "", nil},
		"a little longer": {
			[]string{handler(9 * time.Second), log(3101 * time.Millisecond), through},
			"ISM_MESSAGES_LOG_TIMEOUT",
			[]string{"ISM_HTTP_HANDLER_TIMEOUT", "up to 3.1s", "from 9.001s"},
		},
		"what the fault names":          {[]string{handler(9001 * time.Millisecond), log(3101 * time.Millisecond), through}, "", nil},
		"no time at all":                {[]string{handler(time.Second)}, "ISM_MESSAGES_LOG_TIMEOUT", []string{"up to 0s"}},
		"rooms is asked for too long":   {[]string{"ISM_MESSAGES_ROOMS_TIMEOUT=1501ms"}, "ISM_MESSAGES_ROOMS_TIMEOUT", []string{"1.5s"}},
		"nobody edits":                  {[]string{"ISM_MESSAGES_EDIT_WINDOW=0s"}, "", nil},
		"a window that is none":         {[]string{"ISM_MESSAGES_EDIT_WINDOW=-1s"}, "ISM_MESSAGES_EDIT_WINDOW", []string{"0"}},
		"messages go after 90 days":     {[]string{"ISM_MESSAGES_RETENTION=2160h"}, "", nil},
		"messages go at once":           {[]string{"ISM_MESSAGES_RETENTION=24h"}, "ISM_MESSAGES_RETENTION", []string{"48h"}},
		"messages go at noon":           {[]string{"ISM_MESSAGES_RETENTION=60h"}, "ISM_MESSAGES_RETENTION", []string{"24h"}},
		"messages outlive the store":    {[]string{"ISM_MESSAGES_RETENTION=87624h"}, "ISM_MESSAGES_RETENTION", []string{"87600h"}},
		"rooms is asked as long as may": {[]string{"ISM_MESSAGES_ROOMS_TIMEOUT=1500ms"}, "", nil},
	} {
		faults := faultsOf(t, c.variables...)
		if c.fault == "" {
			if len(faults) != 0 {
				t.Errorf("%s: %v", name, faults)
			}
			continue
		}
		if len(faults) != 1 || faults[0].Variable != c.fault || slices.ContainsFunc(c.says, func(s string) bool { return !strings.Contains(faults[0].Problem, s) }) {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
