package notifications_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/store"
)

// backends are the stores that inboxes are tested on.
func backends() map[string]func(testing.TB, *telemetry.Telemetry) store.Store {
	return map[string]func(testing.TB, *telemetry.Telemetry) store.Store{"sqlite": onSQLite, "postgres": onPostgres}
}

// as asks as a user.
func (w *world) as(user uuid.UUID, method, path, body string) nodetest.Answer {
	w.tb.Helper()
	return w.post(map[string]any{"azp": "web", "sub": user.String()}, path, body, method)
}

// inbox is a page of a user's inbox.
func (w *world) inbox(user uuid.UUID, query string) ([]wire.InboxEntry, http.Header) {
	w.tb.Helper()
	answer := w.as(user, http.MethodGet, "/api/notifications"+query, "")
	var entries []wire.InboxEntry
	if err := json.Unmarshal(answer.Body, &entries); err != nil || answer.Status != http.StatusOK {
		w.tb.Fatalf("the inbox%s: %s, %v", query, answer, err)
	}
	return entries, answer.Header
}

// append writes events as other services do.
func (w *world) append(happened ...events.Event) {
	w.tb.Helper()
	appender, err := w.kafka.NewAppender(bus.AppenderConfig{Topics: []string{events.TopicRooms, events.TopicUsers, events.TopicNotifications, events.TopicOnline}, Timeout: servicetest.Timeout})
	if err != nil {
		w.tb.Fatal(err)
	}
	stop := servicetest.Run(w.tb, "appender", appender.Run)
	defer stop()
	servicetest.AwaitSuccess(w.tb, "the appender", func() error { return appender.Ready(w.tb.Context()) })
	for _, event := range happened {
		headers, value, err := events.Encode(event)
		if err != nil {
			w.tb.Fatal(err)
		}
		record := bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Headers: headers, Value: value}
		if _, err := appender.Append(w.tb.Context(), record); err != nil {
			w.tb.Fatal(err)
		}
	}
}

func (w *world) awaitInbox(user uuid.UUID, n int) []wire.InboxEntry {
	w.tb.Helper()
	var entries []wire.InboxEntry
	servicetest.Await(w.tb, fmt.Sprintf("%d in the inbox", n), func() bool {
		entries, _ = w.inbox(user, "?direction=newer")
		return len(entries) >= n
	})
	if len(entries) != n {
		w.tb.Fatalf("the inbox has %d, want %d", len(entries), n)
	}
	return entries
}

// typesOf are the types of entries, and what tells them apart.
func typesOf(tb testing.TB, entries []wire.InboxEntry) (types []string) {
	tb.Helper()
	for _, entry := range entries {
		var event struct {
			Type    string         `json:"type"`
			Message map[string]int `json:"message"`
		}
		if err := json.Unmarshal(entry.Event, &event); err != nil {
			tb.Fatal(err)
		}
		if event.Message != nil {
			event.Type += fmt.Sprint(event.Message["n"])
		}
		types = append(types, event.Type)
	}
	return types
}

func event(data events.Data) events.Event { return events.New("/ism/test", time.Now(), data) }

