// Package acls runs the services at a Kafka that enforces docs/kafka-acls.md, each with a principal of its own.
package acls

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/bus/checks"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// What others have made, and the services are told to use.
const backendsTopic, backendsGroup, pushTopic = "shop.told", "ism.notifications.in", "shop.pushes"

// Each service does its work with the ACLs that are documented and no others, whichever way it says who it is.
func TestServicesDoTheirWorkWithTheDocumentedACLs(t *testing.T) {
	kafka := deployment.StartGuardedKafka(t)
	told, pushes := kafka.BackendsTopic(t, backendsTopic), kafka.PushTopic(t, pushTopic)
	notifications, tokensOf := kafka.ByToken(t, "ISM_KAFKA_")
	rooms, roomsPassword := kafka.ByPassword(t, "ISM_KAFKA_", "ism-rooms")
	media, _ := kafka.ByPassword(t, "ISM_KAFKA_", "ism-media")
	backends, _ := kafka.ByPassword(t, "ISM_NOTIFICATIONS_KAFKA_IN_", "ism-kafka-in")
	for service, principal := range map[string]string{
		"rooms": "ism-rooms", "messages": "ism-messages", "realtime": "ism-realtime", "notifications": tokensOf, "media": "ism-media", "kafka-in": "ism-kafka-in",
	} {
		kafka.Allow(t, documented(t, service, principal))
	}
	d := deployment.FiveProcessesBehind(t, map[string]deployment.Settings{
		"rooms": rooms, "messages": kafka.ByCertificate(t, "ISM_KAFKA_", "ism-messages"), "realtime": kafka.ByCertificate(t, "ISM_KAFKA_", "ism-realtime"),
		"notifications": notifications, "media": media,
	}, backends, deployment.ReceiversHere(), deployment.Settings{
		"ISM_NOTIFICATIONS_KAFKA_IN": "true", "ISM_NOTIFICATIONS_KAFKA_IN_TOPIC": backendsTopic, "ISM_NOTIFICATIONS_KAFKA_IN_GROUP": backendsGroup,
		"ISM_NOTIFICATIONS_PUSH_TOPIC": pushTopic,
	})
	work(t, d, told, pushes)
	awaitGroups(t, kafka)
	for _, service := range d.Services() {
		for line := range strings.Lines(d.Log(t, service)) {
			if strings.Contains(line, "uthorization failed") || strings.Contains(line, "does not allow") {
				t.Errorf("%s is refused something: %s", service, line)
			}
		}
	}

	t.Run("one that lacks an ACL says so", func(t *testing.T) { lacksOne(t, d, kafka) })
	t.Run("the doctor sees topics and groups", func(t *testing.T) { doctorLooks(t, kafka) })
	t.Run("who is not let in is told why", func(t *testing.T) { notLetIn(t, kafka) })
	t.Run("a password is replaced", func(t *testing.T) { passwordIsReplaced(t, d, kafka, roomsPassword) })
}

// documented are the commands that give a service what docs/kafka-acls.md says.
func documented(t *testing.T, service, principal string) string {
	t.Helper()
	script := filepath.Join("..", "..", "deploy", "kafka", "acls")
	cmd := exec.CommandContext(t.Context(), script, service, "User:"+principal)
	cmd.Env = append(os.Environ(), "ISM_NOTIFICATIONS_KAFKA_IN_TOPIC="+backendsTopic, "ISM_NOTIFICATIONS_KAFKA_IN_GROUP="+backendsGroup,
		"ISM_NOTIFICATIONS_PUSH_TOPIC="+pushTopic)
	commands, err := cmd.Output()
	if err != nil || len(commands) == 0 {
		t.Fatalf("print the ACLs of %s: %v", service, err)
	}
	return string(commands)
}

