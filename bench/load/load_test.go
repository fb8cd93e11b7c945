package load

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// messenger is as much of one as the load needs: whoever sends is heard on every stream.
type messenger struct {
	// answer says how the message of this number is answered, from 0, and how often each stream has it. What arrives first is up to the
	// machine; the number is not.
	answer func(number int) (status, deliveries int)

	mu      sync.Mutex
	sent    int
	streams []chan string
}

func (m *messenger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/rooms":
		_, _ = io.WriteString(w, `[]`)
	case "/api/rooms/create-room":
		fmt.Fprintf(w, `{"id":%q}`, uuid.New())
	case "/api/sse":
		m.stream(w, r)
	case "/api/send-msg":
		m.send(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (m *messenger) stream(w http.ResponseWriter, r *http.Request) {
	lines := make(chan string, 1000)
	m.mu.Lock()
	m.streams = append(m.streams, lines)
	m.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "id: opaque\n\n")
	for {
		w.(http.Flusher).Flush() //nolint:forcetypeassert // HTTP/1.1's
		select {
		case text := <-lines:
			_, _ = io.WriteString(w, text)
		case <-r.Context().Done():
			return
		}
	}
}

func (m *messenger) send(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Body json.RawMessage `json:"msgBody"`
	}
	if r.Header.Get("Authorization") == "" || json.NewDecoder(r.Body).Decode(&request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var body struct {
		Text string `json:"text"`
	}
	number, err := 0, json.Unmarshal(request.Body, &body)
	if err == nil {
		number, err = strconv.Atoi(body.Text[strings.LastIndex(body.Text, "-")+1:])
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	status, deliveries := m.answer(number)
	m.sent++
	for _, stream := range m.streams {
		stream <- fmt.Sprintf("id: 1\ndata: {\"type\":\"RoomChanged\",\"preview\":%s}\n\n", request.Body)
		for range deliveries {
			stream <- fmt.Sprintf("id: 1\ndata: {\"type\":\"ChatMessage\",\"msgBody\":%s,\"preview\":%s}\n\n", request.Body, request.Body)
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"messageId":"an answer"}`)
}

func measured(t *testing.T, m *messenger) Result {
	t.Helper()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	result, err := Run(t.Context(), Options{
		BaseURL: server.URL, Users: Names(5), RoomSize: 2, Rate: 200, WarmUp: 100 * time.Millisecond, Duration: 200 * time.Millisecond,
		Token: func(context.Context, string) (string, error) {
			claims := fmt.Sprintf(`{"sub":%q}`, uuid.New())
			return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Users beyond the last full room are left out; all four who are in rooms hear every message here, of which two are expected.
func TestWhatIsSentAndDeliveredIsCounted(t *testing.T) {
	m := &messenger{answer: func(int) (int, int) { return http.StatusOK, 1 }}
	got := measured(t, m)
	if m.sent != 60 || got.Users != 4 || got.Sent != 40 || got.Failed != 0 || got.Expected != 80 || got.Delivered < 80 || got.Repeated != 0 {
		t.Errorf("%d sent: %+v", m.sent, got)
	}
	// 40 messages from the first to be counted to the last answer, which cannot come before the last appointed time, 195 ms later.
	if got.Ack.P50 <= 0 || got.Delivery.P50 <= 0 || got.Sustained <= 0 || got.Sustained > 40/0.195 {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsRefusedIsCountedByItsAnswer(t *testing.T) {
	m := &messenger{}
	m.answer = func(n int) (int, int) {
		switch {
		case n%4 == 0:
			return http.StatusServiceUnavailable, 1 // written all the same
		case n%4 == 1:
			return http.StatusTooManyRequests, 0
		default:
			return http.StatusOK, 1
		}
	}
	got := measured(t, m)
	if want := map[string]int{"503": 10, "429": 10}; got.Failed != 20 || !maps.Equal(got.Failures, want) || got.Expected != 40 {
		t.Errorf("%+v", got)
	}
	if got.Delivered > 4*20 {
		t.Errorf("deliveries of refused messages are counted: %d", got.Delivered)
	}
}

func TestWhatComesTwiceIsToldFromWhatIsExpected(t *testing.T) {
	got := measured(t, &messenger{answer: func(int) (int, int) { return http.StatusOK, 2 }})
	if got.Repeated == 0 || got.Delivered > 4*40 {
		t.Errorf("%+v", got)
	}
}

func TestAMessengerThatTakesNothingIsAnError(t *testing.T) {
	server := httptest.NewServer(&messenger{answer: func(int) (int, int) { return http.StatusServiceUnavailable, 0 }})
	defer server.Close()
	_, err := Run(t.Context(), Options{
		BaseURL: server.URL, Users: Names(2), RoomSize: 2, Rate: 100, Duration: 50 * time.Millisecond,
		Token: func(context.Context, string) (string, error) {
			return "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"0192d3a0-0000-7000-8000-000000000001"}`)) + ".", nil
		},
	})
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v", err)
	}
}
