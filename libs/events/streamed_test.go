package events_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

func posted(text string, users ...uuid.UUID) events.Event {
	event := samples()["message.posted.v1"]
	data := event.Data.(events.MessagePosted)
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		panic(err)
	}
	data.Message.Body, data.Preview, data.Audience = body, wire.TextPreview("alice", text), events.Audience{Users: users, Version: 7}
	if len(users) == 0 {
		data.Audience = events.Audience{Version: 7, WholeRoom: true}
	}
	event.Data = data
	return event
}

func open(t testing.TB, event events.Event) (events.Envelope, bool) {
	t.Helper()
	headers, value, err := events.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	return events.OpenEnvelope(event.Data.PartitionKey(), headers, value)
}

// What an edge passes on unread must be what it would have made of the decoded event.
func TestEnvelopeSaysWhatTheDecodedEventSays(t *testing.T) {
	for name, event := range map[string]events.Event{
		"two":      posted("Soup?", alice, bob),
		"alone":    posted("Soup?", alice),
		"braces":   posted(`}],"audience":["`, alice, bob),
		"lines":    posted("a\nb\r\u2028", alice),
		"all":      posted("Soup?"),
		"a sample": samples()["message.posted.v1"],
	} {
		t.Run(name, func(t *testing.T) {
			envelope, ok := open(t, event)
			if !ok {
				t.Fatal("it has no envelope")
			}
			data := event.Data.(events.MessagePosted)
			if envelope.ID != event.ID || !envelope.At.Equal(event.Time) || envelope.RoomID != data.RoomID || !reflect.DeepEqual(envelope.Audience, data.Audience) {
				t.Errorf("envelope %+v of %+v", envelope, event)
			}
			made, err := events.StreamEvents(event, data.Users)
			if err != nil || len(made) != 1 || !bytes.Equal(made[0].Data, envelope.AppendPayload(nil)) {
				t.Errorf("passed on %s, made %+v, %v", envelope.AppendPayload(nil), made, err)
			}
			var chat wire.ChatMessage
			if err := json.Unmarshal(envelope.AppendPayload(nil), &chat); err != nil || chat.Type != "ChatMessage" || chat.Message.ID != data.Message.ID {
				t.Errorf("clients see %+v, %v", chat, err)
			}
		})
	}
}

// An edge that cannot read an envelope decodes the event, so a wrong one must never be taken for a right one.
func TestEnvelopeThatIsNoneIsRefused(t *testing.T) {
	event := posted("Soup?", alice, bob)
	headers, value, err := events.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, text string) map[string]string {
		changed := maps.Clone(headers)
		changed[name] = text
		return changed
	}
	without := func(old, replacement string) []byte {
		return []byte(strings.Replace(string(value), old, replacement, 1))
	}
	key := room.String()
	for name, c := range map[string]struct {
		key     string
		headers map[string]string
		value   []byte
	}{
		"no header":          {key, with(events.HeaderPayload, ""), value},
		"not a number":       {key, with(events.HeaderPayload, "x"), value},
		"negative":           {key, with(events.HeaderPayload, "-1"), value},
		"beyond the value":   {key, with(events.HeaderPayload, "1000000"), value},
		"elsewhere":          {key, with(events.HeaderPayload, "7"), value},
		"no room":            {"7", headers, value},
		"no id":              {key, with(events.HeaderID, "7"), value},
		"no time":            {key, with("ce_time", "yesterday"), value},
		"version 0":          {key, headers, without(`"membershipVersion":7`, `"membershipVersion":0`)},
		"audience is empty":  {key, headers, without(fmt.Sprintf(`["%s","%s"]`, alice, bob), `[]`)},
		"audience is cut":    {key, headers, value[:len(value)-250]},
		"user is none":       {key, headers, without(bob.String(), strings.Repeat("x", 36))},
		"on several lines":   {key, headers, without(`{"text"`, "{\n\"text"[:7])},
		"laid out otherwise": {key, headers, without(`,"membershipVersion"`, `, "membershipVersion"`)},
	} {
		if envelope, ok := events.OpenEnvelope(c.key, c.headers, c.value); ok {
			t.Errorf("%s: %+v", name, envelope)
		}
	}
}

