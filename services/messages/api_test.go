package messages_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

const group = "ism.messages.timeline"

var errBehind = errors.New("it is behind")

func TestSendAndReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	before := time.Now().Truncate(time.Microsecond)
	sent := w.send(user, room, "Soup? 🤗 <b>")
	if sent.Status != http.StatusOK || !strings.HasPrefix(sent.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("send: %s", sent)
	}
	m := message(t, sent.Body)
	if m.RoomID != room || m.SenderID != user || m.Type != wire.Text || m.ID.Version() != 7 {
		t.Errorf("the message is %s", sent.Body)
	}
	var body wire.TextBody
	if err := json.Unmarshal(m.Body, &body); err != nil || body.Text != "Soup? 🤗 <b>" {
		t.Errorf("its text is %q (%v)", body.Text, err)
	}
	if m.CreatedAt.Before(before) || m.CreatedAt.After(time.Now()) || m.CreatedAt.Nanosecond()%1000 != 0 || m.CreatedAt.Location() != time.UTC {
		t.Errorf("it was created at %s", m.CreatedAt)
	}
	_, got := w.page(user, room, "")
	if want := "[" + string(sent.Body) + "]"; string(got.Body) != want {
		t.Errorf("the timeline is\n%s, want\n%s", got.Body, want)
	}
	if got.Header.Get("X-Next-Cursor") != "" || got.Header.Get("Link") != "" {
		t.Errorf("the last page names a next one: %v", got.Header)
	}
}

func TestAnAcceptedMessageIsFoundByItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	sent := w.send(user, room, "where am I?")
	w.send(user, room, "") // refused
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	var lines []map[string]string
	for _, line := range w.log.accepted {
		if line["room_id"] == room.String() {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	line := lines[0]
	log := records(t, w.brokers)
	i := slices.IndexFunc(log, func(r bus.Record) bool { return r.Key == room.String() })
	if i < 0 {
		t.Fatal("the log has no record of the room")
	}
	for key, want := range map[string]string{
		"message_id": message(t, sent.Body).ID.String(), "epoch": "0",
		"partition": strconv.Itoa(int(log[i].Partition)), "offset": strconv.FormatInt(log[i].Offset, 10),
		"trace_id": sent.Header.Get("X-Trace-Id"),
	} {
		if line[key] != want {
			t.Errorf("%s is %q, want %q", key, line[key], want)
		}
	}
}

func TestTheLogHasTheEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	m := w.mustSend(user, room, strings.Repeat("long ", 20))
	for _, record := range records(t, w.brokers) {
		if record.Key != room.String() {
			continue
		}
		eventstest.Conforms(t, record.Headers, record.Value)
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		posted, ok := event.Data.(events.MessagePosted)
		if !ok || event.Source != "/ism/messages" || !event.Time.Equal(m.CreatedAt.Time) {
			t.Fatalf("the event is %+v", event)
		}
		if posted.Message.ID != m.ID || string(posted.Message.Body) != string(m.Body) || !posted.Message.CreatedAt.Equal(m.CreatedAt.Time) {
			t.Errorf("its message is %+v, want %+v", posted.Message, m)
		}
		if want := (wire.Preview{Type: "Text", SenderUsername: tokenName, Text: strings.Repeat("long ", 8) + "..."}); posted.Preview != want {
			t.Errorf("its preview is %+v, want %+v", posted.Preview, want)
		}
		if len(posted.Users) != 2 || !slices.Contains(posted.Users, user) || posted.Version != 1 {
			t.Errorf("its audience is %+v, want the two who have joined", posted.Audience)
		}
		return
	}
	t.Error("the log has no record of the room")
}

func TestWalkByCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var sent []wire.Message
	for i := range 60 {
		sent = append(sent, w.mustSend(user, room, fmt.Sprintf("message %d", i)))
	}
	slices.Reverse(sent)
	for _, limit := range []int{0, 1, 7, 20, 59, 60, 61, 100} {
		var walked []wire.Message
		query, size := "", limit
		if size == 0 {
			size = 25
		} else {
			query = fmt.Sprintf("?limit=%d", limit)
		}
		for {
			page, got := w.page(user, room, query)
			walked = append(walked, page...)
			next, linked := linked(t, got, "next")
			if more := len(walked) < len(sent); more != linked || more && len(page) != size {
				t.Fatalf("after %d messages a page of %d has %d and the link %q", len(walked), size, len(page), next)
			}
			if !linked {
				break
			}
			query = next
		}
		sameMessages(t, walked, sent)
	}
}

func TestWalkByTimestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var sent []wire.Message
	for i := range 60 {
		sent = append(sent, w.mustSend(user, room, fmt.Sprintf("message %d", i)))
	}
	slices.Reverse(sent)
	at := time.Now().Add(time.Hour)
	var walked []wire.Message
	for {
		page, got := w.page(user, room, "?timestamp="+url.QueryEscape(at.Format(time.RFC3339Nano)))
		if got.Status != http.StatusOK {
			t.Fatalf("page: %s", got)
		}
		if walked = append(walked, page...); len(page) < 25 {
			break
		}
		at = page[len(page)-1].CreatedAt.Time
	}
	sameMessages(t, walked, sent)
	// Between two messages, and in the middle of a microsecond.
	finer := sent[10].CreatedAt.Add(500 * time.Nanosecond).Format(time.RFC3339Nano)
	page, _ := w.page(user, room, "?limit=5&timestamp="+url.QueryEscape(finer))
	sameMessages(t, page, sent[10:15])
}

func sameMessages(t *testing.T, got, want []wire.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("there are %d messages, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID || string(got[i].Body) != string(want[i].Body) || !got[i].CreatedAt.Equal(want[i].CreatedAt.Time) {
			t.Fatalf("message %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// Many at once: nothing is lost or there twice, no two have the same time, and the timeline has the order of the log.
func TestManySendAtOnce(t *testing.T) {
	t.Parallel()
	const senders, each = 20, 25
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		sent = map[uuid.UUID]time.Time{}
	)
	for s := range senders {
		all.Go(func() {
			for i := range each {
				got := w.send(user, room, fmt.Sprintf("%d of %d", i, s))
				if got.Status != http.StatusOK {
					t.Errorf("send: %s", got)
					return
				}
				m := message(t, got.Body)
				mu.Lock()
				sent[m.ID] = m.CreatedAt.Time
				mu.Unlock()
			}
		})
	}
	all.Wait()
	timeline := w.timeline(user, room)
	if len(timeline) != senders*each || len(sent) != senders*each {
		t.Fatalf("%d messages were acknowledged and %d are in the timeline, want %d", len(sent), len(timeline), senders*each)
	}
	times := map[time.Time]bool{}
	for _, m := range timeline {
		if at, ok := sent[m.ID]; !ok || !at.Equal(m.CreatedAt.Time) || times[at] {
			t.Fatalf("message %s of %s was acknowledged with %s", m.ID, m.CreatedAt, at)
		}
		times[m.CreatedAt.Time] = true
	}
	slices.Reverse(timeline)
	sameMessages(t, inLog(t, w, room), timeline)
	for i := 1; i < len(timeline); i++ {
		if !timeline[i].CreatedAt.After(timeline[i-1].CreatedAt.Time) || timeline[i].Position <= timeline[i-1].Position {
			t.Fatalf("message %d is of %s at %s, the one before of %s at %s", i, timeline[i].CreatedAt, timeline[i].Position, timeline[i-1].CreatedAt, timeline[i-1].Position)
		}
	}
}

// inLog gives a room's messages as the log has them, the oldest first.
func inLog(t *testing.T, w *world, room uuid.UUID) []wire.Message {
	t.Helper()
	var found []wire.Message
	for _, posted := range w.posted(room) {
		found = append(found, posted.Message)
	}
	return found
}
