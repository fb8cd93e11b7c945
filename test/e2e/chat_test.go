package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

func createRoom(t *testing.T, creator *deployment.User, kind wire.RoomType, name string, others ...*deployment.User) wire.Room {
	t.Helper()
	invited := []uuid.UUID{creator.ID}
	for _, user := range others {
		invited = append(invited, user.ID)
	}
	room, err := creator.CreateRoom(t.Context(), client.NewRoom{Type: kind, Name: name, Invited: invited})
	if err != nil {
		t.Fatalf("create a room: %v", err)
	}
	return room
}

func send(t *testing.T, user *deployment.User, room uuid.UUID, text string) wire.Message {
	t.Helper()
	message, err := user.SendText(t.Context(), room, text)
	if err != nil {
		t.Fatalf("send %q as %s: %v", text, user.Name, err)
	}
	return message
}

// history reads the history once it has the given number of messages: one whose write took too long for its send is written
// by the consumer group, soon after it was acknowledged.
func history(t *testing.T, user *deployment.User, room uuid.UUID, messages int) []wire.Message {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(time.Minute); ; <-poll.C {
		found, err := user.History(t.Context(), room)
		if err != nil {
			t.Fatalf("read the history: %v", err)
		}
		if len(found) >= messages || time.Now().After(end) {
			return found
		}
	}
}

func same(a, b wire.Message) bool {
	return a.ID == b.ID && a.RoomID == b.RoomID && a.SenderID == b.SenderID && a.Type == b.Type &&
		a.CreatedAt.Equal(b.CreatedAt.Time) && string(a.Body) == string(b.Body) && slices.Equal(a.Mentions, b.Mentions)
}

func ids(messages []wire.Message) []uuid.UUID {
	out := make([]uuid.UUID, len(messages))
	for i, m := range messages {
		out[i] = m.ID
	}
	return out
}

func twoUsersChat(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	atAlice, atBob := alice.Listen(t), bob.Listen(t)

	room := createRoom(t, alice, wire.Single, "", bob)
	if room.Name == nil || *room.Name != bob.DisplayName {
		t.Errorf("for alice the room is named %v", room.Name)
	}
	for user, listener := range map[*deployment.User]*deployment.Listener{alice: atAlice, bob: atBob} {
		var event wire.NewRoom
		if err := json.Unmarshal(listener.AwaitType(t, "NewRoom").Data, &event); err != nil {
			t.Fatalf("decode NewRoom: %v", err)
		}
		other := map[*deployment.User]*deployment.User{alice: bob, bob: alice}[user].DisplayName
		if event.Room.ID != room.ID || event.Room.Name == nil || *event.Room.Name != other || !event.Room.Unread {
			t.Errorf("the stream of %s has room %+v", user.Name, event.Room)
		}
	}
	if _, err := bob.CreateRoom(t.Context(), client.NewRoom{Type: wire.Single, Invited: []uuid.UUID{alice.ID, bob.ID}}); !client.HasCode(err, "room-exists") {
		t.Errorf("a second room of the same two: %v", err)
	}

	sent := send(t, alice, room.ID, "Soup or salad? 🥗")
	for name, listener := range map[string]*deployment.Listener{"alice": atAlice, "bob": atBob} {
		live := listener.AwaitMessages(t, room.ID, 1)[0]
		if !same(live.Message, sent) {
			t.Errorf("the stream of %s has %+v, the answer was %+v", name, live.Message, sent)
		}
		if want := wire.TextPreview(alice.DisplayName, "Soup or salad? 🥗"); live.Preview != want {
			t.Errorf("preview %+v, want %+v", live.Preview, want)
		}
	}
	if stored := history(t, bob, room.ID, 1); len(stored) != 1 || !same(stored[0], sent) {
		t.Errorf("the timeline has %+v, the answer was %+v", stored, sent)
	}

	seenByBob := awaitRoom(t, bob, room.ID, func(r wire.Room) bool { return r.LatestMessage.Equal(sent.CreatedAt.Time) })
	if !seenByBob.Unread || seenByBob.LatestMessageText == nil || seenByBob.LatestMessageText.Text != "Soup or salad? 🥗" {
		t.Errorf("bob's list has %+v", seenByBob)
	}
	if seenByAlice := awaitRoom(t, alice, room.ID, func(r wire.Room) bool { return !r.Unread }); !seenByAlice.LatestMessage.Equal(sent.CreatedAt.Time) {
		t.Errorf("alice's list has %+v", seenByAlice)
	}
	if err := bob.MarkRead(t.Context(), room.ID); err != nil {
		t.Fatalf("mark read: %v", err)
	}
	if got, err := bob.Room(t.Context(), room.ID); err != nil || got.Unread {
		t.Errorf("after mark-read bob sees %+v, %v", got, err)
	}
	// It is told some time later, and must not be in the middle of another scenario of the two.
	var read wire.UserReadChat
	awaitEvent(t, atAlice, "UserReadChat", room.ID, &read)
	if read.UserID != bob.ID || read.MessageID != sent.ID {
		t.Errorf("alice is told %+v", read)
	}

	details, err := bob.RoomDetails(t.Context(), room.ID)
	if err != nil || len(details.Users) != 2 || details.Name == nil || *details.Name != alice.DisplayName {
		t.Errorf("details %+v, %v", details, err)
	}
	members, err := bob.Members(t.Context(), room.ID)
	if err != nil || len(members) != 2 {
		t.Fatalf("members %+v, %v", members, err)
	}
	for _, m := range members {
		if m.Status != wire.Joined || m.LastReadAt == nil || m.LastReadAt.Before(sent.CreatedAt.Time) {
			t.Errorf("member %+v", m)
		}
	}
}

