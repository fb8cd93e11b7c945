package rooms_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms"
)

type detailed struct {
	wire.Room
	Users []wire.Member `json:"users"`
}

func TestAPI(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, open)
			for _, c := range []struct {
				name string
				test func(t *testing.T, d *deployment)
			}{
				{"a Single room from creation to read", singleRoom},
				{"a group", group},
				{"a picture that was uploaded", picture},
				{"users are as their newest token says", usersFollowTheirTokens},
				{"the list is newest first", listIsNewestFirst},
				{"messages change lists", messagesChangeLists},
				{"the log has what has been answered", logHasWhatWasAnswered},
				{"other services learn the membership", membership},
				{"outsiders cannot tell rooms apart", outsidersCannotTell},
				{"bad input is refused and writes nothing", badInput},
				{"what is unread, from a message to a mark", unreadIsCounted},
				{"marks that name what is not there are refused", badMarks},
				{"the list comes in pages, with tags", listComesInPages},
				{"a user keeps to itself what it has read", receiptsArePrivate},
				{"members come, go and come back", membersChange},
				{"a Single room ends for both", singleRoomEnds},
				{"a backend administrates rooms", backendAdministratesRooms},
				{"users are exported", usersAreExported},
				{"a backend lists rooms in pages", backendListsRoomsInPages},
				{"one of many racing creations wins", racingCreations},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, d) })
			}
			if lines := d.log.Errors(); len(lines) != 0 {
				t.Errorf("logged at error level: %s", lines)
			}
		})
	}
}

func (d *deployment) create(t *testing.T, u user, body string) wire.Room {
	t.Helper()
	var room wire.Room
	d.post(t, u, "/api/rooms/create-room", body).Decode(t, &room)
	return room
}

func singleRoom(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	before := time.Now().Truncate(time.Microsecond)
	room := d.create(t, alice, newRoom("Single", "passed over", alice, bob))
	preview := wire.NewRoomPreview()
	if room.Type != wire.Single || room.Name == nil || *room.Name != "bob" || room.ImageURL != nil || !room.Unread ||
		!reflect.DeepEqual(room.LatestMessageText, &preview) {
		t.Errorf("created %+v", room)
	}
	if room.CreatedAt.Before(before) || !room.CreatedAt.Equal(room.LatestMessage.Time) || room.CreatedAt.Nanosecond()%1000 != 0 {
		t.Errorf("created at %s, latest message %s", room.CreatedAt, room.LatestMessage)
	}
	again := d.post(t, bob, "/api/rooms/create-room", newRoom("Single", "", alice, bob))
	if problem := again.Problem(t); again.Status != http.StatusConflict || problem["code"] != "room-exists" ||
		problem["errorCode"] != "ROOM_EXISTS" || !strings.Contains(problem["detail"].(string), room.ID.String()) {
		t.Errorf("a second room of the two: %d %s", again.Status, again.Body)
	}

	var seen detailed
	d.get(t, bob, "/api/rooms/"+room.ID.String(), &seen.Room)
	if *seen.Name != "alice" || !seen.Unread {
		t.Errorf("bob sees %+v", seen)
	}
	d.get(t, bob, "/api/rooms/"+room.ID.String()+"/detailed", &seen)
	if *seen.Name != "alice" || len(seen.Users) != 2 || seen.Users[0].ID != alice.id || seen.Users[0].Status != wire.Joined {
		t.Errorf("bob sees in detail %+v", seen)
	}
	var members []wire.Member
	d.get(t, bob, "/api/rooms/"+room.ID.String()+"/users", &members)
	if !reflect.DeepEqual(members, seen.Users) || members[0].LastReadAt != nil {
		t.Errorf("members %+v", members)
	}
	if marked := d.post(t, bob, "/api/rooms/"+room.ID.String()+"/mark-read", ""); marked.Status != http.StatusOK || len(marked.Body) != 0 {
		t.Errorf("mark-read: %d %q", marked.Status, marked.Body)
	}
	d.get(t, bob, "/api/rooms/"+room.ID.String(), &seen.Room)
	if seen.Unread {
		t.Error("for bob it is still unread")
	}
	d.get(t, alice, "/api/rooms/"+room.ID.String(), &seen.Room)
	if !seen.Unread {
		t.Error("for alice it is read")
	}
	var found, none *uuid.UUID
	d.get(t, bob, "/api/rooms/search?withUser="+alice.id.String(), &found)
	d.get(t, bob, "/api/rooms/search?withUser="+bob.id.String(), &none)
	if found == nil || *found != room.ID || none != nil {
		t.Errorf("found %v and %v", found, none)
	}
}

