package deployment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hooks is who may send webhooks to every deployment; test/compose/run gives the compose stack the same.
const (
	hookSource = "shop"
	hookSecret = "dGhlIHNob3AncyBzZWNyZXQsIG9mIDMyIGJ5dGVzISE="
	hooks      = hookSource + "=whsec_" + hookSecret
)

// ReceiversHere lets a deployment send webhooks and pushes to receivers of this machine.
func ReceiversHere() Settings {
	const here = "127.0.0.0/8"
	return Settings{
		"ISM_NOTIFICATIONS_WEBHOOKS_ALLOW_HTTP": "true", "ISM_NOTIFICATIONS_WEBHOOKS_ALLOWED_NETWORKS": here,
		"ISM_NOTIFICATIONS_PUSH_ALLOW_HTTP": "true", "ISM_NOTIFICATIONS_PUSH_ALLOWED_NETWORKS": here,
	}
}

// Webhook delivers a webhook to POST /hooks/{source}, signed by hand as Standard Webhooks 1.0.0 has it, and gives the answer's status and body.
func (d *Deployment) Webhook(t testing.TB, id string, at time.Time, body string) (status int, answer string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	signature := hmac.New(sha256.New, key)
	_, _ = io.WriteString(signature, id+"."+seconds+"."+body) // a hash takes all
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.BaseURL+"/hooks/"+hookSource, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", seconds)
	request.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(signature.Sum(nil)))
	response, err := d.http.Do(request)
	if err != nil {
		t.Fatalf("deliver a webhook: %v", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("read the answer to a webhook: %v", err)
	}
	return response.StatusCode, string(content)
}
