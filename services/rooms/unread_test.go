package rooms_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

func (d *deployment) room(t *testing.T, u user, room uuid.UUID, query string) (seen wire.Room) {
	t.Helper()
	d.get(t, u, "/api/rooms/"+room.String()+query, &seen)
	return seen
}

func (d *deployment) mark(t *testing.T, u user, room uuid.UUID, body string) {
	t.Helper()
	if got := d.post(t, u, "/api/rooms/"+room.String()+"/mark-read", body); got.Status != http.StatusOK || len(got.Body) != 0 {
		t.Errorf("mark-read with %s: %d %s", body, got.Status, got.Body)
	}
}

// caughtUp is a room as it is when all that the log has is taken. That is waited for, however long a busy machine takes.
func (d *deployment) caughtUp(t *testing.T, u user, room uuid.UUID) (seen wire.Room) {
	t.Helper()
	servicetest.Await(t, "the rooms have caught up", func() bool {
		got := d.call(t, d.Public, u, request{method: http.MethodGet, path: "/api/rooms/" + room.String() + "?caughtUp=true"})
		if got.Status != http.StatusOK {
			return false
		}
		got.Decode(t, &seen)
		return true
	})
	return seen
}

// markAll marks all that the log has.
func (d *deployment) markAll(t *testing.T, u user, room uuid.UUID) {
	t.Helper()
	d.caughtUp(t, u, room)
	d.mark(t, u, room, "")
}

// unreadIsCounted marks at once what has just been written: the lists are behind the log, and the mark must not be.
func unreadIsCounted(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Group", "", alice, bob)).ID
	if seen := d.room(t, bob, room, ""); !seen.Unread || seen.UnreadCount != 0 || seen.UnreadAsOf != "" {
		t.Errorf("a new room is %+v", seen)
	}
	// A mark waits some seconds for the lists, which a busy machine may exceed. Without that wait none of these would come in time.
	const tries, enough = 30, 3
	inTime := 0
	for try := 0; try < tries && inTime < enough; try++ {
		at := d.postMessage(t, room, "Soup?", alice, bob)
		d.mark(t, bob, room, "")
		if seen := d.room(t, bob, room, ""); !seen.Unread && seen.UnreadCount == 0 && seen.LatestMessage.Equal(at) {
			inTime++
		}
	}
	if inTime < enough {
		t.Errorf("of %d marks that were made at once only %d had what was there", tries, inTime)
	}
	d.markAll(t, bob, room)
	for range 3 {
		at := d.postMessage(t, room, "Salad?", alice, bob)
		if seen := d.caughtUp(t, bob, room); !seen.Unread || seen.UnreadCount != 1 || !seen.LatestMessage.Equal(at) {
			t.Errorf("caught up it is %+v, its message of %s", seen, at)
		}
		d.markAll(t, bob, room)
	}
	d.postMessage(t, room, "Soup?", alice, bob)
	first := d.caughtUp(t, bob, room).UnreadAsOf
	d.postMessage(t, room, "Salad?", alice, bob)
	d.postMessage(t, room, "Bread?", alice, bob)
	d.mark(t, bob, room, `{"position":"`+first+`"}`)
	if seen := d.caughtUp(t, bob, room); seen.UnreadCount != 2 || seen.UnreadAsOf <= first {
		t.Errorf("up to %q marked it is %+v", first, seen)
	}
	d.markAll(t, bob, room)
	d.mark(t, bob, room, `{"position":"`+first+`","unread":true}`)
	if seen := d.room(t, bob, room, ""); seen.UnreadCount != 3 {
		t.Errorf("from %q on marked as unread it is %+v", first, seen)
	}
	var totals struct{ UnreadRooms, UnreadMessages int }
	d.get(t, bob, "/api/rooms/unread", &totals)
	if totals.UnreadRooms != 1 || totals.UnreadMessages != 3 {
		t.Errorf("in all is unread %+v", totals)
	}
	var told events.UnreadAnswer
	d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: "/internal/users/" + bob.id.String() + "/unread"}).Decode(t, &told)
	if told != (events.UnreadAnswer{UserID: bob.id, Rooms: 1, Messages: 3}) {
		t.Errorf("notifications is told %+v", told)
	}
	d.get(t, alice, "/api/rooms/unread", &totals)
	if totals.UnreadRooms != 0 || totals.UnreadMessages != 0 {
		t.Errorf("for the sender is unread %+v", totals)
	}
	servicetest.Await(t, "what is told of the last mark", func() bool {
		reads := d.reads(t, room)
		return len(reads) > 0 && *reads[len(reads)-1].UnreadCount == 3
	})
}

