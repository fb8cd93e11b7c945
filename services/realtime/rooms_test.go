package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

// room is a room of which a test writes the log.
type room struct {
	id      uuid.UUID
	members []wire.Member
}

func newRoom(names ...string) room {
	r := room{id: uuid.New()}
	for _, name := range names {
		r.members = append(r.members, wire.Member{ID: uuid.New(), DisplayName: name, JoinedAt: wire.At(now()), Status: wire.Joined})
	}
	return r
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (r room) audience() events.Audience {
	audience := events.Audience{Version: 1}
	for _, m := range r.members {
		audience.Users = append(audience.Users, m.ID)
	}
	return audience
}

func (w *world) write(t *testing.T, data ...events.Data) {
	t.Helper()
	var records []bus.Record
	for _, d := range data {
		headers, value, err := events.Encode(events.New("/ism/test", now(), d))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, bus.Record{Topic: d.Topic(), Key: d.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny})
	}
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	if _, err := w.producer.ProduceAll(ctx, records); err != nil {
		t.Fatalf("write to the rooms' log: %v", err)
	}
}

func (w *world) create(t *testing.T, r room, kind wire.RoomType) {
	t.Helper()
	preview := wire.NewRoomPreview()
	w.write(t, events.RoomCreated{
		RoomID: r.id, CreatedBy: r.members[0].ID, Members: r.members, Audience: r.audience(),
		Room: wire.Room{ID: r.id, Type: kind, CreatedAt: wire.At(now()), LatestMessage: wire.At(now()), Unread: true, LatestMessageText: &preview},
	})
}

// post writes messages with the given texts.
func (w *world) post(t *testing.T, r room, texts ...string) {
	t.Helper()
	var all []events.Data
	for _, text := range texts {
		all = append(all, message(t, r, text))
	}
	w.write(t, all...)
}

// message is a message of the room's first member.
func message(t testing.TB, r room, text string) events.MessagePosted {
	t.Helper()
	body, err := json.Marshal(wire.TextBody{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return events.MessagePosted{
		RoomID: r.id, Preview: wire.TextPreview("alice", text), Audience: r.audience(),
		Message: wire.Message{RoomID: r.id, ID: uuid.New(), SenderID: r.members[0].ID, Body: body, Type: wire.Text, CreatedAt: wire.At(now())},
	}
}

func numbered(from, to int) []string {
	var texts []string
	for n := from; n < to; n++ {
		texts = append(texts, fmt.Sprint(n))
	}
	return texts
}

func (w *world) open(t *testing.T, n *node, user wire.Member, lastEventID string) *client.Stream {
	t.Helper()
	return w.openWith(t, n, w.issuer.Token(t, user.ID, user.DisplayName), lastEventID)
}

func (w *world) openWith(t *testing.T, n *node, token, lastEventID string) *client.Stream {
	t.Helper()
	stream, err := w.dial(t.Context(), n, token, lastEventID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stream.Close)
	return stream
}

func (w *world) dial(ctx context.Context, n *node, token, lastEventID string) (*client.Stream, error) {
	return client.New(n.base, w.http, client.Token(token)).Stream(ctx, lastEventID)
}

func next(t *testing.T, stream *client.Stream) client.StreamEvent {
	t.Helper()
	timer := time.AfterFunc(servicetest.Timeout, stream.Close)
	defer timer.Stop()
	event, err := stream.Next()
	if err != nil {
		t.Fatalf("read the stream: %v", err)
	}
	return event
}

func textOf(event client.StreamEvent) (string, error) {
	var chat wire.ChatMessage
	var body wire.TextBody
	if err := json.Unmarshal(event.Data, &chat); err != nil || chat.Type != "ChatMessage" {
		return "", fmt.Errorf("%s is no message: %w", event.Data, err)
	}
	if err := json.Unmarshal(chat.Message.Body, &body); err != nil {
		return "", err
	}
	return body.Text, nil
}

// expect reads messages with the given texts, and gives the events' ids.
func expect(t *testing.T, stream *client.Stream, texts ...string) []string {
	t.Helper()
	ids, err := read(stream, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func read(stream *client.Stream, texts ...string) (ids []string, err error) {
	timer := time.AfterFunc(servicetest.Timeout, stream.Close)
	defer timer.Stop()
	for _, want := range texts {
		event, err := stream.Next()
		if err != nil {
			return nil, fmt.Errorf("wait for message %.40q: %w", want, err)
		}
		got, err := textOf(event)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("got message %.40q, want %.40q", got, want)
		}
		ids = append(ids, event.ID)
	}
	return ids, nil
}

// end reads the stream to its end, of which it expects no more events.
func end(t *testing.T, stream *client.Stream) {
	t.Helper()
	timer := time.AfterFunc(servicetest.Timeout, stream.Close)
	defer timer.Stop()
	if event, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream does not end but has %s, %v", event.Data, err)
	}
}

// ended reads the stream to its end, whose last event says why.
func ended(t *testing.T, stream *client.Stream, reason string) {
	t.Helper()
	var last struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if event := next(t, stream); json.Unmarshal(event.Data, &last) != nil || last.Type != "StreamEnded" || last.Reason != reason {
		t.Errorf("the last event is %s, want the reason %s", event.Data, reason)
	}
	end(t, stream)
}
