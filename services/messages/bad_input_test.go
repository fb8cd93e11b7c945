package messages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
)

func TestBadSendsAreRefusedAndLeaveNoTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	foreign, _ := w.newRoom()
	text := func(text string) string {
		return fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"%s"}}`, room, text)
	}
	in := func(room string) string {
		return fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"hello"}}`, room)
	}
	kind := func(kind, body string) string {
		return fmt.Sprintf(`{"chatRoomId":%q,"msgType":%q,"msgBody":%s}`, room, kind, body)
	}
	client := kafkaClient(t, w.brokers)
	w.caughtUp(client)
	w.store.written()
	before := length(t, client)
	for _, test := range []struct {
		name, body string
		status     int
		code       string
		detail     string // is in the answer
	}{
		{"4,001 characters", text(strings.Repeat("a", 4001)), 422, "invalid-request", "4000"},
		{"4,001 characters of four bytes", text(strings.Repeat("🤗", 4001)), 422, "invalid-request", "4000"},
		{"empty text", text(""), 422, "invalid-request", "text"},
		{"blank text", text(` \t\n\r`), 422, "invalid-request", "text"},
		{"blank text of other scripts", text("\u3000\u00a0\u2003\u2029"), 422, "invalid-request", "text"},
		{"NUL", text(`a\u0000b`), 422, "invalid-request", "NUL"},
		{"NUL in an unknown field", strings.Replace(in(room.String()), "{", `{"x":"\u0000",`, 1), 422, "invalid-request", "NUL"},
		{"raw NUL", text("a\x00b"), 400, "malformed-json", ""},
		{"invalid UTF-8", text("a\xff\xfeb"), 400, "malformed-json", "UTF-8"},
		{"a half surrogate in UTF-8", text("\xed\xa0\x80"), 400, "malformed-json", "UTF-8"},
		{"no JSON", "hello", 400, "malformed-json", ""},
		{"empty body", "", 400, "malformed-json", ""},
		{"half a body", in(room.String())[:40], 400, "malformed-json", ""},
		{"two bodies", in(room.String()) + in(room.String()), 400, "malformed-json", ""},
		{"an array", "[]", 400, "malformed-json", ""},
		{"a string", `"hello"`, 400, "malformed-json", ""},
		{"null", "null", 422, "invalid-request", "chatRoomId"},
		{"an empty object", "{}", 422, "invalid-request", "chatRoomId"},
		{"the same key twice", strings.Replace(in(room.String()), "{", `{"msgType":"Text",`, 1), 400, "malformed-json", "twice"},
		{"the same key twice inside", kind("Text", `{"text":"a","text":"b"}`), 400, "malformed-json", "twice"},
		{"the same key twice in another case", kind("Text", `{"text":"a","TEXT":"b"}`), 400, "malformed-json", "twice"},
		{"nested deep", strings.Repeat(`{"a":`, 10_000), 400, "malformed-json", ""},
		{"a number for the text", kind("Text", `{"text":7}`), 400, "malformed-json", "text"},
		{"an array for the body", kind("Text", `[]`), 400, "malformed-json", "msgBody"},
		{"a string for the body", kind("Text", `"hello"`), 400, "malformed-json", "msgBody"},
		{"null for the body", kind("Text", `null`), 422, "invalid-request", "msgBody"},
		{"null for the text", kind("Text", `{"text":null}`), 422, "invalid-request", "text"},
		{"no text", kind("Text", `{}`), 422, "invalid-request", "text"},
		{"a number for the room", `{"chatRoomId":1,"msgType":"Text","msgBody":{"text":"a"}}`, 400, "malformed-json", "chatRoomId"},
		{"a number for the type", fmt.Sprintf(`{"chatRoomId":%q,"msgType":1,"msgBody":{"text":"a"}}`, room), 400, "malformed-json", "msgType"},
		{"no room", `{"msgType":"Text","msgBody":{"text":"a"}}`, 422, "invalid-request", "chatRoomId"},
		{"no type", fmt.Sprintf(`{"chatRoomId":%q,"msgBody":{"text":"a"}}`, room), 422, "invalid-request", "msgType"},
		{"no body", fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text"}`, room), 422, "invalid-request", "msgBody"},
		{"media without an address", kind("Media", `{"mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media with an empty address", kind("Media", `{"mediaUrl":"","mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media with an address of 251 characters", kind("Media", `{"mediaUrl":"https://x/`+strings.Repeat("y", 241)+`","mediaType":"image"}`), 422, "invalid-request", "250"},
		{"media with a script for an address", kind("Media", `{"mediaUrl":"javascript:alert(1)","mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media of a file", kind("Media", `{"mediaUrl":"file:///etc/passwd","mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media at no host", kind("Media", `{"mediaUrl":"https:///y.png","mediaType":"image"}`), 422, "invalid-request", "host"},
		{"media at a path", kind("Media", `{"mediaUrl":"y.png","mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media with a line break in its address", kind("Media", `{"mediaUrl":"https://x/\ny","mediaType":"image"}`), 422, "invalid-request", "mediaUrl"},
		{"media of no type", kind("Media", `{"mediaUrl":"https://x/y.png"}`), 422, "invalid-request", "mediaType"},
		{"media of a type of 81 characters", kind("Media", `{"mediaUrl":"https://x/y.png","mediaType":"`+strings.Repeat("ä", 81)+`"}`), 422, "invalid-request", "80"},
		{"media with no MIME type for one", kind("Media", `{"mediaUrl":"https://x/y.png","mediaType":"image","mimeType":"a b"}`), 422, "invalid-request", "mimeType"},
		{"media with 1,001 characters in its place", kind("Media", `{"mediaUrl":"https://x/y.png","mediaType":"image","altText":"`+strings.Repeat("ä", 1001)+`"}`), 422, "invalid-request", "1000"},
		{"media with a number for its address", kind("Media", `{"mediaUrl":7,"mediaType":"image"}`), 400, "malformed-json", "msgBody.mediaUrl"},
		{"media with the body of a text", kind("Media", `{"text":"a"}`), 422, "invalid-request", "mediaUrl"},
		{"a reply to nothing", kind("Reply", `{"replyText":"y"}`), 422, "invalid-request", "replyMsgId"},
		{"a reply to no UUID", kind("Reply", `{"replyMsgId":"x","replyText":"y"}`), 422, "invalid-request", "replyMsgId"},
		{"a reply without a text", kind("Reply", `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001"}`), 422, "invalid-request", "replyText"},
		{"a blank reply", kind("Reply", `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyText":" "}`), 422, "invalid-request", "replyText"},
		{"a reply of 4,001 characters", kind("Reply", `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyText":"`+strings.Repeat("🤗", 4001)+`"}`), 422, "invalid-request", "4000"},
		{"a reply to a time that is none", kind("Reply", `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyCreatedAt":"now","replyText":"y"}`), 422, "invalid-request", "replyCreatedAt"},
		{"a reply to what is not there", kind("Reply", `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyText":"y"}`), 422, "quoted-message-not-found", ""},
		{"a reply to what has just been made up", kind("Reply", `{"replyMsgId":"`+uuid.Must(uuid.NewV7()).String()+`","replyText":"y"}`), 422, "quoted-message-not-found", ""},
		{"a user's system message", kind("SystemMessage", `{"text":"a"}`), 403, "forbidden", "backend"},
		{"what only the server writes", kind("RoomChange", `{"type":"UserJoined"}`), 422, "unsupported-message-type", "Text"},
		{"an unknown type", kind("Carrier pigeon", `{"text":"a"}`), 422, "invalid-request", "Text"},
		{"the type in another case", kind("text", `{"text":"a"}`), 422, "invalid-request", "msgType"},
		{"no UUID for the room", in("the kitchen"), 422, "invalid-request", "chatRoomId"},
		{"a UUID without hyphens", in(strings.ReplaceAll(room.String(), "-", "")), 422, "invalid-request", "chatRoomId"},
		{"a UUID in braces", in("{" + room.String() + "}"), 422, "invalid-request", "chatRoomId"},
		{"an unknown room", in(uuid.NewString()), 404, "room-not-found", ""},
		{"a foreign room", in(foreign.String()), 404, "room-not-found", ""},
		{"the nil room", in(uuid.Nil.String()), 404, "room-not-found", ""},
		{"over the limit", text(strings.Repeat("a", 70_000)), 413, "body-too-large", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(test.body))
			if got.Status != test.status || got.Code() != test.code || !strings.Contains(string(got.Body), test.detail) {
				t.Errorf("the answer is %s, want %d %s with %q", got, test.status, test.code, test.detail)
			}
			if kind := got.Header.Get("Content-Type"); kind != "application/problem+json" {
				t.Errorf("its content type is %q", kind)
			}
		})
	}
	t.Run("without a body type", func(t *testing.T) {
		for _, kind := range []string{"text/plain", "application/xml", "multipart/form-data", "application/jsonp", ""} {
			got := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(in(room.String())), "Content-Type", kind)
			if got.Status != http.StatusUnsupportedMediaType || got.Code() != "unsupported-media-type" {
				t.Errorf("%q: %s", kind, got)
			}
		}
	})
	t.Run("without a token", func(t *testing.T) {
		got := w.do(uuid.Nil, http.MethodPost, "/api/send-msg", strings.NewReader(in(room.String())))
		if got.Status != http.StatusUnauthorized || got.Code() != "unauthorized" || got.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s", got)
		}
	})
	t.Run("by another method", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			got := w.do(user, method, "/api/send-msg", strings.NewReader(in(room.String())))
			if got.Status != http.StatusMethodNotAllowed || got.Code() != "method-not-allowed" || got.Header.Get("Allow") != http.MethodPost {
				t.Errorf("%s: %s, Allow: %s", method, got, got.Header.Get("Allow"))
			}
		}
	})
	if after := length(t, client); after != before {
		t.Errorf("the log has grown by %d records", after-before)
	}
	if n := w.store.written(); n != 0 {
		t.Errorf("%d messages were written to timelines", n)
	}
	if lines := w.log.taken(); len(lines) > 0 {
		t.Errorf("logged as errors: %q", lines)
	}
}

func TestWhatIsJustAllowedIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	for _, text := range []string{
		"a", " a ", strings.Repeat("a", 4000), strings.Repeat("\u3042", 4000), strings.Repeat("🤗", 4000),
		"\u200b", "\u0001", `\u0000 spelled out`, "line\nline", "\u202eright to left", "🏳️‍🌈",
	} {
		m := w.mustSend(user, room, text)
		page, _ := w.page(user, room, "?limit=1")
		if len(page) != 1 || page[0].ID != m.ID || string(page[0].Body) != string(m.Body) {
			t.Errorf("%.20q does not come back: %+v", text, page)
		}
	}
	// Unknown fields belong to newer clients.
	body := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"a","mood":{"a":[1,2]}},"clientMsgId":"x"}`, strings.ToUpper(room.String()))
	if got := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(body), "Content-Type", "application/json; charset=utf-8"); got.Status != http.StatusOK {
		t.Errorf("with unknown fields: %s", got)
	}
}

func TestBadPagesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	foreign, _ := w.newRoom()
	here := w.mustSend(user, room, "hello")
	elsewhere, other := w.newRoomOf(user), w.rooms.other(room, user)
	there := w.mustSend(user, elsewhere, "hello")
	in := func(room uuid.UUID) string { return "/api/rooms/" + room.String() + "/timeline" }
	cursorOf := func(user uuid.UUID) string {
		_, got := w.page(user, room, "?around="+here.ID.String()+"&limit=1")
		if got.Header.Get("X-Next-Cursor") != "" {
			t.Fatalf("behind the only message: %s", got)
		}
		_, got = w.page(user, room, "?timestamp=9999-12-31T23:59:59Z")
		return got.Header.Get("X-Previous-Cursor")
	}
	own, othersCursor := cursorOf(user), cursorOf(other)
	for _, test := range []struct {
		name, path string
		status     int
		code       string
	}{
		{"an unknown room", in(uuid.New()), 404, "room-not-found"},
		{"a foreign room", in(foreign), 404, "room-not-found"},
		{"no UUID", "/api/rooms/kitchen/timeline", 400, "invalid-id"},
		{"a UUID without hyphens", "/api/rooms/" + strings.ReplaceAll(room.String(), "-", "") + "/timeline", 400, "invalid-id"},
		{"a UUID with a NUL", "/api/rooms/" + room.String()[:35] + "%00/timeline", 400, "invalid-id"},
		{"a foreign cursor", in(room) + "?cursor=next", 400, "invalid-cursor"},
		{"an empty cursor", in(room) + "?cursor=", 400, "invalid-cursor"},
		{"a cursor with a NUL", in(room) + "?cursor=AQAAAAAAAAAAAAAAA%00", 400, "invalid-cursor"},
		{"a cursor that nobody has signed", in(room) + "?cursor=AQAAAAAAAAAAAAAAAA", 400, "invalid-cursor"},
		{"a cursor with another's signature", in(room) + "?cursor=" + othersCursor, 400, "invalid-cursor"},
		{"a cursor of another room", in(elsewhere) + "?cursor=" + own, 400, "invalid-cursor"},
		{"a cursor of another position", in(room) + "?cursor=" + own[:12] + "B" + own[13:], 400, "invalid-cursor"},
		{"no direction", in(room) + "?direction=", 422, "invalid-request"},
		{"an unknown direction", in(room) + "?direction=up", 422, "invalid-request"},
		{"around no message", in(room) + "?around=", 422, "invalid-request"},
		{"around what is no id", in(room) + "?around=hello", 422, "invalid-request"},
		{"around nothing", in(room) + "?around=00000000-0000-0000-0000-000000000000", 422, "invalid-request"},
		{"around an unknown message", in(room) + "?around=" + uuid.NewString(), 404, "message-not-found"},
		{"around another room's message", in(room) + "?around=" + there.ID.String(), 404, "message-not-found"},
		{"around, one way", in(room) + "?direction=older&around=" + here.ID.String(), 422, "invalid-request"},
		{"around and a time", in(room) + "?timestamp=2026-11-23T12:30:45Z&around=" + here.ID.String(), 422, "invalid-request"},
		{"around and a cursor", in(room) + "?cursor=" + own + "&around=" + here.ID.String(), 422, "invalid-request"},
		{"no time", in(room) + "?timestamp=yesterday", 400, "invalid-timestamp"},
		{"an empty time", in(room) + "?timestamp=", 400, "invalid-timestamp"},
		{"a time without a zone", in(room) + "?timestamp=2026-11-23T12:30:45", 400, "invalid-timestamp"},
		{"a time with an unescaped plus", in(room) + "?timestamp=2026-11-23T12:30:45+00:00", 400, "invalid-timestamp"},
		{"no message", in(room) + "?limit=0", 422, "invalid-request"},
		{"too many messages", in(room) + "?limit=101", 422, "invalid-request"},
		{"less than none", in(room) + "?limit=-1", 422, "invalid-request"},
		{"some messages", in(room) + "?limit=some", 422, "invalid-request"},
		{"a huge limit", in(room) + "?limit=99999999999999999999", 422, "invalid-request"},
		{"cursor and time", in(room) + "?cursor=AQAAAAAAAAAAAAAAAA&timestamp=2026-11-23T12:30:45Z", 422, "invalid-request"},
		{"invalid UTF-8", in(room) + "?timestamp=%ff%fe", 400, "invalid-timestamp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.do(user, http.MethodGet, test.path, nil)
			if got.Status != test.status || got.Code() != test.code {
				t.Errorf("the answer is %s, want %d %s", got, test.status, test.code)
			}
		})
	}
	// What is out of any message's reach is still a position and a time.
	for _, query := range []string{"?cursor=" + own, "?direction=newer&cursor=" + own, "?timestamp=0001-01-01T00:00:00Z", "?timestamp=0000-01-01T00:00:00Z", "?timestamp=1970-01-01T00:00:00Z"} {
		if page, got := w.page(user, room, query); got.Status != http.StatusOK || len(page) != 0 {
			t.Errorf("%s: %s", query, got)
		}
	}
	for _, query := range []string{"?timestamp=9999-12-31T23:59:59Z", "?timestamp=" + url.QueryEscape("9999-12-31T23:59:59+00:00"), "?other=1"} {
		if page, got := w.page(user, room, query); got.Status != http.StatusOK || len(page) != 1 {
			t.Errorf("%s: %s", query, got)
		}
	}
	if got := w.do(user, http.MethodPost, in(room), strings.NewReader("{}")); got.Status != http.StatusMethodNotAllowed || !strings.Contains(got.Header.Get("Allow"), "GET") {
		t.Errorf("POST: %s, Allow: %s", got, got.Header.Get("Allow"))
	}
	if got := w.do(uuid.Nil, http.MethodGet, in(room), nil); got.Status != http.StatusUnauthorized {
		t.Errorf("without a token: %s", got)
	}
	if lines := w.log.taken(); len(lines) > 0 {
		t.Errorf("logged as errors: %q", lines)
	}
}

// A foreign room and an unknown one must not be told apart, by nothing in the answer.
func TestForeignAndUnknownRoomsAnswerTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	foreign, _ := w.newRoom()
	user := uuid.New()
	for _, ask := range []func(room uuid.UUID) nodetest.Answer{
		func(room uuid.UUID) nodetest.Answer { return w.send(user, room, "hello") },
		func(room uuid.UUID) nodetest.Answer {
			return w.do(user, http.MethodGet, "/api/rooms/"+room.String()+"/timeline", nil)
		},
	} {
		inForeign, inUnknown := ask(foreign), ask(uuid.New())
		for _, got := range []nodetest.Answer{inForeign, inUnknown} {
			if got.Status != http.StatusNotFound || got.Code() != "room-not-found" {
				t.Errorf("the answer is %s", got)
			}
		}
		if len(inForeign.Header) != len(inUnknown.Header) {
			t.Errorf("the headers differ: %v and %v", inForeign.Header, inUnknown.Header)
		}
	}
}
