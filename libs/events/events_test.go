package events_test

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/wire"
)

var update = flag.Bool("update", false, "write the golden records anew")

var (
	room  = uuid.MustParse("0192d3a0-0000-7000-8000-000000000001")
	alice = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	bob   = uuid.MustParse("0192d3a0-0000-7000-8000-00000000000b")
	at    = time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC)
)

// samples has one event of every type, the same as the golden records.
func samples() map[string]events.Event {
	picture, group := "https://example.com/bob.png", "Lunch"
	read, none, upTo := wire.At(at.Add(time.Second)), 0, uuid.UUID{0: 2}
	preview, now, expires, hour := wire.NewRoomPreview(), wire.At(at), wire.At(at.AddDate(0, 0, 90)), wire.At(at.Add(time.Hour))
	audience := events.Audience{Users: []uuid.UUID{alice, bob}, Version: 1}
	event := func(n byte, source string, data events.Data) events.Event {
		return events.Event{ID: uuid.UUID{0: 1, 15: n}, Source: source, Time: at, Data: data}
	}
	const digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	return map[string]events.Event{
		"ticket.issued.v1": event(5, "/ism/realtime", events.TicketIssued{
			Digest: digest, UserID: alice, ExpiresAt: wire.At(at.Add(30 * time.Second)), TokenExpiresAt: wire.At(at.Add(time.Hour)),
			Issuer: "https://id.example.com/realms/ism", SessionID: "5d5f5b0c-8b0c-4b57-9c6e-0f2b8a3f4f11", TokenIssuedAt: &now,
		}),
		"ticket.claimed.v1":    event(6, "/ism/realtime", events.TicketClaimed{Digest: digest, UserID: alice, Claim: uuid.UUID{0: 3}}),
		"user.disconnected.v1": event(7, "/ism/realtime", events.UserDisconnected{UserID: bob}),
		"presence.changed.v1":  event(8, "/ism/realtime", events.PresenceChanged{UserID: alice, EdgeID: uuid.UUID{0: 4}, Online: true}),
		"edge.alive.v1":        event(9, "/ism/realtime", events.EdgeAlive{EdgeID: uuid.UUID{0: 4}, Until: wire.At(at.Add(30 * time.Second))}),
		"friend.requested.v1": event(10, "/ism/rooms", events.FriendRequested{
			UserID: alice, FromUser: wire.User{ID: bob, DisplayName: "bob", ProfilePicture: &picture, FriendsCount: 3}, Tenant: "acme",
		}),
		"friend.accepted.v1": event(11, "/ism/rooms", events.FriendAccepted{UserID: bob, FromUser: wire.User{ID: alice, DisplayName: "alice", FriendsCount: 1}}),
		"notification.sent.v1": event(17, "/ism/notifications", events.NotificationSent{
			UserID: alice, Message: json.RawMessage(`{"order":17,"state":"sent"}`), ExpiresAt: &hour,
		}),
		"notifications.read.v1": event(18, "/ism/notifications", events.NotificationsRead{UserID: alice, UpTo: "AQAAAAAAAAARq1TvOA", Unread: 2}),
		"media.changed.v1": event(19, "/ism/media", events.MediaChanged{
			MediaID: uuid.UUID{0: 7}, RoomID: room, UploaderID: alice, Tenant: "acme", Purpose: "message", State: wire.MediaReady, FileName: "cat.jpg",
			MimeType: "image/jpeg", Size: 123456, Width: 4000, Height: 3000, Variants: []string{"256", "1024"}, ChangedAt: wire.At(at),
		}),
		"user.deleted.v1": event(15, "/ism/rooms", events.UserDeleted{UserID: bob, ErasureID: uuid.UUID{0: 6}, Tenant: "acme"}),
		"user.erased.v1": event(16, "/ism/messages", events.UserErased{
			UserID: bob, ErasureID: uuid.UUID{0: 6}, Service: "messages", Erased: 12, FinishedAt: wire.At(at.Add(time.Minute)),
		}),
		"user.signed-out.v1": event(20, "/ism/rooms", events.UserSignedOut{
			UserID: alice, Issuer: "https://id.example.com/realms/ism", SessionID: "5d5f5b0c-8b0c-4b57-9c6e-0f2b8a3f4f11", Before: wire.At(at.Truncate(time.Second)),
		}),
		"room.created.v1": event(1, "/ism/rooms", events.RoomCreated{
			RoomID: room, CreatedBy: alice, Tenant: "acme",
			Room: wire.Room{
				ID: room, Type: wire.Group, Name: &group, CreatedAt: wire.At(at), LatestMessage: wire.At(at), Unread: true,
				LatestMessageText: &preview,
			},
			Members: []wire.Member{
				{ID: alice, DisplayName: "alice", JoinedAt: wire.At(at), LastReadAt: &read, Status: wire.Joined},
				{ID: bob, DisplayName: "bob", ProfilePicture: &picture, JoinedAt: wire.At(at), Status: wire.Joined},
			},
			Audience: audience,
		}),
		"room.read.v1": event(2, "/ism/rooms", events.RoomRead{
			RoomID: room, UserID: bob, ReadAt: wire.At(at), UnreadCount: &none, UnreadAsOf: "1022a", MessageID: &upTo, Audience: audience,
		}),
		"membership.changed.v1": event(10, "/ism/rooms", events.MembershipChanged{
			RoomID: room, Change: wire.Leave, Tenant: "acme",
			Member: wire.Member{ID: bob, DisplayName: "bob", ProfilePicture: &picture, JoinedAt: wire.At(at), Status: wire.Left},
			Message: wire.Message{
				RoomID: room, ID: uuid.UUID{0: 5}, SenderID: bob, Type: wire.RoomChange, CreatedAt: wire.At(at),
				Body: json.RawMessage(`{"type":"UserLeft","related_user":{"id":"0192d3a0-0000-7000-8000-00000000000b","displayName":"bob",` +
					`"profilePicture":"https://example.com/bob.png","joinedAt":"2026-11-23T12:30:45.123456Z","lastMessageReadAt":null,"membershipStatus":"Left"}}`),
			},
			Preview:  wire.RoomChangePreview("bob", wire.Leave),
			Audience: events.Audience{Users: []uuid.UUID{alice}, Version: 2},
		}),
		"room.changed.v1": event(13, "/ism/rooms", events.RoomChanged{
			RoomID: room, ChangedBy: &alice, Audience: audience,
			Room: wire.PublicRoom{ID: room, Type: wire.Group, Name: &group, ImageURL: &picture, CreatedAt: wire.At(at)},
		}),
		"room.ended.v1": event(14, "/ism/rooms", events.RoomEnded{
			RoomID: room, Removed: []uuid.UUID{alice, bob}, Tenant: "acme", Audience: events.Audience{Users: []uuid.UUID{}, Version: 3},
		}),
		"members.joined.v1": event(11, "/ism/rooms", events.MembersJoined{
			RoomID: room, Joined: []uuid.UUID{bob},
			Room:     wire.Room{ID: room, Type: wire.Group, CreatedAt: wire.At(at), LatestMessage: wire.At(at), Unread: true, LatestMessageText: &preview},
			Audience: events.WholeRoom(2),
		}),
		"membership.snapshot.v1": event(12, "/ism/rooms", events.MembershipSnapshot{RoomID: room, Part: events.SnapshotPart(bob), Version: 2, Users: []uuid.UUID{bob}}),
		"snapshot.removed.v1":    event(16, "/ism/rooms", events.SnapshotRemoved{RoomID: room, Part: 11}),
		"message.edited.v1": event(17, "/ism/messages", events.MessageEdited{Revision: events.Revision{
			RoomID: room,
			Message: wire.Message{
				RoomID: room, ID: uuid.UUID{0: 2}, SenderID: alice, Body: json.RawMessage(`{"text":"Soup!"}`),
				Type: wire.Text, CreatedAt: wire.At(at.Add(-time.Minute)), Position: "1022a", EditedAt: &now,
			},
			Preview: wire.TextPreview("alice", "Soup!"), Pace: 17, Expires: &expires, Audience: audience,
		}}),
		"message.deleted.v1": event(18, "/ism/messages", events.MessageDeleted{Revision: events.Revision{
			RoomID: room,
			Message: wire.Message{
				RoomID: room, ID: uuid.UUID{0: 2}, SenderID: alice, Body: json.RawMessage(`{}`),
				Type: wire.Text, CreatedAt: wire.At(at.Add(-time.Minute)), Position: "1022a", DeletedAt: &now,
			},
			Preview: wire.DeletedPreview(), Pace: 17, Audience: audience,
		}}),
		"message.posted.v1": event(3, "/ism/messages", events.MessagePosted{
			RoomID: room,
			Message: wire.Message{
				RoomID: room, ID: uuid.UUID{0: 2}, SenderID: alice, Body: json.RawMessage(`{"text":"Soup?"}`),
				Type: wire.Text, CreatedAt: wire.At(at), Mentions: []uuid.UUID{{0: 7}},
			},
			Preview:  wire.TextPreview("alice", "Soup?"),
			Pace:     17,
			Expires:  &expires,
			Audience: audience,
		}),
	}
}

