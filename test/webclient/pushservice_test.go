package webclient

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// pushTimeout is how long a push may take: a stream's end is told ten seconds late, and what fails is sent again after up to 30 seconds.
const pushTimeout = 2 * time.Minute

// pushService is a push service (RFC 8030) with one browser, whose keys it holds: the test reads what the browser would.
type pushService struct {
	URL  string
	key  *ecdh.PrivateKey // of the browser
	auth []byte           // the secret that it shares with who pushes

	mu      sync.Mutex
	status  int // what it answers
	arrived chan push
}

// push is what was sent to the browser.
type push struct {
	header http.Header
	body   []byte
}

func newPushService(t *testing.T) *pushService {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &pushService{key: key, auth: make([]byte, 16), status: http.StatusCreated, arrived: make(chan push, 64)}
	_, _ = rand.Read(s.auth) // it never fails
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *pushService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4097)) // 4096 bytes are the most that it must take: RFC 8030, section 7.2
	if err != nil || r.Method != http.MethodPost || len(body) > 4096 {
		http.Error(w, "this is no push", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	status := s.status
	s.mu.Unlock()
	s.arrived <- push{r.Header, body}
	w.Header().Set("Location", s.URL+"/messages/1")
	w.WriteHeader(status)
}

// answer has it answer so from now on.
func (s *pushService) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// take waits for the next push.
func (s *pushService) take(t *testing.T) push {
	t.Helper()
	begun := time.Now()
	select {
	case one := <-s.arrived:
		t.Logf("a push arrives after %s", time.Since(begun).Round(time.Millisecond))
		return one
	case <-time.After(pushTimeout):
		t.Fatal("no push arrives")
		return push{}
	}
}

// waiting are the pushes that nobody has taken.
func (s *pushService) waiting() int { return len(s.arrived) }

// read checks who has sent a push, by the key with which the page has subscribed, and gives what it says.
func (s *pushService) read(t *testing.T, sent push, subscribedWith []byte) []byte {
	t.Helper()
	s.checkSender(t, sent.header.Get("Authorization"), subscribedWith)
	if sent.header.Get("Content-Encoding") != "aes128gcm" || sent.header.Get("TTL") == "" || len(sent.header.Get("Topic")) > 32 {
		t.Errorf("the headers of a push are %v", sent.header)
	}
	said, err := s.decrypt(sent.body)
	if err != nil {
		t.Fatalf("decrypt a push of %d bytes: %v", len(sent.body), err)
	}
	return said
}

// checkSender verifies the sender's token (RFC 8292, sections 2 and 3).
func (s *pushService) checkSender(t *testing.T, authorization string, subscribedWith []byte) {
	t.Helper()
	parameters := map[string]string{}
	for each := range strings.SplitSeq(strings.TrimPrefix(authorization, "vapid "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(each), "=")
		parameters[name] = value
	}
	public, err := base64.RawURLEncoding.DecodeString(parameters["k"])
	if err != nil || !bytes.Equal(public, subscribedWith) {
		t.Fatalf("a push is by the key %x, the page has subscribed with %x (%v)", public, subscribedWith, err)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		t.Fatalf("the sender's key: %v", err)
	}
	claims := jwt.RegisteredClaims{}
	_, err = jwt.ParseWithClaims(parameters["t"], &claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(s.URL), jwt.WithExpirationRequired(), jwt.WithSubject(pushSubject))
	if err != nil {
		t.Errorf("the token of a push, %v: %v", claims, err)
	}
	if claims.ExpiresAt != nil && time.Until(claims.ExpiresAt.Time) > 24*time.Hour {
		t.Errorf("the token of a push is good until %s: more than a day", claims.ExpiresAt)
	}
}

// decrypt reads a push of one record: RFC 8188, section 2, with the keys of RFC 8291, section 3.4.
func (s *pushService) decrypt(body []byte) ([]byte, error) {
	const header, point = 16 + 4 + 1, 65
	if len(body) < header+point || body[header-1] != point {
		return nil, fmt.Errorf("it has no header of RFC 8188 with a key of P-256: %x", body[:min(len(body), header)])
	}
	salt, size, theirs, record := body[:16], binary.BigEndian.Uint32(body[16:20]), body[header:header+point], body[header+point:]
	if uint32(len(record)) > size {
		return nil, fmt.Errorf("a record of %d bytes is longer than it says, %d", len(record), size)
	}
	public, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, fmt.Errorf("read the sender's key: %w", err)
	}
	secret, err := s.key.ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("agree on a secret: %w", err)
	}
	var failed error
	derive := func(secret, salt []byte, info string, length int) []byte {
		derived, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			failed = err
		}
		return derived
	}
	input := derive(secret, s.auth, "WebPush: info\x00"+string(s.key.PublicKey().Bytes())+string(theirs), 32)
	contentKey, nonce := derive(input, salt, "Content-Encoding: aes128gcm\x00", 16), derive(input, salt, "Content-Encoding: nonce\x00", 12)
	if failed != nil {
		return nil, fmt.Errorf("derive the keys: %w", failed)
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, fmt.Errorf("use the content's key: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("use the content's key: %w", err)
	}
	opened, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, fmt.Errorf("open the record: %w", err)
	}
	text, last := bytes.CutSuffix(bytes.TrimRight(opened, "\x00"), []byte{2}) // the delimiter of the last record, before the padding
	if !last {
		return nil, fmt.Errorf("it ends without the delimiter of the last record")
	}
	return text, nil
}
