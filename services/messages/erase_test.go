package messages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/erasures"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

// append writes an event of rooms to its log.
func (w *world) append(at time.Time, data events.Data) {
	w.tb.Helper()
	headers, value, err := events.Encode(events.New("/ism/rooms", at, data))
	if err != nil {
		w.tb.Fatal(err)
	}
	record := &kgo.Record{Topic: data.Topic(), Key: []byte(data.PartitionKey()), Value: value}
	for name, value := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	if err := kafkaClient(w.tb, w.brokers).ProduceSync(ctx, record).FirstErr(); err != nil {
		w.tb.Fatal(err)
	}
}

// receipts are what has been told of an erasure.
func (w *world) receipts(of uuid.UUID) (told []events.UserErased) {
	w.tb.Helper()
	decoded, err := bus.Decode[events.UserErased](recordsOf(w.tb, w.brokers, events.TopicUsers))
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, event := range decoded {
		if event.Data.ErasureID == of {
			told = append(told, event.Data)
		}
	}
	return told
}

// usersMessagesAreErased deletes a user whose erasure settles a moment later, with messages in two rooms, one of which has ended, and a name in a third.
func usersMessagesAreErased(t *testing.T, w *world) {
	room, user := w.newRoom()
	ended, other := uuid.Must(uuid.NewV7()), w.rooms.other(room, user)
	var mine []wire.Message
	for _, text := range []string{"Soup?", "Or bread?"} {
		mine = append(mine, w.mustSend(user, room, text))
	}
	theirs := w.mustSend(other, room, "Soup!")
	w.rooms.belongs(other, "")
	reply := w.replyTo(other, mine[0], "Soup!", user, other)
	shop := backend(uuid.New())
	got := w.doAs(shop, http.MethodPost, "/api/send-msg", strings.NewReader(
		fmt.Sprintf(`{"chatRoomId":%q,"msgType":"SystemMessage","msgBody":{"text":"Soup for two"},"mentions":%s}`, room, list(user))))
	if got.Status != http.StatusOK {
		t.Fatalf("system message: %s", got)
	}
	system := message(t, got.Body)
	// Its author is about to edit the reply.
	held := time.Now().Add(time.Second)
	if claimed, err := w.store.Claim(t.Context(), store.Claim{Key: store.Key{Room: room, Message: reply.ID}, Holder: uuid.New()}, 2*time.Second); err != nil || !claimed {
		t.Fatalf("claimed: %t, %v", claimed, err)
	}
	w.rooms.put(events.Membership{RoomID: ended, Audience: events.Audience{Users: []uuid.UUID{user, other}, Version: 1}})
	last := w.mustSend(user, ended, "Good bye")
	w.rooms.forget(ended)
	w.append(time.Now(), events.RoomEnded{RoomID: ended, Removed: []uuid.UUID{user, other}, Audience: events.Audience{Version: 2}})
	servicetest.Await(t, "the end of the room", func() bool {
		return w.do(user, http.MethodGet, pathOf(ended, last.ID), nil).Status == http.StatusNotFound
	})
	joins := change(room, user, wire.Join, 2, other)
	w.append(joins.Message.CreatedAt.Time, joins)

	erasure := uuid.Must(uuid.NewV7())
	w.append(time.Now().Add(time.Second-erasures.Settle), events.UserDeleted{UserID: user, ErasureID: erasure})
	servicetest.Await(t, "the receipt", func() bool { return len(w.receipts(erasure)) > 0 })
	if told := w.receipts(erasure)[0]; told.UserID != user || told.Service != "messages" || told.Erased != 3 {
		t.Errorf("told is %+v", told)
	}
	page := w.timeline(other, room)
	for _, message := range page {
		switch {
		case message.ID == reply.ID:
			w.saysNothingOf(t, user, reply, message)
			if message.EditedAt.Before(held) {
				t.Errorf("it is changed at %s, while its author holds it", message.EditedAt)
			}
		case message.ID == system.ID:
			made := w.revisions(system.ID)
			if message.Mentions != nil || string(message.Body) != string(system.Body) || len(made) != 1 ||
				made[0].Revises().Preview != wire.TextPreview(shop.id.String()[:8], "Soup for two") {
				t.Errorf("what the backend has said is %+v, by %+v", message, made)
			}
		case message.ID == theirs.ID:
			if message.DeletedAt != nil || string(message.Body) != string(theirs.Body) {
				t.Errorf("another's message is %+v", message)
			}
		case message.ID == joins.Message.ID:
			var body wire.RoomChangeBody
			if err := json.Unmarshal(message.Body, &body); err != nil || body.RelatedUser.DisplayName != wire.DeletedName || message.EditedAt == nil {
				t.Errorf("the message of joining is %s, %v", message.Body, err)
			}
		case message.DeletedAt == nil || string(message.Body) != `{}`:
			t.Errorf("it is %+v", message)
		}
	}
	if len(page) != 6 {
		t.Errorf("the timeline has %d messages", len(page))
	}
	for _, message := range append(mine, last) {
		made := w.revisions(message.ID)
		if len(made) != 1 || made[0].EventName() != "message.deleted" {
			t.Fatalf("the log has %+v", made)
		}
		wanted := []uuid.UUID{user, other}
		if message.RoomID == ended {
			wanted = wanted[:1]
		}
		if told := slices.SortedFunc(slices.Values(made[0].SeenBy().Users), compareIDs); !slices.Equal(told, slices.SortedFunc(slices.Values(wanted), compareIDs)) {
			t.Errorf("%s is told to %v, want %v", message.Body, told, wanted)
		}
	}
	w.replayBackwards(t)
	if again := w.timeline(other, room); fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", page) {
		t.Errorf("after a replay the timeline is %+v, want %+v", again, page)
	}
}

