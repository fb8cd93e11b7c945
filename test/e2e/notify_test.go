package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/told"
)

// backendTellsUsers has a backend tell two users something, the one of them twice by one key: each stream of theirs shows it once, in order, and no other does.
func backendTellsUsers(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol"), d.Backend(t)
	atAlice, alsoAlice, atBob, atCarol := alice.Listen(t), alice.Listen(t), bob.Listen(t), carol.Listen(t)
	if _, err := alice.Notify(t.Context(), client.Notification{To: []uuid.UUID{bob.ID}, Message: struct{}{}}); !client.HasCode(err, "forbidden") {
		t.Errorf("as a user: %v", err)
	}
	for _, user := range []*deployment.User{alice, bob} { // who have called are known
		if _, err := user.Rooms(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := backend.Notify(t.Context(), client.Notification{To: []uuid.UUID{alice.ID, uuid.New()}, Message: struct{}{}}); !client.HasCode(err, "unknown-user") {
		t.Errorf("to nobody: %v", err)
	}
	notify := func(key, state string, to ...uuid.UUID) []wire.NotifiedUser {
		t.Helper()
		told, err := backend.Notify(t.Context(), client.Notification{To: to, Message: map[string]string{"order": key, "state": state}, TTL: time.Hour, Key: key + state})
		if err != nil || len(told) != len(to) {
			t.Fatalf("told are %+v, %v", told, err)
		}
		return told
	}
	order := uuid.NewString()
	paid := notify(order, "paid", alice.ID, bob.ID)
	if again := notify(order, "paid", alice.ID); again[0] != paid[0] {
		t.Errorf("told again is %+v, was %+v", again, paid)
	}
	sent := notify(order, "sent", alice.ID)

	told := func(all []client.StreamEvent) (ids []uuid.UUID) {
		for _, event := range all {
			var custom wire.CustomNotification
			var said struct{ Order, State string }
			if event.Type != "SystemMessage" || json.Unmarshal(event.Data, &custom) != nil || json.Unmarshal(custom.Message, &said) != nil || said.Order != order {
				continue
			}
			ids = append(ids, custom.ID)
		}
		return ids
	}
	for name, c := range map[string]struct {
		at   *deployment.Listener
		want []uuid.UUID
	}{
		"alice": {atAlice, []uuid.UUID{paid[0].ID, sent[0].ID}}, "alice's other stream": {alsoAlice, []uuid.UUID{paid[0].ID, sent[0].ID}}, "bob": {atBob, []uuid.UUID{paid[1].ID}},
	} {
		last := c.want[len(c.want)-1]
		seen := told(c.at.Await(t, time.Minute, name+" is told", func(all []client.StreamEvent) bool {
			ids := told(all)
			return len(ids) > 0 && ids[len(ids)-1] == last
		}))
		if len(seen) != len(c.want) || seen[0] != c.want[0] {
			t.Errorf("%s is told %v, want %v", name, seen, c.want)
		}
	}
	if seen := told(atCarol.Await(t, time.Minute, "carol", func([]client.StreamEvent) bool { return true })); len(seen) > 0 {
		t.Errorf("carol is told %v", seen)
	}
}

// inboxesKeepWhatHappened has a backend tell a user something who is away, and a friend ask it: both are in its inbox, and what it reads on one device its
// other one is told.
func inboxesKeepWhatHappened(t *testing.T, d *deployment.Deployment) {
	alice, bob, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.Backend(t)
	before := told.EndOfInbox(t, alice) // what other scenarios have left
	room := createRoom(t, bob, wire.Group, "Soup", alice)
	sent, err := backend.Notify(t.Context(), client.Notification{To: []uuid.UUID{alice.ID}, Message: map[string]string{"order": "17"}, Key: uuid.NewString()})
	if err != nil {
		t.Fatal(err)
	}
	var page client.Inbox
	servicetest.Await(t, "both are in the inbox", func() bool {
		page, err = alice.InboxSince(t.Context(), before)
		return err == nil && has(t, page, "NewRoom", room.ID) == 1 && has(t, page, "SystemMessage", sent[0].ID) == 1
	})
	elsewhere := alice.Listen(t)
	left, err := alice.ReadNotifications(t.Context(), page.Next)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Await(t, time.Minute, "the other device is told", func(all []client.StreamEvent) bool {
		return slices.ContainsFunc(all, func(event client.StreamEvent) bool {
			var read wire.NotificationsRead
			return event.Type == "NotificationsRead" && json.Unmarshal(event.Data, &read) == nil && read.UpTo == page.Next && read.Unread == left
		})
	})
}

// has counts the unread entries of a type that are about a room, or have an id.
func has(t *testing.T, page client.Inbox, kind string, id uuid.UUID) (n int) {
	t.Helper()
	for _, entry := range page.Entries {
		var event struct {
			Type string    `json:"type"`
			Room wire.Room `json:"room"`
		}
		if err := json.Unmarshal(entry.Event, &event); err != nil {
			t.Fatal(err)
		}
		if event.Type == kind && !entry.Read && (event.Room.ID == id || entry.ID == id) {
			n++
		}
	}
	return n
}

// webhookTellsUsers has a source of webhooks tell a user something, delivered twice: the user's stream shows it once, with its end. What is old is not taken.
func webhookTellsUsers(t *testing.T, d *deployment.Deployment) {
	alice := d.SignIn(t, "alice")
	at := alice.Listen(t)
	if _, err := alice.Rooms(t.Context()); err != nil { // who has called is known
		t.Fatal(err)
	}
	order, now := uuid.NewString(), time.Now()
	body := func(state string) string {
		return `{"specversion":"1.0","id":"` + order + state + `","source":"/shop","type":"order.` + state + `","data":{"toUser":"` + alice.ID.String() +
			`","type":"SystemMessage","message":{"order":"` + order + `","state":"` + state + `"},"ttl":3600}}`
	}
	deliver := func(id, state string, at time.Time, want int) string {
		t.Helper()
		status, answer := d.Webhook(t, id, at, body(state))
		if status != want {
			t.Fatalf("a webhook is answered %d %s, want %d", status, answer, want)
		}
		return answer
	}
	paid := deliver(order+"-1", "paid", now, http.StatusAccepted)
	if again := deliver(order+"-1", "paid", now.Add(time.Second), http.StatusAccepted); again != paid {
		t.Errorf("delivered again it is %s, was %s", again, paid)
	}
	if answer := deliver(order+"-2", "lost", now.Add(-time.Hour), http.StatusUnauthorized); !strings.Contains(answer, "stale-timestamp") {
		t.Errorf("an old one is answered %s", answer)
	}
	deliver(order+"-3", "sent", now, http.StatusAccepted)
	var states []string
	at.Await(t, time.Minute, "alice is told", func(all []client.StreamEvent) bool {
		states = nil
		for _, event := range all {
			var custom wire.CustomNotification
			var said struct{ Order, State string }
			if event.Type != "SystemMessage" || json.Unmarshal(event.Data, &custom) != nil || json.Unmarshal(custom.Message, &said) != nil || said.Order != order {
				continue
			}
			if custom.ExpiresAt == nil || custom.ExpiresAt.Sub(custom.CreatedAt.Time).Round(time.Second) != time.Hour {
				t.Errorf("it expires at %v", custom.ExpiresAt)
			}
			states = append(states, said.State)
		}
		return slices.Contains(states, "sent")
	})
	if !slices.Equal(states, []string{"paid", "sent"}) {
		t.Errorf("alice is told %v", states)
	}
}

// recordTellsAUser has a backend write a CloudEvent to its own topic, twice: the user's stream shows it once, and so does its inbox.
func recordTellsAUser(t *testing.T, d *deployment.Deployment, topic told.Topic) {
	alice := d.SignIn(t, "alice")
	at := alice.Listen(t)
	if _, err := alice.Rooms(t.Context()); err != nil { // who has called is known
		t.Fatal(err)
	}
	end := told.EndOfInbox(t, alice)
	order := uuid.NewString()
	record := func(id string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/shop","type":"order.sent","data":{"toUser":"` + alice.ID.String() +
			`","type":"SystemMessage","message":{"order":"` + order + `","state":"` + id + `"}}}`
	}
	for _, id := range []string{order + "-1", order + "-1", order + "-2"} {
		topic.Write(t, alice.ID.String(), record(id))
	}
	states := func(texts []json.RawMessage) (all []string) {
		for _, text := range texts {
			var event struct{ Message struct{ Order, State string } }
			if json.Unmarshal(text, &event) == nil && event.Message.Order == order {
				all = append(all, event.Message.State)
			}
		}
		return all
	}
	want := []string{order + "-1", order + "-2"}
	var seen []string
	at.Await(t, time.Minute, "alice is told", func(all []client.StreamEvent) bool {
		var texts []json.RawMessage
		for _, event := range all {
			if event.Type == "SystemMessage" {
				texts = append(texts, event.Data)
			}
		}
		seen = states(texts)
		return slices.Contains(seen, want[1])
	})
	if !slices.Equal(seen, want) {
		t.Errorf("the stream shows %v, want %v", seen, want)
	}
	servicetest.Await(t, "both are in the inbox", func() bool {
		page, err := alice.InboxSince(t.Context(), end)
		var texts []json.RawMessage
		for _, entry := range page.Entries {
			texts = append(texts, entry.Event)
		}
		return err == nil && slices.Equal(states(texts), want)
	})
}