// work has every topic written and read.
func work(t *testing.T, d *deployment.Deployment, told *deployment.BackendsTopic, pushes *deployment.PushTopic) {
	t.Helper()
	alice, bob, carol, backend := d.SignIn(t, "alice"), d.SignIn(t, "bob"), d.SignIn(t, "carol"), d.Backend(t)
	if err := carol.RegisterToken(t.Context(), "telephone", "Fcm", "a-token:of-fcm"); err != nil { // who has no stream
		t.Fatal(err)
	}
	var hooked atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hooked.Add(1) }))
	t.Cleanup(receiver.Close)
	room, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Soup", Invited: []uuid.UUID{alice.ID, bob.ID, carol.ID}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := backend.CreateWebhook(t.Context(), client.NewWebhook{URL: receiver.URL, Types: []string{"dev.ism.message.created"}, Rooms: []uuid.UUID{room.ID}})
	if err != nil {
		t.Fatal(err)
	}
	atBob := bob.Listen(t)
	message, err := alice.SendText(t.Context(), room.ID, "soup is ready")
	if err != nil {
		t.Fatal(err)
	}
	atBob.AwaitMessages(t, room.ID, 1)
	servicetest.Await(t, "the webhook", func() bool { return hooked.Load() > 0 })
	if _, err := alice.Edit(t.Context(), room.ID, message.ID, wire.TextBody{Text: "soup is cold"}); err != nil {
		t.Error(err)
	}
	if err := backend.DeleteWebhook(t.Context(), made.ID); err != nil {
		t.Error(err)
	}
	servicetest.Await(t, "the inbox and the preview", func() bool {
		inbox, err := bob.InboxSince(t.Context(), "")
		seen, roomErr := bob.Room(t.Context(), room.ID)
		return err == nil && roomErr == nil && len(inbox.Entries) > 0 && seen.LatestMessageText != nil && seen.LatestMessageText.Type == "Text"
	})
	if _, err := backend.Notify(t.Context(), client.Notification{To: []uuid.UUID{bob.ID}, Message: map[string]string{"order": "17"}}); err != nil {
		t.Fatal(err)
	}
	atBob.AwaitType(t, "SystemMessage")
	upload(t, d, alice, room.ID)
	told.Write(t, alice.ID.String(), `{"specversion":"1.0","id":"1","source":"/shop","type":"order.sent","data":{"toUser":"`+alice.ID.String()+
		`","type":"SystemMessage","message":{"order":"18"}}}`)
	servicetest.Await(t, "what the backends' topic says", func() bool {
		inbox, err := alice.InboxSince(t.Context(), "")
		return err == nil && slices.ContainsFunc(inbox.Entries, func(entry wire.InboxEntry) bool { return strings.Contains(string(entry.Event), `"18"`) })
	})
	pushes.Await(t, time.Minute, "a push to carol", func(value []byte) bool { return strings.Contains(string(value), carol.ID.String()) })
}

