// Package told has a user told something in each way that notifications come in, and says whether it is in the inbox.
package told

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/test/deployment"
)

// arrival is how long the inbox may take to have everything, after engines were restarted on a busy machine.
const arrival = 2 * time.Minute

// Topic is the topic of a company's backends.
type Topic interface {
	Write(t testing.TB, key, value string)
}

// Order is one that a user was told of in each way, which names the state of the order.
type Order struct {
	id    string
	user  *deployment.User
	since string // where the inbox ended before
}

// InEachWay has a user told something by POST /api/notify, by a webhook and by a record of the topic. It returns once each was acknowledged, which is before
// anything of it need be in the inbox.
func InEachWay(t *testing.T, d *deployment.Deployment, user *deployment.User, topic Topic) Order {
	t.Helper()
	order := Order{id: uuid.NewString(), user: user, since: EndOfInbox(t, user)}
	said := client.Notification{To: []uuid.UUID{user.ID}, Message: map[string]string{"order": order.id, "state": "api"}, Key: order.id}
	if _, err := d.Backend(t).Notify(t.Context(), said); err != nil {
		t.Fatalf("tell by the API: %v", err)
	}
	if status, answer := d.Webhook(t, order.id, time.Now(), order.body(t, "hook")); status != http.StatusAccepted {
		t.Fatalf("a webhook is answered %d %s", status, answer)
	}
	topic.Write(t, user.ID.String(), order.body(t, "record"))
	return order
}

// body is what a webhook and a record have: they name nothing, so that each of them is told once.
func (o Order) body(t *testing.T, state string) string {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"toUser": o.user.ID, "type": "SystemMessage", "message": map[string]string{"order": o.id, "state": state}})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// AwaitInInbox waits until the inbox has what the user was told, and fails the test if something is not there once, or is read.
func (o Order) AwaitInInbox(t *testing.T) {
	t.Helper()
	want := []string{"api", "hook", "record"}
	var got []string
	var last error
	for end := time.Now().Add(arrival); len(got) < len(want) && time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		got, last = o.unread(t)
	}
	if slices.Sort(got); last != nil || !slices.Equal(got, want) {
		t.Errorf("the inbox of %s has unread %v, want %v; the last answer: %v", o.user.Name, got, want, last)
	}
}

// unread are the states of the order that the inbox has, unread. What was harmed need not answer yet.
func (o Order) unread(t *testing.T) (states []string, err error) {
	t.Helper()
	page, err := o.user.InboxSince(t.Context(), o.since)
	for _, entry := range page.Entries {
		var event struct{ Message struct{ Order, State string } }
		if err := json.Unmarshal(entry.Event, &event); err != nil {
			t.Fatal(err)
		}
		if event.Message.Order == o.id && !entry.Read {
			states = append(states, event.Message.State)
		}
	}
	return states, err
}

// EndOfInbox is the cursor behind all that a user's inbox has.
func EndOfInbox(t *testing.T, user *deployment.User) (cursor string) {
	t.Helper()
	for {
		page, err := user.InboxSince(t.Context(), cursor)
		if err != nil {
			t.Fatalf("read the inbox of %s: %v", user.Name, err)
		}
		cursor = page.Next
		if len(page.Entries) == 0 {
			return cursor
		}
	}
}
