package webpush

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/internal/push/taker"
	"github.com/ism-chat/ism/services/notifications/internal/push/vapid"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/guard"
	"github.com/ism-chat/ism/services/notifications/store"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// browser decrypts as RFC 8291 has it.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return browser{key, []byte("0123456789abcdef")}
}

func (b browser) device(user uuid.UUID) store.Device {
	encode := base64.RawURLEncoding.EncodeToString
	return store.Device{UserID: user, ID: "browser", Kind: store.WebPush, Target: "https://push.example/1", P256dh: encode(b.key.PublicKey().Bytes()), Auth: encode(b.auth)}
}

func (b browser) decrypt(t *testing.T, body []byte) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	salt, theirs, sealed := body[:16], body[21:21+65], body[21+65:]
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
	opened, err := gcm.Open(nil, derive(input, salt, "Content-Encoding: nonce\x00", 12), sealed, nil)
	check(err)
	return strings.TrimSuffix(strings.TrimRight(string(opened), "\x00"), "\x02")
}

// service is a push service, and the store.
type service struct {
	mu      sync.Mutex
	answers []guard.Answer // the last one stays
	fails   bool
	unread  int // below 0: rooms does not answer
	bodies  [][]byte
	headers []http.Header
	deleted int
}

func (s *service) Post(_ context.Context, _ string, header http.Header, body []byte) (guard.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies, s.headers = append(s.bodies, body), append(s.headers, header)
	if s.fails {
		return guard.Answer{}, errors.New("nobody answers")
	}
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer, nil
}

func (s *service) DeleteDevice(context.Context, uuid.UUID, string, string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted++
	return true, nil
}

func (s *service) Unread(ctx context.Context, user uuid.UUID) (events.UnreadAnswer, error) {
	if s.unread < 0 {
		<-ctx.Done()
		return events.UnreadAnswer{}, ctx.Err()
	}
	return events.UnreadAnswer{UserID: user, Rooms: 1, Messages: s.unread}, nil
}

func (s *service) posts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}

func (s *service) VAPIDKeys(_ context.Context, fresh store.VAPIDKeys) (store.VAPIDKeys, error) {
	return fresh, nil
}

func status(code int, header ...string) guard.Answer {
	answer := guard.Answer{Status: code, Header: http.Header{}}
	for i := 0; i+1 < len(header); i += 2 {
		answer.Header.Set(header[i], header[i+1])
	}
	return answer
}

func message() *taker.Event {
	return &taker.Event{
		ID: uuid.New(), Type: "ChatMessage", At: time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC), RoomID: uuid.New(), MessageID: uuid.New(), Title: "bob", Text: "Soup?",
	}
}

// play runs a sender in a bubble, tells a user something, and ends it with the test.
func play(t *testing.T, s *service, event *taker.Event, preview Preview, test func(b browser)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sender := New(Config{
			Subject: "mailto:ops@example.com", TTL: time.Hour, Preview: preview, Client: s, Keys: vapid.NewKeys(store.VAPIDKeys{}, s), Store: s, Unread: s,
			Tel: telemetry.Discard(slog.New(slog.DiscardHandler)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := sender.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		b := newBrowser(t)
		token := store.Device{Kind: store.FCM, Target: "a"}
		if err := sender.Tell(ctx, []taker.Told{{Event: event, Devices: []store.Device{token, b.device(uuid.New())}}}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		test(b)
		cancel()
		running.Wait()
	})
}

func TestABrowserReadsWhatIsSent(t *testing.T) {
	event := message()
	s := &service{answers: []guard.Answer{status(http.StatusCreated)}, unread: 7}
	play(t, s, event, Full, func(b browser) {
		if s.posts() != 1 {
			t.Fatalf("%d are sent", s.posts())
		}
		want := `{"type":"ChatMessage","title":"bob","text":"Soup?","roomId":"` + event.RoomID.String() + `","messageId":"` + event.MessageID.String() + `","createdAt":"2026-11-29T20:00:00.000000Z","badge":7}`
		if got := b.decrypt(t, s.bodies[0]); got != want {
			t.Errorf("it reads %s, want %s", got, want)
		}
		header := s.headers[0]
		if header.Get("Ttl") != "3600" || header.Get("Urgency") != "high" || len(header.Get("Topic")) != 22 || header.Get("Content-Encoding") != "aes128gcm" || len(s.bodies[0]) > 4096 {
			t.Errorf("sent is %v, %d bytes", header, len(s.bodies[0]))
		}
		_, rest, _ := strings.Cut(header.Get("Authorization"), "vapid t=")
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(rest, ".")[1])
		var said struct{ Aud, Sub string }
		if err := errors.Join(err, json.Unmarshal(claims, &said)); err != nil || said.Aud != "https://push.example" || said.Sub != "mailto:ops@example.com" {
			t.Errorf("it says %s, %v", claims, err)
		}
	})
}

func TestPreviews(t *testing.T) {
	t.Parallel()
	event := message()
	event.Title, event.Text = strings.Repeat("\x01", 5000), strings.Repeat("😀", 5000)
	for preview, wants := range map[Preview][2]bool{Full: {true, true}, SenderOnly: {true, false}, Nothing: {false, false}} {
		said, most := preview.payloadOf(event), math.MaxInt
		said.Badge = &most
		encoded, err := json.Marshal(said)
		if err != nil || len(encoded) > 3993 || strings.Contains(string(encoded), "title") != wants[0] || strings.Contains(string(encoded), "text") != wants[1] {
			t.Errorf("%s: %d bytes, %.100s, %v", preview, len(encoded), encoded, err)
		}
	}
}

func TestAPushWaitsForNoBadge(t *testing.T) {
	s := &service{answers: []guard.Answer{status(http.StatusCreated)}, unread: -1}
	play(t, s, message(), Nothing, func(b browser) {
		time.Sleep(time.Second)
		if s.posts() != 1 || strings.Contains(b.decrypt(t, s.bodies[0]), "badge") {
			t.Errorf("%d are sent", s.posts())
		}
	})
}

func TestWhoseSubscriptionIsGoneIsForgotten(t *testing.T) {
	s := &service{answers: []guard.Answer{status(http.StatusGone)}}
	play(t, s, message(), Full, func(browser) {
		time.Sleep(time.Hour)
		if s.posts() != 1 || s.deleted != 1 {
			t.Errorf("%d are sent, %d are deleted", s.posts(), s.deleted)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	s := &service{answers: []guard.Answer{status(http.StatusTooManyRequests, "Retry-After", "120"), status(http.StatusCreated)}}
	play(t, s, message(), Full, func(browser) {
		time.Sleep(119 * time.Second)
		if s.posts() != 1 {
			t.Errorf("%d are sent too early", s.posts())
		}
		time.Sleep(3 * time.Second)
		if s.posts() != 2 {
			t.Errorf("%d are sent", s.posts())
		}
	})
}

func TestWhatFailsIsSentAgainForAWhile(t *testing.T) {
	s := &service{fails: true}
	play(t, s, message(), Full, func(browser) {
		time.Sleep(time.Hour)
		if s.posts() != 1+len(delays) {
			t.Errorf("%d are sent", s.posts())
		}
	})
}

func TestWhatIsRefusedIsNotSentAgain(t *testing.T) {
	s := &service{answers: []guard.Answer{status(http.StatusForbidden)}}
	play(t, s, message(), Full, func(browser) {
		time.Sleep(time.Hour)
		if s.posts() != 1 || s.deleted != 0 {
			t.Errorf("%d are sent, %d are deleted", s.posts(), s.deleted)
		}
	})
}