// upload has media process a picture, and tell the uploader's stream.
func upload(t *testing.T, d *deployment.Deployment, user *deployment.User, room uuid.UUID) {
	t.Helper()
	at := user.Listen(t)
	var content bytes.Buffer
	if err := jpeg.Encode(&content, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	medium, err := user.CreateMedium(t.Context(), client.NewMedium{RoomID: room, FileName: "soup.jpg", MIMEType: "image/jpeg", Size: int64(content.Len())})
	if err != nil {
		t.Fatal(err)
	}
	if err := medium.Upload.Form.Send(t.Context(), d.HTTP(), content.Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := user.CompleteMedium(t.Context(), medium.ID); err != nil {
		t.Fatal(err)
	}
	at.Await(t, time.Minute, "the picture is ready", func(all []client.StreamEvent) bool {
		return slices.ContainsFunc(all, func(event client.StreamEvent) bool {
			var told wire.MediaChanged
			return event.Type == "MediaChanged" && json.Unmarshal(event.Data, &told) == nil && told.ID == medium.ID && told.State == wire.MediaReady
		})
	})
}

// awaitGroups waits until every group has members, and has committed all that there is.
func awaitGroups(t *testing.T, kafka *deployment.GuardedKafka) {
	t.Helper()
	superuser := bus.New(bus.Config{Brokers: []string{kafka.Superuser()}}, telemetry.Discard(nil))
	t.Cleanup(superuser.Close)
	for group, topic := range map[string]string{
		"ism.rooms.previews": "ism.rooms", "ism.messages.timeline": "ism.rooms", "ism.notifications.inbox": "ism.rooms", "ism.notifications.webhooks": "ism.rooms",
		"ism.notifications.push": "ism.rooms", "ism.media": "ism.rooms", backendsGroup: backendsTopic,
	} {
		var found bus.Group
		servicetest.AwaitSuccess(t, group+" reads", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var err error
			if found, err = superuser.InspectGroup(ctx, group, topic); err == nil && (found.Members == 0 || found.Lag > 0) {
				return fmt.Errorf("the group is %+v", found)
			}
			return err
		})
	}
}

// lacksOne takes a right away, starts the service anew, and gives it back.
func lacksOne(t *testing.T, d *deployment.Deployment, kafka *deployment.GuardedKafka) {
	for resource, missing := range map[string]string{
		"--topic 'ism.users'": "Read on the topic ism.users", "--group 'ism.rooms.previews'": "Read on the group ism.rooms.previews",
	} {
		var right string
		for command := range strings.Lines(documented(t, "rooms", "ism-rooms")) {
			if strings.Contains(command, resource) {
				right = command
			}
		}
		d.Stop(t, "rooms")
		kafka.Take(t, right)
		d.Launch(t, "rooms")
		servicetest.Await(t, "it is not ready", func() bool {
			status, answer := d.Ready(t, "rooms")
			return status == http.StatusServiceUnavailable && strings.Contains(answer, `"kafka-access":"unavailable"`)
		})
		servicetest.Await(t, "it says what is missing", func() bool {
			_, _ = d.Ready(t, "rooms")
			return strings.Contains(d.Log(t, "rooms"), missing)
		})
		kafka.Allow(t, right)
		servicetest.Await(t, "it is ready", func() bool {
			status, _ := d.Ready(t, "rooms")
			return status == http.StatusOK
		})
	}
}

// doctorLooks has the doctor look without its ACLs, and then with them.
func doctorLooks(t *testing.T, kafka *deployment.GuardedKafka) {
	var environ []string
	for name, value := range kafka.ByCertificate(t, "ISM_KAFKA_", "ism-doctor") {
		environ = append(environ, name+"="+value)
	}
	unseen := func() (findings []string) {
		var cfg struct{ Kafka bus.Config }
		found := examinetest.Survey(t, &cfg, environ...)
		client := bus.New(cfg.Kafka, telemetry.Discard(nil))
		defer client.Close()
		part := checks.Part(client, cfg.Kafka, found, checks.Group{Name: "ism.rooms.previews", Service: "rooms", Topic: "ism.rooms"})
		for _, finding := range examine.Run(t.Context(), part.Checks) {
			if strings.Contains(finding.Found, "may not see it") {
				findings = append(findings, finding.Check)
			}
		}
		return findings
	}
	if without := unseen(); !slices.Contains(without, "ism.rooms") || !slices.Contains(without, "ism.rooms.previews") {
		t.Errorf("without ACLs it is told that it may not see %v", without)
	}
	kafka.Allow(t, documented(t, "doctor", "ism-doctor"))
	if with := unseen(); len(with) > 0 {
		t.Errorf("with them it may not see %v", with)
	}
}

// notLetIn has clients show what the broker does not take.
func notLetIn(t *testing.T, kafka *deployment.GuardedKafka) {
	password, _ := kafka.ByPassword(t, "ISM_KAFKA_", "ism-nobody")
	delete(password, "ISM_KAFKA_SASL_PASSWORD_FILE")
	password["ISM_KAFKA_SASL_PASSWORD"] = "of-somebody-else"
	token, _ := kafka.ByToken(t, "ISM_KAFKA_")
	token["ISM_KAFKA_OAUTH_CLIENT_SECRET"] = "of-somebody-else"
	for reason, settings := range map[string]deployment.Settings{"invalid credentials": password, "OAUTHBEARER": token} {
		var cfg struct{ Kafka bus.Config }
		var environ []string
		for name, value := range settings {
			environ = append(environ, name+"="+value)
		}
		if err := config.LoadFrom(&cfg, environ); err != nil {
			t.Fatal(err)
		}
		client := bus.New(cfg.Kafka, telemetry.Discard(nil))
		t.Cleanup(client.Close)
		var told error
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			told = client.Ready(ctx)
			cancel()
			if told == nil || strings.Contains(told.Error(), reason) {
				break
			}
		}
		if told == nil || !strings.Contains(told.Error(), reason) {
			t.Errorf("%s: %v", reason, told)
		}
	}
}

// passwordIsReplaced has a service refused with the password that it has, and then gives it the other one while it runs.
func passwordIsReplaced(t *testing.T, d *deployment.Deployment, kafka *deployment.GuardedKafka, file string) {
	const other = "another-one"
	kafka.SetPassword(t, "ism-rooms", other)
	d.AwaitLog(t, "rooms", "invalid credentials")
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	d.AwaitLog(t, "rooms", "a Kafka client uses the password that its file has by now")
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "bob")
	at := bob.Listen(t)
	if _, err := alice.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: "Stew", Invited: []uuid.UUID{alice.ID, bob.ID}}); err != nil {
		t.Fatal(err)
	}
	at.AwaitType(t, "NewRoom")
}
