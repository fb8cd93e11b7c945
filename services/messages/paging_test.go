package messages_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// walk reads a timeline page by page as the links say, from the page that the query asks for. Towards newer messages it goes on until nothing can be missing.
// The messages come newest first.
func (w *world) walk(user, room uuid.UUID, query string) (walked []wire.Message) {
	w.tb.Helper()
	for range 1000 {
		page, got := w.page(user, room, query)
		if got.Status != http.StatusOK {
			w.tb.Fatalf("%s: %s", query, got)
		}
		newer := strings.Contains(query, "direction=newer")
		if newer {
			walked = append(page, walked...)
		} else {
			walked = append(walked, page...)
		}
		next, more := linked(w.tb, got, "next")
		switch {
		case more:
			query = next
		case !newer || got.Header.Get("X-Complete-Before") == "":
			return walked
		default:
			<-time.After(20 * time.Millisecond)
		}
	}
	w.tb.Fatalf("a walk does not end: %s", query)
	return nil
}

// linked gives the query of the page that an answer links to.
func linked(tb testing.TB, got nodetest.Answer, relation string) (query string, ok bool) {
	tb.Helper()
	header := map[string]string{"next": "X-Next-Cursor", "prev": "X-Previous-Cursor"}[relation]
	for link := range strings.SplitSeq(got.Header.Get("Link"), ", ") {
		target, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">; ")
		if rel != `rel="`+relation+`"` {
			continue
		}
		to, err := url.Parse(target)
		if err != nil || to.Query().Get("cursor") != got.Header.Get(header) {
			tb.Fatalf("the link %q does not go with the cursor %q", link, got.Header.Get(header))
		}
		return "?" + to.RawQuery, true
	}
	if got.Header.Get(header) != "" {
		tb.Fatalf("there is the cursor %q without a link", got.Header.Get(header))
	}
	return "", false
}

// chatter fills a room: sends, edits and deletions by the service, and messages of other nodes, whose clocks are off and have ties.
func (w *world) chatter(t *testing.T, random *rand.Rand, room, user uuid.UUID) {
	var sent []wire.Message
	for range 25 {
		switch at := fmt.Sprintf("/api/rooms/%s/messages/", room); random.IntN(5) {
		case 0, 1:
			sent = append(sent, w.mustSend(user, room, "sent"))
		case 2:
			var others []events.Data
			for range 1 + random.IntN(20) {
				others = append(others, postedElsewhere(random, room, user))
			}
			produce(t, w.brokers, others...)
		case 3:
			if len(sent) > 0 {
				m := sent[random.IntN(len(sent))]
				w.do(user, http.MethodPatch, at+m.ID.String(), strings.NewReader(`{"msgBody":{"text":"edited"}}`))
			}
		default:
			if len(sent) > 0 {
				w.do(user, http.MethodDelete, at+sent[random.IntN(len(sent))].ID.String(), nil)
			}
		}
	}
}

func postedElsewhere(random *rand.Rand, room, user uuid.UUID) events.MessagePosted {
	at := time.Now().Truncate(10 * time.Second) // so that many have the same time
	switch random.IntN(6) {
	case 0:
		at = at.AddDate(0, 0, random.IntN(60)-30) // in another bucket
	case 1:
		at = at.Add(time.Duration(random.IntN(2000)-1000) * time.Millisecond)
	}
	body, _ := json.Marshal(wire.TextBody{Text: "elsewhere"})
	return events.MessagePosted{
		RoomID: room, Audience: events.Audience{Users: []uuid.UUID{user}, Version: 1},
		Message: wire.Message{RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: user, Type: wire.Text, Body: body, CreatedAt: wire.At(at)},
	}
}

// The pages of a timeline, put together, are the log: both ways, by pages of any size, from any message, whatever the clocks said and what
// was edited, and also while messages come.
func TestPagesPutTogetherAreTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	for seed := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, 12))
		room, user := w.newRoom()
		var meanwhile []wire.Message
		var walking sync.WaitGroup
		walking.Go(func() {
			for range 5 {
				meanwhile = w.walk(user, room, "?direction=newer&limit=3")
			}
		})
		w.chatter(t, random, room, user)
		walking.Wait()
		w.caughtUp(kafkaClient(t, w.brokers))
		var log []uuid.UUID
		for _, posted := range w.posted(room) {
			log = append(log, posted.Message.ID)
		}
		slices.Reverse(log)
		if got := idsOf(meanwhile); !slices.Equal(got, log[len(log)-len(got):]) {
			t.Errorf("seed %d: while messages came, the walk found\n%v, the log is\n%v", seed, got, log)
		}
		for _, limit := range []int{1, 7, 100} {
			for _, direction := range []string{"older", "newer"} {
				query := fmt.Sprintf("?limit=%d&direction=%s", limit, direction)
				if got := idsOf(w.walk(user, room, query)); !slices.Equal(got, log) {
					t.Errorf("seed %d: %s gives\n%v, the log is\n%v", seed, query, got, log)
				}
			}
		}
		for range 20 {
			w.lookAround(t, user, room, log, random.IntN(len(log)), 1+random.IntN(30))
		}
	}
}