func TestAnInboxHasWhatHappenedToAUser(t *testing.T) {
	t.Parallel()
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open)
			alice, bob, room := uuid.New(), uuid.New(), uuid.New()
			members := []wire.Member{{ID: alice, DisplayName: "alice"}, {ID: bob, DisplayName: "bob"}}
			both := events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1}
			message := wire.Message{RoomID: room, ID: uuid.New(), SenderID: bob, Type: wire.Text, Body: json.RawMessage(`{"text":"Soup?"}`), CreatedAt: wire.At(time.Now())}
			gone := events.Audience{Users: []uuid.UUID{bob}, Version: 2}
			change, err := json.Marshal(wire.RoomChangeBody{Type: "UserLeft", RelatedUser: members[0]})
			if err != nil {
				t.Fatal(err)
			}
			leaving := message
			leaving.ID, leaving.SenderID, leaving.Type, leaving.Body = uuid.New(), alice, wire.RoomChange, change
			w.append(
				event(events.FriendRequested{UserID: alice, FromUser: wire.User{ID: bob, DisplayName: "bob"}}),
				event(events.RoomCreated{RoomID: room, CreatedBy: bob, Room: wire.Room{ID: room, Type: wire.Group, Name: ptr("Soup"), Unread: true, CreatedAt: wire.At(time.Now())}, Members: members, Audience: both}),
				event(events.MessagePosted{RoomID: room, Message: message, Preview: wire.TextPreview("bob", "Soup?"), Audience: both}),
				event(events.MembershipChanged{RoomID: room, Change: wire.Leave, Member: members[0], Message: leaving, Preview: wire.RoomChangePreview("alice", wire.Leave), Audience: gone}),
			)
			w.awaitInbox(alice, 3) // so that the next one is the fourth, whichever log is read first
			told := w.notified(w.notify(`{"toUser":"` + alice.String() + `","type":"SystemMessage","message":{"n":7}}`))
			entries := w.awaitInbox(alice, 4)
			types := typesOf(t, entries)
			if slices.Sort(types[:3]); !slices.Equal(types, []string{"FriendRequestReceived", "LeaveRoom", "NewRoom", "SystemMessage7"}) {
				t.Errorf("the inbox has %v", types)
			}
			if entries[3].ID != told[0].ID || strings.Count(string(entries[3].Event), `"notificationId"`) < 1 {
				t.Errorf("the notification is %s", entries[3].Event)
			}
			if types := typesOf(t, w.awaitInbox(bob, 1)); types[0] != "NewRoom" { // a message, and that others leave, is for timelines
				t.Errorf("the other's inbox has %v", types)
			}
			if old := w.as(alice, http.MethodGet, "/api/notify?direction=newer", ""); old.Status != http.StatusOK || !strings.HasPrefix(string(old.Body), `[{"type":`) {
				t.Errorf("by the name of the ISM wire: %s", old)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestAnInboxIsReadFromAPointOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := uuid.New()
	if entries, header := w.inbox(user, "?timestamp=2020-01-01T00:00:00Z"); len(entries) != 0 || header.Get(httpapi.HeaderNextCursor) == "" {
		t.Errorf("a new inbox has %v, %v", entries, header)
	}
	begin := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	var happened []events.Event
	for n := range 5 {
		happened = append(happened, events.New("/ism/test", begin.Add(time.Duration(n)*time.Minute), events.NotificationSent{
			UserID: user, Message: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)),
		}))
	}
	w.append(happened...)
	w.awaitInbox(user, 5)
	page := func(query string, want ...string) http.Header {
		t.Helper()
		entries, header := w.inbox(user, query)
		if types := typesOf(t, entries); !slices.Equal(types, want) {
			t.Errorf("%s: %v, want %v", query, types, want)
		}
		return header
	}
	named := func(ns ...int) (types []string) {
		for _, n := range ns {
			types = append(types, fmt.Sprint("SystemMessage", n))
		}
		return types
	}
	at := url.QueryEscape(begin.Add(time.Minute).Format(time.RFC3339))
	header := page("?limit=2&timestamp="+at, named(2, 3)...)
	header = page("?limit=2&cursor="+header.Get(httpapi.HeaderNextCursor), named(4)...)
	end := header.Get(httpapi.HeaderNextCursor)
	page("?cursor="+end, []string{}...)
	page("?timestamp=9999-01-01T00:00:00Z")
	header = page("?limit=3", named(4, 3, 2)...)
	if got := header.Get(httpapi.HeaderPreviousCursor); got != end {
		t.Errorf("the newest page goes on with %q, want %q", got, end)
	}
	header = page("?limit=3&direction=older&cursor="+header.Get(httpapi.HeaderNextCursor), named(1, 0)...)
	if got := header.Get(httpapi.HeaderNextCursor); got != "" {
		t.Errorf("behind the oldest there is %q", got)
	}
	w.append(event(events.NotificationSent{UserID: user, Message: json.RawMessage(`{"n":5}`)}))
	w.awaitInbox(user, 6)
	page("?cursor="+end, named(5)...)
}