func group(t *testing.T, d *deployment) {
	alice, bob, carol := d.seenUser(t, "alice"), d.seenUser(t, "bob"), d.seenUser(t, "carol")
	room := d.create(t, alice, newRoom("Group", strings.Repeat("ä", 100), alice, bob, carol, bob))
	if room.Type != wire.Group || *room.Name != strings.Repeat("ä", 100) {
		t.Errorf("created %+v", room)
	}
	var members []wire.Member
	d.get(t, carol, "/api/rooms/"+room.ID.String()+"/users", &members)
	if len(members) != 3 {
		t.Errorf("members %+v", members)
	}
	created := d.post(t, alice, "/api/rooms/create-room", newRoom("Group", "", alice, bob))
	var raw map[string]any
	created.Decode(t, &raw)
	for _, field := range []string{"roomName", "roomImageUrl"} {
		if value, ok := raw[field]; !ok || value != nil {
			t.Errorf("without a name %s is %v", field, value)
		}
	}
	if preview, _ := json.Marshal(raw["latestMessagePreviewText"]); string(preview) != `{"type":"New"}` {
		t.Errorf("preview %s", preview)
	}
	if at, _ := raw["createdAt"].(string); !strings.HasSuffix(at, "Z") {
		t.Errorf("createdAt %v", raw["createdAt"])
	}
}

func usersFollowTheirTokens(t *testing.T, d *deployment) {
	alice, bob := d.newUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Single", "", alice, bob)) // her first request
	name := func() (string, *string) {
		t.Helper()
		var seen wire.Room
		d.get(t, bob, "/api/rooms/"+room.ID.String(), &seen)
		return *seen.Name, seen.ImageURL
	}
	if got, picture := name(); got != "alice" || picture != nil {
		t.Errorf("alice is %q with %v", got, picture)
	}
	claims := d.issuer.Claims(alice.id, "Alice Liddell")
	claims["picture"] = "https://example.com/alice.png"
	alice.token = d.issuer.Sign(t, claims)
	d.get(t, alice, "/api/rooms", nil)
	if got, picture := name(); got != "Alice Liddell" || picture == nil || *picture != "https://example.com/alice.png" {
		t.Errorf("with a new token alice is %q with %v", got, picture)
	}
	older := d.issuer.Claims(alice.id, "alice")
	older["iat"] = claims["iat"].(int64) - 60
	d.get(t, user{id: alice.id, token: d.issuer.Sign(t, older)}, "/api/rooms", nil)
	if got, picture := name(); got != "Alice Liddell" || picture == nil {
		t.Errorf("with a token that was issued earlier alice is %q with %v again", got, picture)
	}
	nameless := d.issuer.Claims(alice.id, "")
	for _, claim := range []string{"preferred_username", "name"} {
		delete(nameless, claim)
	}
	alice.token = d.issuer.Sign(t, nameless)
	d.get(t, alice, "/api/rooms", nil)
	if got, picture := name(); got != alice.id.String()[:8] || picture != nil {
		t.Errorf("without a name alice is %q with %v", got, picture)
	}
}

func listIsNewestFirst(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	empty := d.call(t, d.Public, alice, request{method: http.MethodGet, path: "/api/rooms"})
	if string(empty.Body) != "[]" {
		t.Errorf("without rooms the list is %s", empty.Body)
	}
	var want []uuid.UUID
	for range 3 {
		want = append(want, d.create(t, alice, newRoom("Group", "", alice, bob)).ID)
	}
	slices.Reverse(want)
	if got := d.list(t, bob); !slices.EqualFunc(got, want, func(r wire.Room, id uuid.UUID) bool { return r.ID == id }) {
		t.Errorf("the list is %+v", got)
	}
}

func (d *deployment) list(t *testing.T, u user) []wire.Room {
	t.Helper()
	var list []wire.Room
	d.get(t, u, "/api/rooms", &list)
	return list
}

