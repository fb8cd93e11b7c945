package demo

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// standIn answers as a messenger does that has just been started.
type standIn struct {
	url  string
	room uuid.UUID

	mu        sync.Mutex
	slow      map[string]int      // how often a path is still answered with 503 and Retry-After
	sends     map[string][]string // what becomes of the sends of a text, one after the other; then they work
	asked     map[string]int      // how often a text was sent
	cut       int                 // message behind which bob's stream is cut, once; 0: none
	withheld  bool                // whether streams are given messages
	log       []wire.Message
	changed   chan struct{} // is replaced when something has changed
	histories int
}

// What becomes of a send, beside that it works.
const (
	refused   = "rooms-unavailable"   // it is not written, and that is certain
	unwritten = "service-unavailable" // it is not written, and nobody knows
	written   = "kafka-unavailable"   // it is written, and nobody knows
	forbidden = "forbidden"
)

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{room: uuid.New(), slow: map[string]int{}, sends: map[string][]string{}, asked: map[string]int{}, changed: make(chan struct{})}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /realms/ism/protocol/openid-connect/token", s.quick(s.token))
	routes.HandleFunc("GET /api/rooms", s.quick(func(w http.ResponseWriter, _ *http.Request) { answer(w, []wire.Room{}) }))
	routes.HandleFunc("POST /api/rooms/create-room", s.quick(func(w http.ResponseWriter, _ *http.Request) { answer(w, wire.Room{ID: s.room, Type: wire.Single}) }))
	routes.HandleFunc("GET /api/rooms/{room}/timeline", s.quick(s.timeline))
	routes.HandleFunc("POST /api/send-msg", s.send)
	routes.HandleFunc("GET /api/sse", s.quick(s.stream))
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// quick answers with 503 as long as the path is slow.
func (s *standIn) quick(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := strings.ReplaceAll(r.URL.Path, s.room.String(), "ROOM")
		s.mu.Lock()
		late := s.slow[path] > 0
		s.slow[path]--
		s.mu.Unlock()
		if late {
			problem(w, http.StatusServiceUnavailable, "service-unavailable")
			return
		}
		handle(w, r)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "7")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code})
}

func userID(name string) uuid.UUID { return uuid.NewSHA1(uuid.Nil, []byte(name)) }

func (s *standIn) token(w http.ResponseWriter, r *http.Request) {
	claims := fmt.Sprintf(`{"sub":%q}`, userID(r.FormValue("username")))
	answer(w, map[string]any{"access_token": "x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x", "expires_in": 300})
}

func caller(r *http.Request) uuid.UUID {
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(r.Header.Get("Authorization"), ".")[1])
	var claims struct{ Sub uuid.UUID }
	_ = json.Unmarshal(raw, &claims)
	return claims.Sub
}

func (s *standIn) timeline(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.histories++
	page := []wire.Message{}
	for i := len(s.log) - 1; i >= 0 && len(page) < 25; i-- {
		page = append(page, s.log[i])
	}
	answer(w, page)
}

func (s *standIn) send(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Body wire.TextBody `json:"msgBody"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	text, _ := json.Marshal(body.Body)
	message := wire.Message{RoomID: s.room, ID: uuid.New(), SenderID: caller(r), Body: text, Type: wire.Text, CreatedAt: wire.At(time.Now())}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[body.Body.Text]++
	fate := ""
	if fates := s.sends[body.Body.Text]; len(fates) > 0 {
		fate, s.sends[body.Body.Text] = fates[0], fates[1:]
	}
	if fate == "" || fate == written {
		s.log = append(s.log, message)
		s.change()
	}
	switch fate {
	case "":
		answer(w, message)
	case forbidden:
		problem(w, http.StatusForbidden, fate)
	default:
		problem(w, http.StatusServiceUnavailable, fate)
	}
}

// change wakes the streams. The caller holds mu.
func (s *standIn) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// deliver withholds messages from streams, or ends that.
func (s *standIn) deliver(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld = !on
	s.change()
}

func (s *standIn) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	next := len(s.log)
	s.mu.Unlock()
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		next, _ = strconv.Atoi(id)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "retry: 3000\nid: %d\n\n", next)
	for {
		w.(http.Flusher).Flush()
		s.mu.Lock()
		changed, missed := s.changed, []wire.Message(nil)
		if !s.withheld {
			missed = append(missed, s.log[next:]...)
		}
		ends := caller(r) == userID("bob") && s.cut > 0 && next+len(missed) >= s.cut
		if ends {
			missed, s.cut = missed[:max(0, s.cut-next)], 0
		}
		s.mu.Unlock()
		for _, message := range missed {
			next++
			data, _ := json.Marshal(wire.ChatMessage{Type: "ChatMessage", Message: message})
			fmt.Fprintf(w, "id: %d\ndata: %s\n\n", next, data)
		}
		if ends {
			return
		}
		if len(missed) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// count is how often a text is in the log, and how often it was sent.
func (s *standIn) count(text string) (logged, asked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, message := range s.log {
		if textOf(message) == text {
			logged++
		}
	}
	return logged, s.asked[text]
}
