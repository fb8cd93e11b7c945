package payload_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/httpapi/openapitest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
)

var update = flag.Bool("update", false, "write the examples anew")

const description = "../../../api/openapi.yaml"

// examples are the webhooks of all golden records of events, and of a room that ends with who leaves it, by file.
func examples(t *testing.T) map[string]payload.Webhook {
	t.Helper()
	all := map[string]payload.Webhook{}
	for name, record := range eventstest.Golden(t) {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		event.Position = "1022a"
		if data, ok := event.Data.(events.MembershipChanged); ok {
			data.Ended, data.Removed = true, []uuid.UUID{uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")}
			event.Data = data
		}
		webhooks, err := payload.Of(event)
		if err != nil {
			t.Fatal(err)
		}
		possible := payload.Possible(record.Headers["ce_type"])
		if (len(webhooks) == 0) != (len(possible) == 0) {
			t.Errorf("%s becomes %d webhooks, possible are %v", name, len(webhooks), possible)
		}
		for _, webhook := range webhooks {
			if !slices.Contains(possible, webhook.Type) {
				t.Errorf("%s becomes %s, which is not thought possible", name, webhook.Type)
			}
			if (webhook.RoomID != uuid.Nil) != webhook.Type.OfRooms() || !webhook.At.Equal(event.Time) {
				t.Errorf("%s: %+v", name, webhook)
			}
			all[strings.TrimPrefix(string(webhook.Type), "dev.ism.")+"-of-"+name+".json"] = webhook
		}
	}
	tested, err := payload.Test(uuid.UUID{0: 9}, time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	tested.Body = bytes.ReplaceAll(tested.Body, []byte(tested.ID.String()), []byte(uuid.UUID{0: 1}.String()))
	all["webhook.tested.json"] = tested
	maps.Copy(all, ownExamples(t))
	return all
}

// ownExamples are the webhooks of what notifications itself tells.
func ownExamples(t *testing.T) map[string]payload.Webhook {
	t.Helper()
	all := map[string]payload.Webhook{}
	add := func(file string, webhook payload.Webhook, err error) {
		t.Helper()
		if err != nil || webhook.RoomID != uuid.Nil || webhook.Type.OfRooms() {
			t.Errorf("%s: %+v, %v", file, webhook, err)
		}
		all[file] = webhook
	}
	at := time.Date(2026, 11, 23, 12, 30, 45, 123456000, time.UTC)
	room, alice, endpoint := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a"), uuid.MustParse("0192d3a0-0000-7000-8000-0000000000a1"), uuid.UUID{0: 9}
	said := payload.PushRequested{
		ToUser:       []uuid.UUID{alice},
		Notification: json.RawMessage(`{"type":"LeaveRoom","roomId":"0192d3a0-0000-7000-8000-00000000000a","createdAt":"2026-11-23T12:30:45.123456Z"}`),
		Devices:      []payload.PushDevice{{UserID: alice, ID: "phone", Kind: "Fcm", Token: "cXk:APA91bF"}},
	}
	webhook, err := payload.Push(uuid.UUID{0: 1}, room, at, said)
	add("push.requested.json", webhook, err)
	webhook, err = payload.Failing(payload.WebhookFailing{
		EndpointID: endpoint, Description: "the shop's", FailingSince: wire.At(at.Add(-24 * time.Hour)), Failures: 290, DisabledAt: wire.At(at.Add(96 * time.Hour)),
	}, "first", at)
	add("webhook.failing.json", webhook, err)
	webhook, err = payload.Disabled(payload.WebhookDisabled{EndpointID: endpoint, Description: "the shop's", Reason: "failing", FailingSince: wire.At(at.Add(-120 * time.Hour))}, at)
	add("webhook.disabled.json", webhook, err)
	return all
}

// What is handed off a second time, to the same users, is the same webhook; of others it is another.
func TestAPushIsTheSameForTheSameUsers(t *testing.T) {
	event, alice, bob := uuid.New(), uuid.New(), uuid.New()
	id := func(to ...uuid.UUID) uuid.UUID {
		webhook, err := payload.Push(event, uuid.Nil, time.Now(), payload.PushRequested{ToUser: to, Notification: json.RawMessage(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		return webhook.ID
	}
	first, again := id(alice), id(alice)
	if first != again || first == id(bob) || first == id(alice, bob) {
		t.Error("the ids do not follow from the users")
	}
}

func TestWebhooksAreAsTheyAreDescribed(t *testing.T) {
	described := openapitest.Load(t, description)
	all := examples(t)
	seen := map[payload.Type]bool{}
	for file, webhook := range all {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, webhook.Body, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, pretty.Bytes()) {
			t.Errorf("%s: %v\n%s", file, err, pretty.String())
		}
		if err := described.Conforms(string(webhook.Type), webhook.Body); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		seen[webhook.Type] = true
	}
	if types := slices.Sorted(slices.Values(append(payload.Types(), payload.TypeWebhookTested))); !slices.Equal(slices.Sorted(maps.Keys(seen)), types) {
		t.Errorf("there are examples of %v, and types %v", slices.Sorted(maps.Keys(seen)), types)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(all) {
		t.Errorf("testdata has %d examples, want %d: %v", len(files), len(all), err)
	}
}

func TestAWebhookThatIsNotAsDescribedIsFound(t *testing.T) {
	described := openapitest.Load(t, description)
	for file, webhook := range examples(t) {
		for _, field := range []string{`"id"`, `"data"`, `"subject"`} {
			faulty := bytes.Replace(webhook.Body, []byte(field), []byte(`"no"`), 1)
			if described.Conforms(string(webhook.Type), faulty) == nil {
				t.Errorf("%s without %s is as described", file, field)
			}
		}
	}
}

// What leaves the messenger says nothing of who sees it.
func TestNothingInternalLeaves(t *testing.T) {
	for file, webhook := range examples(t) {
		for _, internal := range []string{"audience", "membershipVersion", "wholeRoom", "pace", "Preview", "unread"} {
			if bytes.Contains(webhook.Body, []byte(internal)) {
				t.Errorf("%s tells %s", file, internal)
			}
		}
	}
}

func TestAWebhookDoesNotGrowWithTheRoom(t *testing.T) {
	room, users := uuid.New(), make([]uuid.UUID, 10_000)
	members := make([]wire.Member, len(users))
	for i := range users {
		users[i] = uuid.New()
		members[i] = wire.Member{ID: users[i], DisplayName: strings.Repeat("a", 100)}
	}
	everybody := events.Audience{Users: users, Version: 1, WholeRoom: true}
	message := wire.Message{RoomID: room, ID: uuid.New(), SenderID: users[0], Body: json.RawMessage(`{"text":"a"}`), Type: wire.Text}
	for _, data := range []events.Data{
		events.RoomCreated{RoomID: room, Members: members, Audience: everybody},
		events.MessagePosted{RoomID: room, Message: message, Audience: everybody},
		events.MembershipChanged{RoomID: room, Change: wire.Leave, Member: members[0], Message: message, Audience: everybody},
		events.RoomEnded{RoomID: room, Removed: users, Audience: everybody},
		events.RoomRead{RoomID: room, UserID: users[0], Audience: everybody},
		events.RoomChanged{RoomID: room, Audience: everybody},
	} {
		webhooks, err := payload.Of(events.New("/ism/rooms", time.Now(), data))
		if err != nil || len(webhooks) != 1 || len(webhooks[0].Body) > 5000 {
			t.Errorf("%T: %d webhooks, the first of %d bytes, %v", data, len(webhooks), len(webhooks[0].Body), err)
		}
	}
}

func TestTheSameEventBecomesTheSameWebhooks(t *testing.T) {
	ids := func() (all []string) {
		for file, webhook := range examples(t) {
			if webhook.Type != payload.TypeWebhookTested {
				all = append(all, file+webhook.ID.String())
			}
		}
		slices.Sort(all)
		return all
	}
	if first, second := ids(), ids(); !slices.Equal(first, second) || len(slices.Compact(first)) != len(second) {
		t.Error(fmt.Sprint("the ids are ", first, ", then ", second))
	}
}
