package deployable

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthSaysWhatReadySays(t *testing.T) {
	status, answer := http.StatusServiceUnavailable, `{"status":"not-ready","checks":{"kafka":"unavailable"}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	t.Setenv("ISM_HTTP_ADDRESS", strings.TrimPrefix(server.URL, "http://"))

	if err := Health(t.Context()); err == nil || !strings.Contains(err.Error(), `"kafka":"unavailable"`) {
		t.Errorf("not ready is told as %v", err)
	}
	status, answer = http.StatusOK, `{"status":"ready"}`
	if err := Health(t.Context()); err != nil {
		t.Errorf("ready is told as %v", err)
	}
	server.Close()
	if err := Health(t.Context()); err == nil {
		t.Error("what does not listen is healthy")
	}
}

func TestAListenerIsReachedFromBesideIt(t *testing.T) {
	for configured, want := range map[string]string{
		"":               "http://127.0.0.1:5403",
		":8080":          "http://127.0.0.1:8080",
		"0.0.0.0:8080":   "http://127.0.0.1:8080",
		"[::]:8080":      "http://[::1]:8080",
		"127.0.0.1:8080": "http://127.0.0.1:8080",
		"10.0.0.7:8080":  "http://10.0.0.7:8080",
	} {
		if got, err := publicAddress(configured); err != nil || got != want {
			t.Errorf("%q is reached at %q, %v; want %q", configured, got, err, want)
		}
	}
	if _, err := publicAddress("nonsense"); err == nil {
		t.Error("nonsense is an address")
	}
}

func TestAnUnknownCommandIsRefused(t *testing.T) {
	if code := Program([]string{"heatlh"}, "rooms", func(*struct{ Config }, *Host) (Service, error) { return nil, nil }); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
