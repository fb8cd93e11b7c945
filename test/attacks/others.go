package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// othersTokens are whole and rightly signed, and for something else than this API.
func othersTokens(t *testing.T, d *deployment.Deployment) {
	same, _ := refusalOf(t, d, "x.y.z")
	given := tokensOf(t, d, d.Issuer, url.Values{
		"grant_type": {"password"}, "client_id": {"ism-demo"}, "username": {"alice"}, "password": {"alice"}, "scope": {"openid offline_access"},
	})
	access := given["access_token"]
	delete(given, "access_token")
	if master, password := d.MasterRealm(t); master != "" {
		if len(given) < 2 {
			t.Errorf("the issuer gives no ID token and no refresh token: %d others", len(given))
		}
		of := tokensOf(t, d, master, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {password}})
		given["of another realm, its administrator's"] = of["access_token"]
	}
	for kind, token := range given {
		t.Run(kind, func(t *testing.T) {
			for _, path := range []string{"/api/rooms", "/api/sse", "/api/admin/rooms"} {
				response, body := ask(t, d, path, http.Header{"Authorization": {"Bearer " + token}})
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s is answered with %s: %s", path, response.Status, body)
				}
			}
			if problem, _ := refusalOf(t, d, token); !maps.Equal(problem, same) {
				t.Errorf("it is told from others: %v, not %v", problem, same)
			}
		})
	}
	if response, body := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + access}}); response.StatusCode != http.StatusOK {
		t.Errorf("the access token is answered with %s: %s", response.Status, body)
	}
	for name, header := range map[string]http.Header{
		"another scheme":           {"Authorization": {"Token " + access}},
		"Basic":                    {"Authorization": {"Basic " + access}},
		"no scheme":                {"Authorization": {access}},
		"a cookie":                 {"Cookie": {"access_token=" + access + "; token=" + access}},
		"another header":           {"X-Authorization": {"Bearer " + access}, "Proxy-Authorization": {"Bearer " + access}, "X-Access-Token": {access}},
		"who the user would be":    {"X-User": {"alice"}, "X-Remote-User": {"alice"}, "X-Forwarded-User": {"alice"}},
		"a bearer in the password": {"Authorization": {"Basic OkJlYXJlciA="}},
	} {
		if response, body := ask(t, d, "/api/rooms", header); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: it is answered with %s: %s", name, response.Status, body)
		}
	}
	if response, _ := ask(t, d, "/api/rooms?access_token="+access+"&token="+access, nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token in the query is answered with %s", response.Status)
	}
}

// tokensOf are all tokens in the answer of an issuer's token endpoint, by the names of their fields.
func tokensOf(t *testing.T, d *deployment.Deployment, issuer string, form url.Values) map[string]string {
	t.Helper()
	response, err := d.HTTP().PostForm(issuer+"/protocol/openid-connect/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil || fields["access_token"] == nil {
		t.Fatalf("%s gives no token: %s %.200s, %v", issuer, response.Status, body, err)
	}
	tokens := map[string]string{}
	for name, value := range fields {
		if text := fmt.Sprint(value); strings.Count(text, ".") == 2 && strings.HasSuffix(name, "_token") {
			tokens[name] = text
		}
	}
	return tokens
}