// awaitRoom waits until the room in the user's list is as wanted: the list follows the log.
func awaitRoom(t *testing.T, user *deployment.User, id uuid.UUID, wanted func(wire.Room) bool) wire.Room {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	var last wire.Room
	for {
		rooms, err := user.Rooms(t.Context())
		if err != nil {
			t.Fatalf("list the rooms of %s: %v", user.Name, err)
		}
		if i := slices.IndexFunc(rooms, func(r wire.Room) bool { return r.ID == id }); i >= 0 {
			if last = rooms[i]; wanted(last) {
				return last
			}
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("the list of %s still has %+v", user.Name, last)
		}
	}
}

func groupChats(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol")
	listeners := []*deployment.Listener{alice.Listen(t), bob.Listen(t), carol.Listen(t)}
	lunch := createRoom(t, alice, wire.Group, "Lunch", bob, carol)
	later := createRoom(t, alice, wire.Group, "Dinner", bob)
	if lunch.Name == nil || *lunch.Name != "Lunch" {
		t.Errorf("the room is named %v", lunch.Name)
	}
	send(t, bob, lunch.ID, "I'm in")
	for _, listener := range listeners {
		if got := listener.AwaitMessages(t, lunch.ID, 1); len(got) != 1 {
			t.Errorf("%d messages", len(got))
		}
	}
	awaitRoom(t, alice, lunch.ID, func(r wire.Room) bool { return r.LatestMessageText.Type == "Text" })
	rooms, err := alice.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := func(id uuid.UUID) int {
		return slices.IndexFunc(rooms, func(r wire.Room) bool { return r.ID == id })
	}
	if at(lunch.ID) > at(later.ID) {
		t.Error("the room with the newest message is not first")
	}
}

func streamResumes(t *testing.T, d *deployment.Deployment) {
	alice, bob := d.SignIn(t, "u01"), d.SignIn(t, "u02")
	room := createRoom(t, alice, wire.Group, "Resume", bob)
	stream, err := bob.Stream(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if stream.LastEventID() != "" {
		t.Errorf("before anything was read the stream has id %q", stream.LastEventID())
	}
	first := send(t, alice, room.ID, "1")
	if got := nextMessage(t, stream); got.ID != first.ID {
		t.Fatalf("first message %+v", got)
	}
	last := stream.LastEventID()
	stream.Close()
	var missed []wire.Message
	for i := range 20 {
		missed = append(missed, send(t, alice, room.ID, fmt.Sprint(i+2)))
	}
	resumed, err := bob.Stream(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	missed = append(missed, send(t, alice, room.ID, "live again"))
	for i, want := range missed {
		if got := nextMessage(t, resumed); got.ID != want.ID {
			t.Fatalf("message %d behind the break is %+v, want %+v", i, got, want)
		}
	}
}

func nextMessage(t *testing.T, stream *client.Stream) wire.Message {
	t.Helper()
	timer := time.AfterFunc(time.Minute, stream.Close)
	defer timer.Stop()
	for {
		event, err := stream.Next()
		if err != nil {
			t.Fatalf("read the stream: %v", err)
		}
		switch event.Type {
		case "Resync":
			t.Fatalf("the stream could not resume: %s", event.Data)
		case "ChatMessage":
			var chat wire.ChatMessage
			if err := json.Unmarshal(event.Data, &chat); err != nil {
				t.Fatal(err)
			}
			return chat.Message
		}
	}
}

func streamResyncs(t *testing.T, d *deployment.Deployment) {
	user := d.SignIn(t, "u03")
	for _, id := range []string{"nonsense", "0-999999999999", "99999-1", "-1--1", "0-1; drop"} {
		stream, err := user.Stream(t.Context(), id)
		if err != nil {
			t.Fatalf("resume behind %q: %v", id, err)
		}
		timer := time.AfterFunc(time.Minute, stream.Close)
		event, err := stream.Next()
		if err != nil || event.Type != "Resync" {
			t.Errorf("behind %q came %+v, %v", id, event, err)
		}
		if event.ID == id {
			t.Errorf("behind %q the id stayed", id)
		}
		timer.Stop()
		stream.Close()
	}
}

func liveOrderIsHistoryOrder(t *testing.T, d *deployment.Deployment) {
	const senders, each = 6, 25
	var users []*deployment.User
	for i := range senders {
		users = append(users, d.SignIn(t, fmt.Sprintf("u%02d", i+4)))
	}
	room := createRoom(t, users[0], wire.Group, "Busy", users[1:]...)
	listeners := []*deployment.Listener{users[0].Listen(t), users[senders-1].Listen(t)}
	var sending sync.WaitGroup
	for _, user := range users {
		sending.Go(func() {
			for i := range each {
				if _, err := user.SendText(t.Context(), room.ID, fmt.Sprintf("%s %d", user.Name, i)); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	sending.Wait()
	want := ids(history(t, users[1], room.ID, senders*each))
	if len(want) != senders*each {
		t.Fatalf("the history has %d messages", len(want))
	}
	for _, listener := range listeners {
		var live []uuid.UUID
		for _, chat := range listener.AwaitMessages(t, room.ID, senders*each) {
			live = append(live, chat.Message.ID)
		}
		if !slices.Equal(live, want) {
			t.Errorf("live order is not history order")
		}
	}
}
