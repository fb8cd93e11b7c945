package oneprocess

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ism-chat/ism/clients/web"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/telemetry"
)

// served is the public listener with the web client alone.
func served(t *testing.T) *httpapi.Server {
	t.Helper()
	client, err := web.New(web.Config{Issuer: "http://localhost:5403/realms/ism", ClientID: "ism-web", Scope: "openid profile"})
	if err != nil {
		t.Fatal(err)
	}
	server := httpapi.New(httpapi.Config{BodyLimit: 4096, HeaderLimit: 4096}, httpapi.Deps{Service: "ism", Telemetry: telemetry.Discard(nil)})
	webClient{client}.Routes(server.App)
	return server
}

func get(t *testing.T, server *httpapi.Server, path string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := server.App.Test(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func TestTheWebClientIsServed(t *testing.T) {
	server := served(t)
	response, page := get(t, server, "/app/")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/html; charset=utf-8" || response.Header.Get("Cache-Control") != "no-cache" ||
		!strings.Contains(response.Header.Get("Content-Security-Policy"), "default-src 'none'") || response.Header.Get("Referrer-Policy") != "no-referrer" || !bytes.Contains(page, []byte("<html")) {
		t.Errorf("the page: %d, %v", response.StatusCode, response.Header)
	}
	if again, body := get(t, server, "/app/", "If-None-Match", response.Header.Get("Etag")); again.StatusCode != http.StatusNotModified || len(body) > 0 {
		t.Errorf("the page that is known: %d, %d bytes", again.StatusCode, len(body))
	}
	if config, body := get(t, server, "/app/config.json"); config.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"clientId":"ism-web"`)) {
		t.Errorf("the configuration: %d, %s", config.StatusCode, body)
	}
	if led, _ := get(t, server, "/app"); led.StatusCode != http.StatusPermanentRedirect || led.Header.Get("Location") != "/app/" {
		t.Errorf("without its slash: %d to %q", led.StatusCode, led.Header.Get("Location"))
	}
	for _, path := range []string{"/app/nothing.js", "/app/index.html/", "/app//", "/app/%2e%2e/x", "/application"} {
		if missing, body := get(t, server, path); missing.StatusCode != http.StatusNotFound || missing.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d, %s", path, missing.StatusCode, body)
		}
	}
}

// Who takes gzip gets it, and both are the same content.
func TestTheWebClientIsCompressed(t *testing.T) {
	server := served(t)
	compressed := 0
	for _, path := range []string{"/app/", "/app/sw.js"} {
		plain, whole := get(t, server, path)
		small, body := get(t, server, path, "Accept-Encoding", "gzip, deflate, br")
		if plain.StatusCode != http.StatusOK || small.Header.Get("Content-Encoding") != "gzip" {
			continue
		}
		compressed++
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(reader); err != nil || !bytes.Equal(back, whole) || plain.Header.Get("Content-Encoding") != "" || small.Header.Get("Vary") == "" {
			t.Errorf("%s: %d bytes and %d, %v, %v", path, len(back), len(whole), err, small.Header)
		}
	}
	if compressed == 0 {
		t.Error("nothing is compressed")
	}
}

func TestSettingsOfTheWebClient(t *testing.T) {
	environment(t, development(nil))
	if cfg, _, err := load(); err != nil || !cfg.Web.Enabled || cfg.Web.ClientID != "ism-web" || cfg.Web.Scope != "openid profile" {
		t.Errorf("without being set: %+v, %v", cfg.Web, err)
	}
	for variable, value := range map[string]string{"ISM_WEB_CLIENT_ID": "a b", "ISM_WEB_SCOPE": " ", "ISM_WEB_ORIGINS": "https://id.example.com;script-src"} {
		t.Run(variable, func(t *testing.T) {
			environment(t, development(map[string]string{variable: value}))
			if _, _, err := load(); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("%s=%q: %v", variable, value, err)
			}
		})
	}
}
