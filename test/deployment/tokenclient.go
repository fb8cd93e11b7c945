package deployment

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

// TokenClient is a client of Keycloak's realm that gets tokens for Kafka by a secret in a file. It is the test's own, and gone with it.
type TokenClient struct {
	Name string

	secretFile string
	secret     string
	keycloak   string // with no realm
	path       string // of its representation
	made       map[string]any
}

// tokenLife is how many seconds a token of such a client is good for: so few that a test sees several.
const tokenLife = "12"

// ByTokenOfItsOwn is [GuardedKafka.ByToken] with a client that is made for the test.
func (g *GuardedKafka) ByTokenOfItsOwn(t testing.TB, prefix string) (Settings, *TokenClient) {
	t.Helper()
	settings, like := g.ByToken(t, prefix)
	c := &TokenClient{
		Name: "ism-kafka-" + uuid.NewString(), secretFile: filepath.Join(t.TempDir(), "secret"), secret: uuid.NewString(),
		keycloak: strings.TrimSuffix(enginetest.Keycloak(t), "/realms/ism"),
	}
	var known []struct {
		Mappers []map[string]any `json:"protocolMappers"`
	}
	if err := json.Unmarshal(c.manage(t, http.MethodGet, "/clients?clientId="+like, nil), &known); err != nil || len(known) != 1 {
		t.Fatalf("the client %s is %v, %v", like, known, err)
	}
	for _, mapper := range known[0].Mappers {
		delete(mapper, "id")
	}
	c.made = map[string]any{
		"id": uuid.NewString(), "clientId": c.Name, "secret": c.secret, "protocolMappers": known[0].Mappers, "publicClient": false,
		"serviceAccountsEnabled": true, "standardFlowEnabled": false, "attributes": map[string]string{"access.token.lifespan": tokenLife},
	}
	c.path = "/clients/" + c.made["id"].(string) //nolint:forcetypeassert // it stands above
	c.manage(t, http.MethodPost, "/clients", c.made)
	t.Cleanup(func() { c.manage(t, http.MethodDelete, c.path, nil) })
	c.Tell(t)
	delete(settings, prefix+"OAUTH_CLIENT_SECRET")
	settings[prefix+"OAUTH_CLIENT_ID"], settings[prefix+"OAUTH_CLIENT_SECRET_FILE"] = c.Name, c.secretFile
	return settings, c
}

// Change gives the client another secret at Keycloak, which takes the former no more, and gives it.
func (c *TokenClient) Change(t testing.TB) (secret string) {
	t.Helper()
	c.secret = uuid.NewString()
	c.made["secret"] = c.secret
	c.manage(t, http.MethodPut, c.path, c.made)
	return c.secret
}

// Tell writes the secret into the file, as a platform replaces one.
func (c *TokenClient) Tell(t testing.TB) {
	t.Helper()
	fresh := c.secretFile + ".new"
	if err := os.WriteFile(fresh, []byte(c.secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, c.secretFile); err != nil {
		t.Fatal(err)
	}
}

// manage does what Keycloak's administrator can.
func (c *TokenClient) manage(t testing.TB, method, path string, body any) []byte {
	t.Helper()
	var administrator struct {
		Token string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}
	answer := c.ask(t, http.MethodPost, "/realms/master/protocol/openid-connect/token", "application/x-www-form-urlencoded", "", []byte(form.Encode()))
	if err := json.Unmarshal(answer, &administrator); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return c.ask(t, method, "/admin/realms/ism"+path, "application/json", administrator.Token, content)
}

func (c *TokenClient) ask(t testing.TB, method, path, kind, token string, body []byte) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.keycloak+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode > 299 {
		t.Fatalf("%s %s: %s: %s, %v", method, path, response.Status, answer, err)
	}
	return answer
}