func TestReadMarksAreToldToAllDevices(t *testing.T) {
	t.Parallel()
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, open)
			user := uuid.New()
			unread := func(answer nodetest.Answer) int {
				t.Helper()
				var left wire.UnreadNotifications
				if err := json.Unmarshal(answer.Body, &left); err != nil || answer.Status != http.StatusOK {
					t.Fatalf("%s, %v", answer, err)
				}
				return left.Unread
			}
			count := func() int { t.Helper(); return unread(w.as(user, http.MethodGet, "/api/notifications/unread", "")) }
			if count() != 0 {
				t.Errorf("of a new inbox %d are unread", count())
			}
			var happened []events.Event
			for n := range 4 {
				happened = append(happened, event(events.NotificationSent{UserID: user, Message: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}))
			}
			w.append(happened...)
			entries := w.awaitInbox(user, 4)
			read := func(body string) int {
				t.Helper()
				return unread(w.as(user, http.MethodPost, "/api/notifications/read", body))
			}
			if left := read(`{"upTo":"` + entries[1].Cursor + `"}`); left != 2 || count() != 2 {
				t.Errorf("%d are left, %d are counted", left, count())
			}
			if left := read(`{"notificationIds":["` + entries[3].ID.String() + `"]}`); left != 1 || count() != 1 {
				t.Errorf("%d are left, %d are counted", left, count())
			}
			var marks []bool
			for _, entry := range w.awaitInbox(user, 4) {
				marks = append(marks, entry.Read)
			}
			if !slices.Equal(marks, []bool{true, true, false, true}) {
				t.Errorf("read are %v", marks)
			}
			var told []events.NotificationsRead
			for _, event := range w.log() {
				if data, ok := event.Data.(events.NotificationsRead); ok {
					told = append(told, data)
				}
			}
			if len(told) != 2 || told[0].UpTo != entries[1].Cursor || told[0].Unread != 2 || !slices.Equal(told[1].IDs, []uuid.UUID{entries[3].ID}) || told[1].Unread != 1 {
				t.Errorf("told is %+v", told)
			}
		})
	}
}

func TestADeletedUserHasNoInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, erasure := uuid.New(), uuid.New()
	w.append(event(events.NotificationSent{UserID: user, Message: json.RawMessage(`{"n":1}`)}))
	w.awaitInbox(user, 1)
	w.append(event(events.UserDeleted{UserID: user, ErasureID: erasure}))
	servicetest.Await(t, "the inbox is empty", func() bool { entries, _ := w.inbox(user, ""); return len(entries) == 0 })
	var receipts []events.UserErased
	servicetest.Await(t, "the receipt", func() bool {
		receipts = nil
		for _, event := range w.events(events.TopicUsers) {
			if erased, ok := event.Data.(events.UserErased); ok {
				receipts = append(receipts, erased)
			}
		}
		return len(receipts) > 0
	})
	if got := receipts[0]; len(receipts) != 1 || got.UserID != user || got.ErasureID != erasure || got.Service != "notifications" || got.Erased != 1 {
		t.Errorf("the receipts are %+v", receipts)
	}
}

func TestBadQuestionsOfInboxesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := uuid.New()
	_, header := w.inbox(uuid.New(), "")
	foreign := header.Get(httpapi.HeaderPreviousCursor)
	many := `{"notificationIds":["` + strings.Repeat(uuid.NewString()+`","`, 100) + uuid.NewString() + `"]}`
	for name, c := range map[string]struct{ method, path, body, want string }{
		"a foreign cursor":       {http.MethodGet, "/api/notifications?cursor=" + foreign, "", "400 invalid-cursor"},
		"no cursor":              {http.MethodGet, "/api/notifications?cursor=", "", "400 invalid-cursor"},
		"half a cursor":          {http.MethodGet, "/api/notify?cursor=AQAA", "", "400 invalid-cursor"},
		"no time":                {http.MethodGet, "/api/notify?timestamp=yesterday", "", "400 invalid-timestamp"},
		"both":                   {http.MethodGet, "/api/notify?timestamp=2026-01-01T00:00:00Z&cursor=" + foreign, "", "422 invalid-request"},
		"another direction":      {http.MethodGet, "/api/notifications?direction=up", "", "422 invalid-request"},
		"a limit of 0":           {http.MethodGet, "/api/notifications?limit=0", "", "422 invalid-request"},
		"a limit of 10,000":      {http.MethodGet, "/api/notifications?limit=10000", "", "422 invalid-request"},
		"nothing is read":        {http.MethodPost, "/api/notifications/read", `{}`, "422 invalid-request"},
		"no ids":                 {http.MethodPost, "/api/notifications/read", `{"notificationIds":[]}`, "422 invalid-request"},
		"too many ids":           {http.MethodPost, "/api/notifications/read", many, "422 invalid-request"},
		"an id that is none":     {http.MethodPost, "/api/notifications/read", `{"notificationIds":[null]}`, "422 invalid-request"},
		"up to a foreign cursor": {http.MethodPost, "/api/notifications/read", `{"upTo":"` + foreign + `"}`, "400 invalid-cursor"},
		"no JSON":                {http.MethodPost, "/api/notifications/read", `{`, "400 malformed-json"},
	} {
		if got := w.as(user, c.method, c.path, c.body); fmt.Sprintf("%d %s", got.Status, got.Code()) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := w.post(nil, "/api/notifications", "", http.MethodGet); got.Status != http.StatusUnauthorized {
		t.Errorf("without a token: %s", got)
	}
}