// postMessage has the first user send a message to the room of the users, as the messages service does. It gives the message's time.
func (d *deployment) postMessage(t *testing.T, room uuid.UUID, text string, users ...user) time.Time {
	t.Helper()
	producer, err := d.bus.NewProducer(bus.ProducerConfig{DeliveryTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close(context.Background()) // what matters has been acknowledged
	at := time.Now().UTC().Truncate(time.Microsecond)
	return d.produceMessage(t, producer, at, room, text, users...)
}

func (d *deployment) produceMessage(t *testing.T, producer *bus.Producer, at time.Time, room uuid.UUID, text string, users ...user) time.Time {
	t.Helper()
	audience := events.Audience{Version: 1}
	for _, u := range users {
		audience.Users = append(audience.Users, u.id)
	}
	headers, value, err := events.Encode(events.New("/ism/messages", at, events.MessagePosted{
		RoomID: room,
		Message: wire.Message{
			RoomID: room, ID: uuid.New(), SenderID: users[0].id, Body: []byte(`{"text":"soup"}`), Type: wire.Text, CreatedAt: wire.At(at),
		},
		Preview: wire.TextPreview(users[0].name, text), Audience: audience,
	}))
	if err != nil {
		t.Fatal(err)
	}
	record := bus.Record{Topic: events.TopicRooms, Key: room.String(), Headers: headers, Value: value, Partition: bus.PartitionAny}
	if _, err := producer.Produce(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return at
}

func messagesChangeLists(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	older := d.create(t, alice, newRoom("Group", "older", alice, bob))
	d.create(t, alice, newRoom("Group", "newer", alice, bob))
	d.post(t, bob, "/api/rooms/"+older.ID.String()+"/mark-read", "")
	text := strings.Repeat("soup ", 20)
	at := d.postMessage(t, older.ID, text, alice, bob)
	servicetest.Await(t, "the message in bob's list", func() bool { return d.list(t, bob)[0].ID == older.ID })
	want := wire.TextPreview("alice", text)
	if first := d.list(t, bob)[0]; !first.Unread || !first.LatestMessage.Equal(at) || *first.LatestMessageText != want {
		t.Errorf("bob's list begins with %+v, preview %+v", first, first.LatestMessageText)
	}
	if first := d.list(t, alice)[0]; first.Unread {
		t.Errorf("the sender's list begins with %+v", first)
	}
}

// recordsOf gives what the log has of a room.
func (d *deployment) recordsOf(t *testing.T, room uuid.UUID) (records []bus.Record) {
	t.Helper()
	for _, record := range d.readLog(t) {
		if record.Key == room.String() {
			records = append(records, record)
		}
	}
	return records
}

// logHasWhatWasAnswered reads the log once the answers are there: the events must be in it, in order.
func logHasWhatWasAnswered(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	trace := "4bf92f3577b34da6a3ce929d0e0e4736"
	r := request{
		method: http.MethodPost, path: "/api/rooms/create-room", contentType: "application/json", body: newRoom("Single", "", alice, bob),
		header: map[string]string{"Traceparent": "00-" + trace + "-00f067aa0ba902b7-01"},
	}
	var room wire.Room
	d.call(t, d.Public, alice, r).Decode(t, &room)
	if records := d.recordsOf(t, room.ID); len(records) != 1 {
		t.Fatalf("the log has %d records of the room", len(records))
	}
	r.path, r.contentType, r.body = "/api/rooms/"+room.ID.String()+"/mark-read", "", ""
	d.call(t, d.Public, bob, r)
	var records []bus.Record
	servicetest.Await(t, "what is told of the mark", func() bool {
		records = d.recordsOf(t, room.ID)
		return len(records) == 2
	})
	for _, record := range records {
		if at, ok := events.PositionOf(record.Headers, record.Offset); !ok || at.Epoch != 0 {
			t.Errorf("a record is at %+v, %t", at, ok)
		}
		headers := map[string]string{}
		for name, value := range record.Headers {
			if strings.HasPrefix(name, "ce_") || name == "content-type" {
				headers[name] = value
			}
		}
		eventstest.Conforms(t, headers, record.Value)
	}
	created, err := events.Decode(records[0].Headers, records[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	if event, ok := created.Data.(events.RoomCreated); !ok || *event.RoomFor(alice.id).Name != "bob" || *event.RoomFor(bob.id).Name != "alice" {
		t.Errorf("the first event is %+v", created)
	}
	for _, record := range records {
		if parent := record.Headers["traceparent"]; !strings.Contains(parent, trace) {
			t.Errorf("the event is not of the request's trace: %q", parent)
		}
	}
	read, err := events.Decode(records[1].Headers, records[1].Value)
	if err != nil {
		t.Fatal(err)
	}
	if event, ok := read.Data.(events.RoomRead); !ok || event.UserID != bob.id || len(event.Users) != 2 {
		t.Errorf("the second event is %+v", read)
	}
}

// readLog gives all that the log of the rooms has now.
func (d *deployment) readLog(t *testing.T) []bus.Record {
	t.Helper()
	return d.readTopic(t, events.TopicRooms)
}

func (d *deployment) readTopic(t *testing.T, topic string) []bus.Record {
	t.Helper()
	var mu sync.Mutex
	var all []bus.Record
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	caughtUp := false
	reader, err := d.bus.NewReader(bus.ReaderConfig{
		Topics: []string{topic},
		Since:  time.Now().Add(-time.Hour),
		Handler: func(_ context.Context, records []bus.Record) error {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, records...)
			return nil
		},
		MaxBatch: 100,
		CaughtUp: func() { caughtUp = true; stop() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Run(ctx); err != nil {
		t.Fatalf("read the log: %v", err)
	}
	if !caughtUp {
		t.Fatal("the log was not read to its end")
	}
	return all
}

// awaitRelayed waits until the log has what the outbox had: a request whose change is not in the log within a second is answered without it.
func (d *deployment) awaitRelayed(t *testing.T) {
	t.Helper()
	rows := make([]int64, 20_000) // no test has so many changes
	for n := range rows {
		rows[n] = int64(n) + 1
	}
	servicetest.Await(t, "the outbox is empty", func() bool {
		pending, err := d.store.Pending(t.Context(), rows)
		return err == nil && len(pending) == 0
	})
}

func membership(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Group", "", alice, bob))
	path := func(id string) string { return "/internal/rooms/" + id + "/members" }
	var told events.MembershipAnswer
	d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: path(room.ID.String())}).Decode(t, &told)
	members, err := d.service.Membership(t.Context(), room.ID)
	if err != nil || told.RoomID != room.ID || told.Version != 1 || members.RoomID != room.ID || members.Version != 1 || len(members.Users) != 2 ||
		!reflect.DeepEqual(told.Users, members.Users) || told.FormerVersion != 1 || len(told.FormerMembers) != 2 || told.FormerMembers[0] != (events.FormerAnswer{ID: alice.id, Status: wire.Joined}) {
		t.Errorf("told %+v, %+v, %v", told, members, err)
	}
	unknown := d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: path(uuid.NewString())})
	if problem := unknown.Problem(t); unknown.Status != http.StatusNotFound || problem["code"] != "room-not-found" {
		t.Errorf("of an unknown room: %d %s", unknown.Status, unknown.Body)
	}
	if _, err := d.service.Membership(t.Context(), uuid.New()); !errors.Is(err, rooms.ErrRoomNotFound) {
		t.Errorf("of an unknown room: %v", err)
	}
	malformed := d.call(t, d.Internal, user{}, request{method: http.MethodGet, path: path("seven")})
	if problem := malformed.Problem(t); malformed.Status != http.StatusBadRequest || problem["code"] != "invalid-id" {
		t.Errorf("of no id: %d %s", malformed.Status, malformed.Body)
	}
	if outside := d.call(t, d.Public, alice, request{method: http.MethodGet, path: path(room.ID.String())}); outside.Status != http.StatusNotFound {
		t.Errorf("the public listener answers internal calls: %d", outside.Status)
	}
}

func racingCreations(t *testing.T, d *deployment) {
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	const racers = 20
	statuses := make([]int, racers)
	var racing sync.WaitGroup
	for i := range racers {
		racing.Go(func() {
			creator := []user{alice, bob}[i%2]
			statuses[i] = d.post(t, creator, "/api/rooms/create-room", newRoom("Single", "", bob, alice)).Status
		})
	}
	racing.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusOK || statuses[1] != http.StatusConflict || statuses[racers-1] != http.StatusConflict {
		t.Errorf("statuses %v", statuses)
	}
	if got := d.list(t, alice); len(got) != 1 {
		t.Errorf("alice has %d rooms", len(got))
	}
}
