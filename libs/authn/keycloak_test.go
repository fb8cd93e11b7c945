package authn_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/enginetest"
)

// What a real Keycloak calls an access token passes, and what it calls otherwise does not.
func TestKeycloaksTokens(t *testing.T) {
	issuer := enginetest.Keycloak(t)
	verifier := authntest.Start(t, authn.Config{Issuer: issuer, Audience: []string{"account"}}, silent())
	anyAudience := authntest.Start(t, authn.Config{Issuer: issuer, Audience: []string{"any"}, AdminRole: "ism-admin"}, silent())
	user := keycloakTokens(t, issuer, url.Values{
		"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"alice"}, "password": {"alice"}, "scope": {"openid offline_access"},
	})
	online := keycloakTokens(t, issuer, url.Values{
		"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"alice"}, "password": {"alice"}, "scope": {"openid"},
	})
	backend := keycloakTokens(t, issuer, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"ism-backend"}, "client_secret": {"ism-backend-secret"},
	})

	for range 2 {
		principal, err := verifier.Verify(t.Context(), user["access_token"])
		if err != nil {
			t.Fatal(err)
		}
		if principal.Username != "Alice Example" || principal.ClientID != "ism-demo" || principal.Admin {
			t.Errorf("got %+v", principal)
		}
	}
	principal, err := anyAudience.Verify(t.Context(), backend["access_token"])
	if err != nil {
		t.Fatal(err)
	}
	if principal.Username != "service-account-ism-backend" || principal.ClientID != "ism-backend" || !principal.Admin {
		t.Errorf("got %+v", principal)
	}

	for name, token := range map[string]string{
		"ID token":      user["id_token"],
		"offline token": user["refresh_token"],
		"refresh token": online["refresh_token"],
	} {
		if token == "" {
			t.Errorf("Keycloak gave no %s", name)
		}
		refuse(t, anyAudience, token)
	}
	genuine := user["access_token"]
	for at := 0; at < len(genuine); at += 7 {
		refuse(t, anyAudience, genuine[:at]+string(genuine[at]^1)+genuine[at+1:])
	}
	t.Run("of another realm", func(t *testing.T) {
		master := strings.TrimSuffix(issuer, "/ism") + "/master"
		foreign := keycloakTokens(t, master, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}})
		refuse(t, anyAudience, foreign["access_token"])
	})
}

// keycloakTokens asks the token endpoint and gives the strings of its answer.
func keycloakTokens(t *testing.T, issuer string, form url.Values) map[string]string {
	t.Helper()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	response, err := http.PostForm(issuer+"/protocol/openid-connect/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("Keycloak answers %s %s", response.Status, text)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for name, value := range answer {
		if token, ok := value.(string); ok {
			tokens[name] = token
		}
	}
	return tokens
}