func TestGoldenRecordsAreWhatIsEncodedAndDecoded(t *testing.T) {
	if *update {
		writeGolden(t)
		return // what was written is embedded by the next build
	}
	golden := eventstest.Golden(t)
	if got, want := slices.Sorted(maps.Keys(golden)), slices.Sorted(maps.Keys(samples())); !slices.Equal(got, want) {
		t.Fatalf("golden records %v, samples %v", got, want)
	}
	for name, event := range samples() {
		t.Run(name, func(t *testing.T) {
			headers, value, err := events.Encode(event)
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			want := golden[name]
			if !maps.Equal(headers, want.Headers) {
				t.Errorf("headers %v, golden %v", headers, want.Headers)
			}
			if got, want := compact(t, value), compact(t, want.Value); got != want {
				t.Errorf("value\n%s\ngolden\n%s", got, want)
			}
			if event.Data.PartitionKey() != want.Key {
				t.Errorf("key %q, golden %q", event.Data.PartitionKey(), want.Key)
			}
			decoded, err := events.Decode(want.Headers, want.Value)
			if err != nil {
				t.Fatalf("decode golden record: %v", err)
			}
			decoded = normalize(t, decoded)
			if !reflect.DeepEqual(decoded, normalize(t, event)) {
				t.Errorf("decoded\n%+v\nwant\n%+v", decoded, event)
			}
		})
	}
}