func TestSingleRoomsAreSeenFromEachSide(t *testing.T) {
	event := samples()["room.created.v1"]
	data := event.Data.(events.RoomCreated)
	toAll, err := events.StreamEvents(event, data.Users)
	if err != nil || len(toAll) != 1 || len(toAll[0].To) != 2 {
		t.Errorf("a group's creation is seen as %v, %v", toAll, err)
	}
	data.Room.Type, data.Room.Name = wire.Single, nil
	event.Data = data
	each, err := events.StreamEvents(event, data.Users)
	if err != nil || len(each) != 2 {
		t.Fatalf("a Single room's creation is seen as %v, %v", each, err)
	}
	for i, name := range []string{"bob", "alice"} {
		var seen wire.NewRoom
		if err := json.Unmarshal(each[i].Data, &seen); err != nil || seen.Type != "NewRoom" || seen.Room.Name == nil || *seen.Room.Name != name {
			t.Errorf("%s sees %s, %v", each[i].To, each[i].Data, err)
		}
	}
}

// The reader learns how much is unread, the others up to where it has read, unless nobody may know or the room is large.
func TestAReadMarkIsSeenFromEachSide(t *testing.T) {
	mark := samples()["room.read.v1"]
	with := func(change func(data *events.RoomRead)) events.Event {
		changed := mark
		data := mark.Data.(events.RoomRead)
		change(&data)
		changed.Data = data
		return changed
	}
	large := with(func(data *events.RoomRead) { data.Audience = events.WholeRoom(7) })
	for name, c := range map[string]struct {
		event events.Event
		now   []uuid.UUID // who is in the room by now
		want  map[string][]uuid.UUID
	}{
		"for all":            {mark, []uuid.UUID{alice, bob}, map[string][]uuid.UUID{"UnreadChanged": {bob}, "UserReadChat": {alice}}},
		"in private":         {with(func(data *events.RoomRead) { data.MessageID = nil }), []uuid.UUID{alice, bob}, map[string][]uuid.UUID{"UnreadChanged": {bob}}},
		"by who has left":    {mark, []uuid.UUID{alice}, map[string][]uuid.UUID{"UserReadChat": {alice}}},
		"in a large room":    {large, nil, map[string][]uuid.UUID{"UnreadChanged": {bob}}},
		"of an older build":  {with(func(data *events.RoomRead) { data.UnreadCount, data.MessageID = nil, nil }), []uuid.UUID{alice, bob}, map[string][]uuid.UUID{}},
		"alone in the group": {mark, []uuid.UUID{bob}, map[string][]uuid.UUID{"UnreadChanged": {bob}}},
	} {
		seen, err := events.StreamEvents(c.event, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]uuid.UUID{}
		for _, one := range seen {
			var event struct {
				Type, RoomID, UserID, MessageID, UnreadAsOf string
				UnreadCount                                 *int
			}
			if err := json.Unmarshal(one.Data, &event); err != nil {
				t.Fatal(err)
			}
			got[event.Type] = one.To
			switch event.Type {
			case "UnreadChanged":
				if event.UnreadCount == nil || *event.UnreadCount != 0 || event.UnreadAsOf != "1022a" || event.RoomID != room.String() {
					t.Errorf("%s: %s", name, one.Data)
				}
			case "UserReadChat":
				if event.UserID != bob.String() || event.MessageID != mark.Data.(events.RoomRead).MessageID.String() {
					t.Errorf("%s: %s", name, one.Data)
				}
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: seen as %v, want %v", name, got, c.want)
		}
	}
}

// Whichever way an edge takes, clients see the position of a message, in its last field; and the room of who joins counts from there.
func TestClientsSeeThePositionOfAMessage(t *testing.T) {
	event := posted("Soup?", alice, bob)
	event.Position = "1022a"
	envelope, ok := open(t, event)
	if !ok {
		t.Fatal("it has no envelope")
	}
	envelope.Position = "1022a"
	made, err := events.StreamEvents(event, []uuid.UUID{alice})
	if err != nil || len(made) != 1 || !bytes.Equal(made[0].Data, envelope.AppendPayload(nil)) || !bytes.HasSuffix(made[0].Data, []byte(`,"position":"1022a"}`)) {
		t.Errorf("passed on %s, made %+v, %v", envelope.AppendPayload(nil), made, err)
	}
	left := samples()["membership.changed.v1"]
	left.Position = "1022b"
	seen, err := events.StreamEvents(left, []uuid.UUID{alice})
	if err != nil || len(seen) != 2 || !bytes.HasSuffix(seen[0].Data, []byte(`,"position":"1022b"}`)) {
		t.Errorf("who leaves is seen as %+v, %v", seen, err)
	}
	joined := left
	data := left.Data.(events.MembershipChanged)
	data.Change, data.Room = wire.Join, &wire.Room{ID: room, Type: wire.Group, UnreadAsOf: "10210"}
	joined.Data = data
	if seen, err = events.StreamEvents(joined, []uuid.UUID{alice, bob}); err != nil || len(seen) != 2 || !bytes.Contains(seen[1].Data, []byte(`"unreadAsOf":"1022b"`)) {
		t.Errorf("who joins sees %+v, %v", seen, err)
	}
	if data.Room.UnreadAsOf != "10210" {
		t.Error("the event itself was changed")
	}
}

func TestAUserSeesWhatABackendSays(t *testing.T) {
	event := samples()["notification.sent.v1"]
	without := event
	without.Data = events.NotificationSent{UserID: alice, Message: json.RawMessage(`{"order":17,"state":"sent"}`)}
	for end, event := range map[string]events.Event{`,"expiresAt":"2026-11-23T13:30:45.123456Z"}`: event, `}`: without} {
		seen, err := events.StreamEvents(event, []uuid.UUID{alice})
		want := `{"type":"SystemMessage","notificationId":"` + event.ID.String() + `","message":{"order":17,"state":"sent"},"createdAt":"2026-11-23T12:30:45.123456Z"` + end
		if err != nil || len(seen) != 1 || !slices.Equal(seen[0].To, []uuid.UUID{alice}) || string(seen[0].Data) != want {
			t.Errorf("seen is %+v, %v", seen, err)
		}
	}
}

func TestAnUploaderSeesWhatBecomesOfAMedium(t *testing.T) {
	event := samples()["media.changed.v1"]
	seen, err := events.StreamEvents(event, []uuid.UUID{event.Data.(events.UserEvent).ForUser()})
	want := `{"type":"MediaChanged","mediaId":"07000000-0000-0000-0000-000000000000","roomId":"` + room.String() + `","state":"ready","fileName":"cat.jpg",` +
		`"mimeType":"image/jpeg","size":123456,"width":4000,"height":3000,"variants":["256","1024"],"createdAt":"2026-11-23T12:30:45.123456Z"}`
	if err != nil || len(seen) != 1 || !slices.Equal(seen[0].To, []uuid.UUID{alice}) || string(seen[0].Data) != want {
		t.Errorf("seen is %+v, %v", seen, err)
	}
}

func TestAMediumsChangeWithoutWhatReadersRelyOnIsRefused(t *testing.T) {
	good := samples()["media.changed.v1"].Data.(events.MediaChanged)
	for name, spoil := range map[string]func(e *events.MediaChanged){
		"mediaId":    func(e *events.MediaChanged) { e.MediaID = uuid.Nil },
		"roomId":     func(e *events.MediaChanged) { e.RoomID = uuid.Nil },
		"uploaderId": func(e *events.MediaChanged) { e.UploaderID = uuid.Nil },
		"purpose":    func(e *events.MediaChanged) { e.Purpose = "" },
		"state":      func(e *events.MediaChanged) { e.State = "elsewhere" },
		"size":       func(e *events.MediaChanged) { e.Size = -1 },
		"changedAt":  func(e *events.MediaChanged) { e.ChangedAt = wire.Time{} },
	} {
		bad := good
		spoil(&bad)
		if _, _, err := events.Encode(events.New("/ism/media", at, bad)); !errors.Is(err, events.ErrMalformed) || !strings.Contains(err.Error(), name) {
			t.Errorf("without a proper %s: %v", name, err)
		}
	}
}

func TestANotificationExpires(t *testing.T) {
	sent := samples()["notification.sent.v1"].Data.(events.NotificationSent)
	end := sent.ExpiresAt.Time
	if sent.Expired(end.Add(-time.Microsecond)) || !sent.Expired(end) || (events.NotificationSent{}).Expired(end) {
		t.Error("it does not expire at its end, or without one")
	}
}

func TestFriendsSeeWhoAskedAndWhoAccepted(t *testing.T) {
	for name, want := range map[string]string{
		"friend.requested.v1": `"type":"FriendRequestReceived","fromUser":{"id":"` + bob.String() + `","displayName":"bob"`,
		"friend.accepted.v1":  `"type":"FriendRequestAccepted","fromUser":{"id":"` + alice.String() + `","displayName":"alice"`,
	} {
		event := samples()[name]
		to := event.Data.(events.UserEvent).ForUser()
		seen, err := events.StreamEvents(event, []uuid.UUID{to})
		if err != nil || len(seen) != 1 || len(seen[0].To) != 1 || seen[0].To[0] != to || !strings.Contains(string(seen[0].Data), want) ||
			!strings.Contains(string(seen[0].Data), `"createdAt":"2026-11-23T12:30:45.123456Z"`) || strings.Contains(string(seen[0].Data), "acme") {
			t.Errorf("%s is seen as %+v, %v", name, seen, err)
		}
	}
}

// Who is in the room learns what has happened, who has joined gets the room, who is in it no longer is told to leave it.
func TestAChangeOfMembersIsSeenFromEachSide(t *testing.T) {
	left := samples()["membership.changed.v1"]
	joined, ended := left, left
	data := left.Data.(events.MembershipChanged)
	data.Change, data.Member.Status, data.Room = wire.Join, wire.Joined, &wire.Room{ID: room, Type: wire.Group}
	data.Users = []uuid.UUID{alice, bob}
	joined.Data = data
	data = left.Data.(events.MembershipChanged)
	data.Ended, data.Users, data.Removed = true, nil, []uuid.UUID{alice}
	ended.Data = data
	for name, c := range map[string]struct {
		event events.Event
		now   []uuid.UUID // who is in the room by now
		want  map[string][]uuid.UUID
	}{
		"bob leaves":                            {left, []uuid.UUID{alice}, map[string][]uuid.UUID{"RoomChangeEvent": {alice}, "LeaveRoom": {bob}}},
		"bob leaves, and is back":               {left, []uuid.UUID{alice, bob}, map[string][]uuid.UUID{"RoomChangeEvent": {alice}}},
		"bob joins":                             {joined, []uuid.UUID{alice, bob}, map[string][]uuid.UUID{"RoomChangeEvent": {alice}, "NewRoom": {bob}}},
		"bob joins, and is gone":                {joined, []uuid.UUID{alice}, map[string][]uuid.UUID{"RoomChangeEvent": {alice}}},
		"bob leaves a Single room":              {ended, nil, map[string][]uuid.UUID{"LeaveRoom": {bob, alice}}},
		"bob leaves a Single room, a record on": {ended, []uuid.UUID{}, map[string][]uuid.UUID{"LeaveRoom": {bob, alice}}},
	} {
		if _, _, err := events.Encode(c.event); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen, err := events.StreamEvents(c.event, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]uuid.UUID{}
		for _, one := range seen {
			var event struct {
				Type string `json:"type"`
			}
			if err := json.Unmarshal(one.Data, &event); err != nil {
				t.Fatal(err)
			}
			got[event.Type] = one.To
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: seen as %v, want %v", name, got, c.want)
		}
	}
}

// A record of a large room names nobody, however many see it.
func TestALargeRoomIsSeenByItsMembers(t *testing.T) {
	whole, gone := events.WholeRoom(7), samples()["membership.changed.v1"]
	data := gone.Data.(events.MembershipChanged)
	data.Audience = whole
	gone.Data = data
	came := gone
	data.Change, data.Room = wire.Join, &wire.Room{ID: room, Type: wire.Group}
	came.Data = data
	for name, c := range map[string]struct {
		event events.Event
		want  []events.StreamEvent // without their data
	}{
		"a message":  {posted("Soup?"), []events.StreamEvent{{MembersAsOf: 7}}},
		"who leaves": {gone, []events.StreamEvent{{MembersAsOf: 7}, {To: []uuid.UUID{bob}}}},
		"who joins":  {came, []events.StreamEvent{{MembersAsOf: 6}, {To: []uuid.UUID{bob}}}},
		"the others": {samples()["members.joined.v1"], []events.StreamEvent{{To: []uuid.UUID{bob}}}},
	} {
		seen, err := events.StreamEvents(c.event, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			seen[i].Data = nil
		}
		if !reflect.DeepEqual(seen, c.want) {
			t.Errorf("%s: seen as %+v, want %+v", name, seen, c.want)
		}
		if _, value, err := events.Encode(c.event); err != nil || len(value) > 2000 {
			t.Errorf("%s: %d bytes, %v", name, len(value), err)
		}
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	headers, value, err := events.Encode(posted("Soup?", alice, bob))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(headers[events.HeaderPayload], value)
	f.Add("1", []byte(`{,"membershipVersion":1,"audience":[`))
	f.Add("1", []byte(`{,"membershipVersion":1,"audience":[""]`))
	f.Fuzz(func(t *testing.T, payload string, value []byte) {
		changed := maps.Clone(headers)
		changed[events.HeaderPayload] = payload
		if envelope, ok := events.OpenEnvelope(room.String(), changed, value); ok && (len(envelope.Audience.Users) == 0 || envelope.Audience.Version < 1) {
			t.Errorf("%q is read as %+v", value, envelope)
		}
	})
}

func BenchmarkOpenEnvelope(b *testing.B) {
	var users []uuid.UUID
	for range 10 {
		users = append(users, uuid.New())
	}
	headers, value, err := events.Encode(posted("Soup?", users...))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := events.OpenEnvelope(room.String(), headers, value); !ok {
			b.Fatal("no envelope")
		}
	}
}
