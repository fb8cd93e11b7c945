package rooms_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

type receipt struct {
	ID       uuid.UUID `json:"id"`
	UserID   uuid.UUID `json:"userId"`
	Services []struct {
		Service string `json:"service"`
		Erased  int    `json:"erased"`
	} `json:"services"`
	FinishedAt *wire.Time `json:"finishedAt"`
}

// of is what it says of a service.
func (r receipt) of(service string) int {
	for _, part := range r.Services {
		if part.Service == service {
			return part.Erased
		}
	}
	return -1
}

// append writes an event of another service to its log.
func (d *deployment) append(t *testing.T, data events.Data) {
	t.Helper()
	headers, value, err := events.Encode(events.New("/ism/messages", time.Now(), data))
	if err != nil {
		t.Fatal(err)
	}
	err = d.bus.WithProducer(t.Context(), bus.ProducerConfig{DeliveryTimeout: time.Minute}, func(ctx context.Context, log *bus.Producer) error {
		_, err := log.Produce(ctx, bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value, Partition: bus.PartitionAny})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func usersAreDeleted(t *testing.T, d *deployment) {
	backend := d.userWith(t, "shop", map[string]any{"azp": "shop"})
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	room := d.create(t, alice, newRoom("Group", "Lunch", alice, bob))
	d.post(t, alice, "/api/users/friends/add/"+bob.id.String(), "")
	var got receipt
	deleted := d.delete(t, backend, "/api/admin/users/"+alice.id.String())
	if deleted.Status != http.StatusAccepted || json.Unmarshal(deleted.Body, &got) != nil || got.UserID != alice.id {
		t.Fatalf("deleted: %s", deleted)
	}
	for _, path := range []string{"/api/rooms", "/api/users/friends"} {
		if refused := d.call(t, d.Public, alice, request{method: "GET", path: path}); refused.Status != http.StatusForbidden || refused.Code() != "user-deleted" {
			t.Errorf("%s: %s", path, refused)
		}
	}
	servicetest.Await(t, "the erasure", func() bool {
		d.get(t, backend, "/api/admin/erasures/"+got.ID.String(), &got)
		return got.of("rooms") == 2
	})
	if got.of("messages") != 0 || got.FinishedAt != nil {
		t.Errorf("before messages has erased anything the receipt is %+v", got)
	}
	d.append(t, events.UserErased{UserID: alice.id, ErasureID: got.ID, Service: "messages", Erased: 3, FinishedAt: wire.At(time.Now())})
	servicetest.Await(t, "messages' part", func() bool {
		d.get(t, backend, "/api/admin/erasures/"+got.ID.String(), &got)
		return got.of("messages") == 3
	})
	var members []wire.Member
	d.get(t, bob, "/api/rooms/"+room.ID.String()+"/users", &members)
	if members[0].DisplayName != "deleted user" || members[0].Status != wire.Left {
		t.Errorf("the members are %+v", members)
	}
	told, err := bus.Decode[events.UserDeleted](d.readTopic(t, events.TopicUsers))
	if err != nil || len(told) == 0 || told[len(told)-1].Data.ErasureID != got.ID {
		t.Errorf("told was %+v, %v", told, err)
	}
	put := d.call(t, d.Public, backend, request{
		method: "PUT", path: "/api/admin/users/" + alice.id.String(), contentType: "application/json", body: `{"displayName":"Alice"}`,
	})
	if put.Status != http.StatusOK {
		t.Errorf("put again: %s", put)
	}
	d.get(t, alice, "/api/rooms", nil)
}

// whoMayDelete says what the routes of deletion answer to whom, about users of the tenant acme.
func whoMayDelete(t *testing.T, d *deployment) {
	for name, c := range map[string]struct {
		caller        user
		user, receipt string
	}{
		"nobody":                   {user{}, "401 unauthorized", "401 unauthorized"},
		"a user":                   {d.seenUser(t, "a"), "403 forbidden", "403 forbidden"},
		"the backend":              {d.userWith(t, "b", map[string]any{"azp": "shop"}), "202", "200"},
		"acme's backend":           {d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "acme"}), "202", "200"},
		"another tenant's backend": {d.userWith(t, "b", map[string]any{"azp": "shop", "tenant": "umbrella"}), "404 user-not-found", "404 erasure-not-found"},
	} {
		var known receipt
		gone := d.seenOf(t, "acme", "gone")
		backend := d.userWith(t, "b", map[string]any{"azp": "shop"})
		if err := json.Unmarshal(d.delete(t, backend, "/api/admin/users/"+gone.id.String()).Body, &known); err != nil {
			t.Fatal(err)
		}
		got := d.delete(t, c.caller, "/api/admin/users/"+d.seenOf(t, "acme", "alice").id.String())
		if came := said(t, got.Status, got.Body); came != c.user {
			t.Errorf("%s deletes: %s, want %s", name, came, c.user)
		}
		got = d.call(t, d.Public, c.caller, request{method: "GET", path: "/api/admin/erasures/" + known.ID.String()})
		if came := said(t, got.Status, got.Body); came != c.receipt {
			t.Errorf("%s reads the receipt: %s, want %s", name, came, c.receipt)
		}
	}
	backend := d.userWith(t, "b", map[string]any{"azp": "shop"})
	for path, want := range map[string]string{
		"/api/admin/users/" + uuid.NewString(): "404 user-not-found", "/api/admin/users/seven": "400 invalid-id",
	} {
		if got := d.delete(t, backend, path); said(t, got.Status, got.Body) != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := d.call(t, d.Public, backend, request{method: "GET", path: "/api/admin/erasures/seven"}); got.Code() != "invalid-id" {
		t.Errorf("no receipt: %s", got)
	}
}