// lookAround asks for the page around a message of the log, which is newest first, and goes both ways from there.
func (w *world) lookAround(t *testing.T, user, room uuid.UUID, log []uuid.UUID, middle, limit int) {
	t.Helper()
	query := fmt.Sprintf("?around=%s&limit=%d", log[middle], limit)
	page, got := w.page(user, room, query)
	whole := page
	if older, ok := linked(t, got, "next"); ok {
		whole = append(whole, w.walk(user, room, older)...)
	}
	if newer, ok := linked(t, got, "prev"); ok {
		whole = append(w.walk(user, room, newer), whole...)
	}
	if !slices.Equal(idsOf(whole), log) || !slices.Contains(idsOf(page), log[middle]) || len(page) > limit {
		t.Errorf("%s has %d messages: with both sides it is\n%v, the log is\n%v", query, len(page), idsOf(whole), log)
	}
	// From the middle of the timeline back to where one was.
	if back, ok := linked(t, got, "prev"); ok {
		_, there := w.page(user, room, back)
		home, ok := linked(t, there, "prev")
		if again, _ := w.page(user, room, home); !ok || len(again) > 0 && len(page) > 0 && !slices.Contains(idsOf(page), again[0].ID) && limit > 1 {
			t.Errorf("from %s there and back is %v, not %v", query, idsOf(again), idsOf(page))
		}
	}
}

func idsOf(messages []wire.Message) []uuid.UUID {
	ids := make([]uuid.UUID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

// A time says from where to read: the one way what stands before it, the other way the rest.
func TestATimeHasTwoSides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var sent []uuid.UUID
	var times []time.Time
	for i := range 12 {
		m := w.mustSend(user, room, fmt.Sprint("message ", i))
		sent, times = append(sent, m.ID), append(times, m.CreatedAt.Time)
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	for _, test := range []struct {
		at           time.Time
		older, newer []uuid.UUID
	}{
		{times[5], sent[:5], sent[6:]}, // who has seen it wants neither side to have it
		{times[5].Add(time.Nanosecond), sent[:6], sent[6:]},
		{times[0].Add(-time.Hour), nil, sent},
		{times[11].Add(time.Hour), sent, nil},
	} {
		at := "timestamp=" + url.QueryEscape(test.at.UTC().Format(time.RFC3339Nano)) + "&limit=3"
		for query, want := range map[string][]uuid.UUID{"?" + at: test.older, "?direction=older&" + at: test.older, "?direction=newer&" + at: test.newer} {
			want = slices.Clone(want)
			slices.Reverse(want)
			if got := idsOf(w.walk(user, room, query)); !slices.Equal(got, want) {
				t.Errorf("%s gives %v, want %v", query, got, want)
			}
		}
	}
}

// A page that nothing can come into has a tag, and is not given again to who has it; what becomes of a message in it makes it another page.
func TestSettledPagesHaveATag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var sent []wire.Message
	for range 6 {
		sent = append(sent, w.mustSend(user, room, "message"))
	}
	asked := "/api/rooms/" + room.String() + "/timeline?limit=3"
	var first nodetest.Answer
	servicetest.AwaitSuccess(t, "the page is settled", func() error { // the log is read a moment later
		if first = w.do(user, http.MethodGet, asked, nil); first.Header.Get("ETag") == "" {
			return fmt.Errorf("%s has the headers %v", first, first.Header)
		}
		return nil
	})
	tag := first.Header.Get("ETag")
	if first.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%s has the headers %v", first, first.Header)
	}
	again := w.do(user, http.MethodGet, asked, nil, "If-None-Match", tag)
	if again.Status != http.StatusNotModified || len(again.Body) > 0 || again.Header.Get("X-Next-Cursor") != first.Header.Get("X-Next-Cursor") {
		t.Errorf("asked again: %s, %v", again, again.Header)
	}
	w.do(user, http.MethodPatch, "/api/rooms/"+room.String()+"/messages/"+sent[4].ID.String(), strings.NewReader(`{"msgBody":{"text":"edited"}}`))
	edited := w.do(user, http.MethodGet, asked, nil, "If-None-Match", tag)
	if edited.Status != http.StatusOK || edited.Header.Get("ETag") == tag {
		t.Errorf("after an edit: %s, %v", edited, edited.Header)
	}
}