// reads are the read marks that the log has of a room.
func (d *deployment) reads(t *testing.T, room uuid.UUID) (reads []events.RoomRead) {
	t.Helper()
	for _, record := range d.recordsOf(t, room) {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if read, ok := event.Data.(events.RoomRead); ok {
			reads = append(reads, read)
		}
	}
	return reads
}

func badMarks(t *testing.T, d *deployment) {
	alice, bob, eve := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "eve")
	room := d.create(t, alice, newRoom("Group", "", alice, bob)).ID
	foreign := d.create(t, alice, newRoom("Group", "", alice, eve)).ID
	d.postMessage(t, room, "Soup?", alice, bob)
	d.postMessage(t, foreign, "Soup?", alice, eve)
	elsewhere := d.caughtUp(t, eve, foreign).UnreadAsOf
	before := d.caughtUp(t, bob, room)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"an unknown message":       {`{"messageId":"` + uuid.NewString() + `"}`, 404, "message-not-found"},
		"a message that is none":   {`{"messageId":"seven"}`, 422, "invalid-request"},
		"a number for a message":   {`{"messageId":7}`, 400, "malformed-json"},
		"a position that is none":  {`{"position":"seven"}`, 422, "invalid-request"},
		"an empty position":        {`{"position":""}`, 422, "invalid-request"},
		"a position far ahead":     {`{"position":"` + events.EndOfLog.String() + `"}`, 404, "message-not-found"},
		"both":                     {`{"position":"1010","messageId":"` + uuid.NewString() + `"}`, 422, "invalid-request"},
		"no JSON":                  {`{`, 400, "malformed-json"},
		"an array":                 {`[]`, 400, "malformed-json"},
		"unread that is no answer": {`{"unread":"yes"}`, 400, "malformed-json"},
	} {
		got := d.post(t, bob, "/api/rooms/"+room.String()+"/mark-read", c.body)
		if problem := got.Problem(t); got.Status != c.status || problem["code"] != c.code {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if elsewhere != before.UnreadAsOf { // else the two are in partitions of their own, at the same offset
		if got := d.post(t, bob, "/api/rooms/"+room.String()+"/mark-read", `{"position":"`+elsewhere+`"}`); got.Status != 404 {
			t.Errorf("a foreign position: %d %s", got.Status, got.Body)
		}
	}
	if after := d.room(t, bob, room, ""); after.UnreadCount != 1 || !after.Unread || after.UnreadAsOf != before.UnreadAsOf {
		t.Errorf("after all it is %+v, before %+v", after, before)
	}
	if got := d.post(t, eve, "/api/rooms/"+room.String()+"/mark-read", `{"unread":true}`); got.Status != 404 || got.Problem(t)["code"] != "room-not-found" {
		t.Errorf("an outsider: %d %s", got.Status, got.Body)
	}
}

func listComesInPages(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	var want []uuid.UUID
	for range 5 {
		want = append(want, d.create(t, alice, newRoom("Group", "", alice, bob)).ID)
	}
	slices.Reverse(want)
	single := d.create(t, alice, newRoom("Single", "", alice, bob)).ID
	path, pages := "/api/rooms?limit=2&type=Group", 0
	var got []uuid.UUID
	for path != "" {
		answer := d.call(t, d.Public, bob, request{method: http.MethodGet, path: path})
		var page []wire.Room
		answer.Decode(t, &page)
		for _, room := range page {
			got = append(got, room.ID)
		}
		path, pages = nextOf(t, answer.Header.Get("Link")), pages+1
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("in %d pages came %v, want %v", pages, got, want)
	}
	d.mark(t, bob, want[1], "")
	d.mark(t, bob, single, "")
	var unread []wire.Room
	d.get(t, bob, "/api/rooms?unread=true", &unread)
	if len(unread) != 4 || unread[0].ID != want[0] || unread[1].ID != want[2] {
		t.Errorf("unread are %+v", unread)
	}

	first := d.call(t, d.Public, bob, request{method: http.MethodGet, path: "/api/rooms?limit=2"})
	cursor := cursorOf(t, first.Header.Get("Link"))
	for name, c := range map[string]struct {
		as     user
		query  string
		status int
		code   string
	}{
		"another's cursor":         {alice, "cursor=" + cursor, 400, "invalid-cursor"},
		"one of another list":      {bob, "unread=true&cursor=" + cursor, 400, "invalid-cursor"},
		"a made up one":            {bob, "cursor=" + strings.Repeat("A", len(cursor)), 400, "invalid-cursor"},
		"an empty one":             {bob, "cursor=", 400, "invalid-cursor"},
		"none":                     {bob, "limit=0", 422, "invalid-request"},
		"too many":                 {bob, "limit=201", 422, "invalid-request"},
		"a limit that is none":     {bob, "limit=all", 422, "invalid-request"},
		"an unknown type":          {bob, "type=Crowd", 422, "invalid-request"},
		"unread that is no answer": {bob, "unread=1", 422, "invalid-request"},
		"not quite caught up":      {bob, "caughtUp=yes", 422, "invalid-request"},
	} {
		got := d.call(t, d.Public, c.as, request{method: http.MethodGet, path: "/api/rooms?" + c.query})
		if problem := got.Problem(t); got.Status != c.status || problem["code"] != c.code {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}

	whole := d.call(t, d.Public, bob, request{method: http.MethodGet, path: "/api/rooms"})
	tag := whole.Header.Get("ETag")
	ask := func(tags string) int {
		t.Helper()
		again := d.call(t, d.Public, bob, request{method: http.MethodGet, path: "/api/rooms", header: map[string]string{"If-None-Match": tags}})
		if again.Status == http.StatusNotModified && (len(again.Body) != 0 || again.Header.Get("ETag") != tag) {
			t.Errorf("304 with %q and %d bytes", again.Header.Get("ETag"), len(again.Body))
		}
		return again.Status
	}
	for tags, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
		if got := ask(tags); got != want {
			t.Errorf("with the tags %s: %d, want %d", tags, got, want)
		}
	}
	d.mark(t, bob, want[0], "")
	if got := ask(tag); got != http.StatusOK {
		t.Errorf("a list that has changed: %d", got)
	}
}

// nextOf is the path of the next page, empty behind the last one.
func nextOf(t *testing.T, link string) string {
	t.Helper()
	if link == "" {
		return ""
	}
	path, rest, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || rest != `; rel="next"` {
		t.Fatalf("the link is %s", link)
	}
	return path
}

func cursorOf(t *testing.T, link string) string {
	t.Helper()
	next, err := url.Parse(nextOf(t, link))
	if err != nil || next.Query().Get("cursor") == "" {
		t.Fatalf("the link is %s, %v", link, err)
	}
	return url.QueryEscape(next.Query().Get("cursor"))
}

func receiptsArePrivate(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Group", "", alice, bob)).ID
	const path = "/api/users/me/settings"
	type settings struct {
		ReadReceipts *bool `json:"readReceipts"`
	}
	var got settings
	if d.get(t, bob, path, &got); got.ReadReceipts == nil || !*got.ReadReceipts {
		t.Errorf("without having decided: %+v", got)
	}
	put := func(body string) int {
		t.Helper()
		return d.call(t, d.Public, bob, request{method: http.MethodPut, path: path, contentType: "application/json", body: body}).Status
	}
	for body, want := range map[string]int{`{}`: 422, `{"readReceipts":null}`: 422, `{"readReceipts":"no"}`: 400, ``: 400} {
		if status := put(body); status != want {
			t.Errorf("%s: %d, want %d", body, status, want)
		}
	}
	told := func(want int) events.RoomRead {
		t.Helper()
		d.postMessage(t, room, "Soup?", alice, bob)
		d.markAll(t, bob, room)
		var reads []events.RoomRead
		servicetest.Await(t, "what is told of the mark", func() bool {
			reads = d.reads(t, room)
			return len(reads) == want
		})
		return reads[want-1]
	}
	if read := told(1); read.MessageID == nil || *read.UnreadCount != 0 || time.Since(read.ReadAt.Time) > time.Hour {
		t.Errorf("told is %+v", read)
	}
	if status := put(`{"readReceipts":false}`); status != http.StatusOK {
		t.Fatalf("it cannot be set: %d", status)
	}
	if d.get(t, bob, path, &got); *got.ReadReceipts {
		t.Error("it was not set")
	}
	if read := told(2); read.MessageID != nil {
		t.Errorf("in private is told %+v", read)
	}
}