// replyTo sends a reply that mentions users.
func (w *world) replyTo(by uuid.UUID, to wire.Message, text string, mentions ...uuid.UUID) wire.Message {
	w.tb.Helper()
	got := w.do(by, http.MethodPost, "/api/send-msg", strings.NewReader(fmt.Sprintf(
		`{"chatRoomId":%q,"msgType":"Reply","msgBody":{"replyMsgId":%q,"replyText":%q},"mentions":%s}`, to.RoomID, to.ID, text, list(mentions...))))
	if got.Status != http.StatusOK {
		w.tb.Fatalf("reply: %s", got)
	}
	return message(w.tb, got.Body)
}

// saysNothingOf looks whether nothing of a user is left in a reply to it, and all else is.
func (w *world) saysNothingOf(t *testing.T, user uuid.UUID, was, is wire.Message) {
	t.Helper()
	var quoted, left wire.ReplyBody
	if err := errors.Join(json.Unmarshal(was.Body, &quoted), json.Unmarshal(is.Body, &left)); err != nil {
		t.Fatal(err)
	}
	quoted.Details = json.RawMessage(`{}`)
	if fmt.Sprintf("%+v", left) != fmt.Sprintf("%+v", quoted) || left.SenderID != user || is.EditedAt == nil {
		t.Errorf("the reply is %+v, with %+v", is, left)
	}
	if !slices.Equal(is.Mentions, slices.DeleteFunc(slices.Clone(was.Mentions), func(id uuid.UUID) bool { return id == user })) {
		t.Errorf("it mentions %v", is.Mentions)
	}
	made := w.revisions(is.ID)
	if len(made) != 1 || made[0].EventName() != "message.edited" {
		t.Fatalf("the log has %+v", made)
	}
	name := "user " + is.SenderID.String()[:4] // as rooms knows it
	if preview := made[0].Revises().Preview; preview != wire.ReplyPreview(name, left.Text) {
		t.Errorf("its preview is %+v", preview)
	}
}

// replayBackwards writes to the store once more what the log has, the newest first.
func (w *world) replayBackwards(t *testing.T) {
	t.Helper()
	records := recordsOf(t, w.brokers, events.TopicRooms)
	slices.Reverse(records)
	decoded, err := bus.Decode[events.RoomEvent](records)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range decoded {
		if entry, ok := timeline.EntryOf(event.Data, events.Position{Offset: event.Record.Offset}); ok {
			if err := w.store.Append(t.Context(), []store.Entry{entry}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func TestMessagesOfDeletedUsersAreErased(t *testing.T) {
	t.Parallel()
	usersMessagesAreErased(t, newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t)))
}

func TestEnginesEraseMessagesOfDeletedUsers(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	s, err := cassandra.New(cassandratest.Config(t), cassandra.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	usersMessagesAreErased(t, newWorld(t, brokers, s))
}
