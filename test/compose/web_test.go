//go:build compose

package compose

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ism-chat/ism/clients/web"
	"github.com/ism-chat/ism/test/deployment"
)

// The stack serves the web client, which is told where its users sign in, and the realm leads them back to it.
func TestComposeServesTheWebClient(t *testing.T) {
	stack := deployment.Compose(t)
	get := func(address string) (*http.Response, []byte) {
		t.Helper()
		response, err := stack.HTTP().Get(address)
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
	page, body := get(stack.BaseURL + "/app/")
	if page.StatusCode != http.StatusOK || !strings.Contains(string(body), "<script type=\"module\"") || !strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page: %d, %v\n%s", page.StatusCode, page.Header, body)
	}
	answer, body := get(stack.BaseURL + "/app/config.json")
	var told web.Config
	if err := json.Unmarshal(body, &told); err != nil || answer.StatusCode != http.StatusOK || told.ClientID != "ism-web" || told.Issuer != stack.Issuer {
		t.Fatalf("config.json: %d %s, %v", answer.StatusCode, body, err)
	}
	home := strings.TrimSuffix(told.Issuer, "/realms/ism") + web.Path
	for redirect, status := range map[string]int{home: http.StatusOK, "https://evil.example.com/app/": http.StatusBadRequest} {
		query := url.Values{
			"client_id": {told.ClientID}, "response_type": {"code"}, "scope": {told.Scope}, "redirect_uri": {redirect}, "state": {"s"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
		}
		if form, body := get(told.Issuer + "/protocol/openid-connect/auth?" + query.Encode()); form.StatusCode != status {
			t.Errorf("led back to %s: %d\n%s", redirect, form.StatusCode, body)
		}
	}
}
