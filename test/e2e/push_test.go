package e2e

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

// pushTimeout is how long a push may take: a stream's end is told ten seconds late, and a user is given five to come back.
const pushTimeout = time.Minute

// webPushes has a deployment send Web Pushes.
func webPushes() deployment.Settings {
	return deployment.Settings{"ISM_NOTIFICATIONS_VAPID_SUBJECT": "mailto:ops@example.com"}
}

// push is what a push service got for a browser.
type push struct {
	header http.Header
	body   []byte
}

// pushService takes pushes, by the path of the browser.
type pushService struct {
	mu     sync.Mutex
	pushes map[string][]push
}

func (s *pushService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.pushes[r.URL.Path] = append(s.pushes[r.URL.Path], push{r.Header, body})
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

func (s *pushService) at(path string) []push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pushes[path])
}

// browser is a subscription, and the key that decrypts what is sent there.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

// subscribe subscribes a user's browser at a push service.
func subscribe(t *testing.T, user *deployment.User, endpoint string) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{key, []byte("0123456789abcdef")}
	encode := base64.RawURLEncoding.EncodeToString
	if err := user.Subscribe(t.Context(), "laptop", client.Subscription{Endpoint: endpoint, P256dh: encode(key.PublicKey().Bytes()), Auth: encode(b.auth)}); err != nil {
		t.Fatalf("subscribe the browser of %s: %v", user.Name, err)
	}
	t.Cleanup(func() { _ = user.DeleteDevice(t.Context(), "laptop") })
	return b
}

// decrypt decrypts a push of one record, as RFC 8291, section 3.4, has it.
func (b browser) decrypt(t *testing.T, body []byte) []byte {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("decrypt a push: %v", err)
		}
	}
	const salted, headed = 16, 16 + 4 + 1 + 65 // salt, record size, length of the key, key: RFC 8188, section 2.1
	if len(body) <= headed {
		t.Fatalf("a push has %d bytes", len(body))
	}
	salt, theirs, sealed := body[:salted], body[headed-65:headed], body[headed:]
	public, err := ecdh.P256().NewPublicKey(theirs)
	check(err)
	secret, err := b.key.ECDH(public)
	check(err)
	derive := func(secret, salt []byte, info string, n int) []byte {
		derived, err := hkdf.Key(sha256.New, secret, salt, info, n)
		check(err)
		return derived
	}
	input := derive(secret, b.auth, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(theirs), 32)
	block, err := aes.NewCipher(derive(input, salt, "Content-Encoding: aes128gcm\x00", 16))
	check(err)
	gcm, err := cipher.NewGCM(block)
	check(err)
	opened, err := gcm.Open(nil, derive(input, salt, "Content-Encoding: nonce\x00", gcm.NonceSize()), sealed, nil)
	check(err)
	text, _, _ := strings.Cut(string(opened), "\x02") // the delimiter of the last record, before the padding
	return []byte(text)
}

// pushed is what a service worker is handed.
type pushed struct {
	Type, Title, Text string
	RoomID, MessageID uuid.UUID
}

// userWithoutAStreamGetsAPush has somebody be told of a message by Web Push, encrypted for its browser, who has no stream. Who has one is not told.
func userWithoutAStreamGetsAPush(t *testing.T, d *deployment.Deployment) {
	alice, bob, carol := d.SignIn(t, "alice"), d.SignIn(t, "u15"), d.SignIn(t, "u16")
	service := &pushService{pushes: map[string][]push{}}
	server := httptest.NewServer(service)
	defer server.Close()
	browser := subscribe(t, bob, server.URL+"/bob")
	subscribe(t, carol, server.URL+"/carol")
	atCarol := carol.Listen(t)
	room := createRoom(t, alice, wire.Group, "Push", bob, carol)
	sent := send(t, alice, room.ID, "Süß oder salzig?")
	atCarol.AwaitMessages(t, room.ID, 1)

	var got pushed
	var of push
	for end := time.Now().Add(pushTimeout); got.MessageID != sent.ID; <-time.After(100 * time.Millisecond) {
		for _, of = range service.at("/bob") {
			if err := json.Unmarshal(browser.decrypt(t, of.body), &got); err != nil {
				t.Fatal(err)
			}
			if got.MessageID == sent.ID {
				break
			}
		}
		if time.Now().After(end) {
			t.Fatalf("bob is not told of the message: %d pushes", len(service.at("/bob")))
		}
	}
	if want := (pushed{"ChatMessage", got.Title, "Süß oder salzig?", room.ID, sent.ID}); got != want || !strings.Contains(got.Title, alice.DisplayName) {
		t.Errorf("the push says %+v, want %+v", got, want)
	}
	key, err := bob.VAPIDKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if by := of.header.Get("Authorization"); !strings.HasPrefix(by, "vapid ") || !strings.Contains(by, "k="+key) {
		t.Errorf("it is authorized by %q, the key is %s", by, key)
	}
	if of.header.Get("Content-Encoding") != "aes128gcm" || of.header.Get("TTL") == "" {
		t.Errorf("its headers are %v", of.header)
	}
	if n := len(service.at("/carol")); n > 0 {
		t.Errorf("carol, who has a stream, is told by %d pushes", n)
	}
}

// userWithoutAStreamIsHandedOff has a sender of the operator's read from its topic whom to tell of a message, and where.
func userWithoutAStreamIsHandedOff(t *testing.T, d *deployment.Deployment, topic *deployment.PushTopic) {
	alice, bob := d.SignIn(t, "alice"), d.SignIn(t, "u15")
	if err := bob.RegisterToken(t.Context(), "phone", "Fcm", "a-token:of-fcm"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bob.DeleteDevice(t.Context(), "phone"); err != nil {
			t.Error(err)
		}
	}()
	room := createRoom(t, alice, wire.Group, "Hand-off", bob)
	sent := send(t, alice, room.ID, "Soup?")
	type handedOff struct {
		To           []uuid.UUID `json:"to_user"`
		Notification wire.ChatMessage
		Devices      []struct {
			UserID                uuid.UUID
			DeviceID, Kind, Token string
		}
	}
	var got handedOff
	topic.Await(t, pushTimeout, "the message is handed off", func(value []byte) bool {
		var one handedOff
		if err := json.Unmarshal(value, &one); err != nil {
			t.Errorf("handed off is %s: %v", value, err)
		}
		got = one
		return one.Notification.Type == "ChatMessage" && one.Notification.Message.ID == sent.ID
	})
	if want := fmt.Sprintf("[{%s phone Fcm a-token:of-fcm}]", bob.ID); !slices.Equal(got.To, []uuid.UUID{bob.ID}) || fmt.Sprint(got.Devices) != want {
		t.Errorf("it is for %v on %v, want %s", got.To, got.Devices, want)
	}
}
