package deployment

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ism-chat/ism/clients/web"
)

// page is what the gateway answers a browser with.
func (g *gateway) page(t *testing.T, method, path string) (*http.Response, []byte) {
	t.Helper()
	response := g.ask(t, line(method, path))
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// The gateway serves the web client as the one process does: the same files, by the same headers.
func TestGatewayServesTheWebClient(t *testing.T) {
	const issuer, media = "https://id.example.com/realms/ism", "https://media.example.com:7070"
	g := startGateway(t, map[string]string{"GATEWAY_WEB_ISSUER": issuer, "GATEWAY_WEB_MEDIA": media, "GATEWAY_WEB_ORIGINS": "https://oauth2.example.com, " + media})
	client, err := web.New(web.Config{Issuer: issuer, ClientID: "ism-web", Scope: "openid profile"}, media, "https://oauth2.example.com")
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/app/", "/app/config.json"}
	dist := os.DirFS(filepath.Join(root(t), "clients", "web", "dist"))
	if err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, web.Path+name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	before := g.seen.Load() // of who has asked whether it is up
	for _, path := range paths {
		want, found := client.Find(path)
		response, body := g.page(t, http.MethodGet, path)
		if !found || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != want.Type || response.Header.Get("Cache-Control") != want.CacheControl {
			t.Errorf("%s: %d, %v; want %s, %s", path, response.StatusCode, response.Header, want.Type, want.CacheControl)
		}
		if path != "/app/config.json" && !bytes.Equal(body, want.Content) {
			t.Errorf("%s has %d bytes, not %d", path, len(body), len(want.Content))
		}
		for _, header := range client.SecurityHeaders() {
			if got := response.Header.Get(header[0]); got != header[1] {
				t.Errorf("%s: %s is\n%q, want\n%q", path, header[0], got, header[1])
			}
		}
	}
	_, told := g.page(t, http.MethodGet, "/app/config.json")
	want, _ := client.Find("/app/config.json")
	var got, expected web.Config
	if err := json.Unmarshal(told, &got); err != nil {
		t.Fatalf("config.json is %s: %v", told, err)
	}
	if err := json.Unmarshal(want.Content, &expected); err != nil || got != expected {
		t.Errorf("it is told %+v, want %+v (%v)", got, expected, err)
	}
	if led, _ := g.page(t, http.MethodGet, "/app"); led.StatusCode != http.StatusPermanentRedirect || led.Header.Get("Location") != "/app/" {
		t.Errorf("without its slash: %d to %q", led.StatusCode, led.Header.Get("Location"))
	}
	for _, path := range []string{"/app/nothing.js", "/app/.hidden", "/app/sub/index.html", "/application"} {
		if missing, body := g.page(t, http.MethodGet, path); missing.StatusCode != http.StatusNotFound || missing.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, missing.StatusCode, body)
		}
	}
	if refused, _ := g.page(t, http.MethodPost, "/app/"); refused.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", refused.StatusCode)
	}
	if n := g.seen.Load(); n != before {
		t.Errorf("%d requests came to services", n-before)
	}
}

func TestGatewayServesNoWebClientWhereItIsSwitchedOff(t *testing.T) {
	g := startGateway(t, map[string]string{"GATEWAY_WEB_ENABLED": "false"})
	for _, path := range []string{"/app", "/app/", "/app/index.html", "/app/config.json"} {
		if response, _ := g.page(t, http.MethodGet, path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// What would change the policy, or the answer, ends the gateway's start, and says which setting it is.
func TestGatewayRefusesSettingsOfTheWebClient(t *testing.T) {
	script := filepath.Join(root(t), "deploy", "compose", "gateway", "entrypoint", "15-settings.envsh")
	for name, setting := range map[string]string{
		"a policy": "GATEWAY_WEB_ISSUER=https://id.example.com;script-src *", "a quote": `GATEWAY_WEB_ISSUER=https://id.example.com/"x`,
		"two issuers": "GATEWAY_WEB_ISSUER=https://id.example.com\nhttps://id.example.com", "no address": "GATEWAY_WEB_MEDIA=media:7070", "a wildcard": "GATEWAY_WEB_ORIGINS=*",
		"a client": `GATEWAY_WEB_CLIENT_ID=a"b`, "a scope": "GATEWAY_WEB_SCOPE=openid'", "neither": "GATEWAY_WEB_ENABLED=perhaps",
	} {
		cmd := exec.Command("sh", "-eu", "-c", `. "$0"; echo started`, script)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GATEWAY_LISTEN=1", "GATEWAY_LISTEN_TLS=2", "GATEWAY_CONF=" + t.TempDir(), "GATEWAY_WEB_ISSUER=https://id.example.com", setting}
		variable, _, _ := strings.Cut(setting, "=")
		if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "started") || !strings.Contains(string(out), variable) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