// normalize lays raw JSON out alike on both sides of a comparison.
func normalize(t *testing.T, event events.Event) events.Event {
	t.Helper()
	switch data := event.Data.(type) {
	case events.MessagePosted:
		data.Message.Body = json.RawMessage(compact(t, data.Message.Body))
		event.Data = data
	case events.MessageEdited:
		data.Message.Body = json.RawMessage(compact(t, data.Message.Body))
		event.Data = data
	case events.MembershipChanged:
		data.Message.Body = json.RawMessage(compact(t, data.Message.Body))
		event.Data = data
	case events.NotificationSent:
		data.Message = json.RawMessage(compact(t, data.Message))
		event.Data = data
	}
	return event
}

func writeGolden(t *testing.T) {
	t.Helper()
	for name, event := range samples() {
		headers, value, err := events.Encode(event)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.MarshalIndent(eventstest.Record{Key: event.Data.PartitionKey(), Headers: headers, Value: value}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "golden", name+".json"), append(raw, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSchemaDocumentDescribesEveryType(t *testing.T) {
	var types []string
	for name, event := range samples() {
		types = append(types, "ism."+name)
		headers, value, err := events.Encode(event)
		if err != nil {
			t.Fatalf("encode %s: %v", name, err)
		}
		eventstest.Conforms(t, headers, value)
	}
	slices.Sort(types)
	if described := slices.Sorted(slices.Values(eventstest.Types(t))); !slices.Equal(described, types) {
		t.Errorf("described %v, in code %v", described, types)
	}
}

// A kind of event that readers of memberships did not see would leave them with an old audience.
func TestEveryEventOfARoomTellsRoomAndAudience(t *testing.T) {
	for name, event := range samples() {
		inRoom, ok := event.Data.(events.RoomEvent)
		if ok != (event.Data.Topic() == events.TopicRooms) {
			t.Errorf("%s is on %s and is an event of a room: %v", name, event.Data.Topic(), ok)
		}
		if ok && (inRoom.InRoom().String() != event.Data.PartitionKey() || inRoom.SeenBy().Version < 1 || len(inRoom.SeenBy().Users) < 1 && !inRoom.SeenBy().WholeRoom && name != "room.ended.v1") {
			t.Errorf("%s is in room %s, seen by %+v", name, inRoom.InRoom(), inRoom.SeenBy())
		}
	}
}

// What is of a user's log goes to that user alone, whatever it is.
func TestEveryEventOfAUserTellsTheUser(t *testing.T) {
	for name, event := range samples() {
		ofUser, ok := event.Data.(events.UserEvent)
		if ok != slices.Contains([]string{events.TopicUsers, events.TopicNotifications, events.TopicMedia}, event.Data.Topic()) {
			t.Errorf("%s is on %s and is an event of a user: %v", name, event.Data.Topic(), ok)
		}
		if ok && ofUser.ForUser().String() != event.Data.PartitionKey() {
			t.Errorf("%s is for %s, its key is %s", name, ofUser.ForUser(), event.Data.PartitionKey())
		}
	}
}

// An issuer may name a session alone: its events keep their order, and stand under no user's key.
func TestSignOutOfASessionAloneHasAKeyOfItsOwn(t *testing.T) {
	session := events.UserSignedOut{Issuer: "https://id.example.com", SessionID: "s-1", Before: wire.At(at)}
	if _, _, err := events.Encode(events.New("/ism/rooms", at, session)); err != nil {
		t.Fatal(err)
	}
	other := session
	other.SessionID = "s-2"
	key, err := uuid.Parse(session.PartitionKey())
	if err != nil || key == uuid.Nil || session.ForUser() != uuid.Nil || other.PartitionKey() == session.PartitionKey() {
		t.Errorf("keys %s, %s: %v; for %s", session.PartitionKey(), other.PartitionKey(), err, session.ForUser())
	}
	session.UserID = alice
	if session.PartitionKey() != alice.String() {
		t.Errorf("key %s of %s", session.PartitionKey(), alice)
	}
	for name, bad := range map[string]events.UserSignedOut{
		"nobody":                {Before: wire.At(at)},
		"no issuer":             {SessionID: "s-1", Before: wire.At(at)},
		"an issuer, no session": {UserID: alice, Issuer: "https://id.example.com", Before: wire.At(at)},
		"no time":               {UserID: alice},
		"a long session":        {Issuer: "i", SessionID: strings.Repeat("s", events.MaxSessionID+1), Before: wire.At(at)},
	} {
		if _, _, err := events.Encode(events.New("/ism/rooms", at, bad)); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeToleratesWhatIsNewer(t *testing.T) {
	golden := eventstest.Golden(t)["message.posted.v1"]
	headers := maps.Clone(golden.Headers)
	headers["ce_dataschema"] = "urn:ism:events:message.posted:1.7"
	headers["ce_newattribute"] = "x"
	value := []byte(strings.Replace(string(golden.Value), "{", `{"reactions":[{"emoji":"🥣"}],`, 1))
	event, err := events.Decode(headers, value)
	if err != nil {
		t.Fatalf("decode a newer minor version: %v", err)
	}
	if event.Data.(events.MessagePosted).Message.SenderID != alice {
		t.Error("known fields were lost")
	}
}

func TestDecodeTellsForeignFromMalformed(t *testing.T) {
	golden := eventstest.Golden(t)["message.posted.v1"]
	with := func(header, text string) map[string]string {
		headers := maps.Clone(golden.Headers)
		headers[header] = text
		return headers
	}
	cases := map[string]struct {
		headers map[string]string
		value   string
		want    error
	}{
		"another's type":        {with("ce_type", "com.example.order"), `{}`, events.ErrUnknownType},
		"a type of tomorrow":    {with("ce_type", "ism.message.reacted.v1"), `{}`, events.ErrUnknownType},
		"an unread major":       {with("ce_type", "ism.message.posted.v2"), string(golden.Value), events.ErrMalformed},
		"no CloudEvent":         {nil, string(golden.Value), events.ErrMalformed},
		"specversion 2.0":       {with("ce_specversion", "2.0"), string(golden.Value), events.ErrMalformed},
		"id that is no UUID":    {with("ce_id", "7"), string(golden.Value), events.ErrMalformed},
		"time that is none":     {with("ce_time", "yesterday"), string(golden.Value), events.ErrMalformed},
		"value that is no JSON": {golden.Headers, `{"roomId":`, events.ErrMalformed},
		"wrong type of a field": {golden.Headers, `{"roomId":7}`, events.ErrMalformed},
		"nothing in it":         {golden.Headers, `{}`, events.ErrMalformed},
		"no audience":           {golden.Headers, strings.Replace(string(golden.Value), `"audience"`, `"public"`, 1), events.ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := events.Decode(c.headers, []byte(c.value)); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func TestEncodeRefusesWhatReadersCouldNotUse(t *testing.T) {
	for name, event := range samples() {
		event.Data = reflect.Zero(reflect.TypeOf(event.Data)).Interface().(events.Data)
		if _, _, err := events.Encode(event); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: an empty event gave %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for name := range samples() {
		f.Add("ism."+name, []byte(`{}`))
	}
	f.Add("ism.message.posted.v1", []byte(`{"roomId":null,"audience":[null]}`))
	f.Fuzz(func(t *testing.T, eventType string, value []byte) {
		headers := map[string]string{
			"ce_specversion": "1.0", "ce_type": eventType, "ce_id": room.String(), "ce_time": "2026-01-01T00:00:00Z",
		}
		event, err := events.Decode(headers, value)
		if err != nil {
			return
		}
		if _, _, err := events.Encode(event); err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
	})
}

func compact(t *testing.T, raw []byte) string {
	t.Helper()
	if len(raw) == 0 { // of a tombstone
		raw = []byte("null")
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
