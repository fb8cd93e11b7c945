package devidp_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
)

func TestRefusals(t *testing.T) {
	issuer := serve(t, t.TempDir(), devidp.Settings{})
	basic := func(id, secret string) func(r *http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	header := func(name, value string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, test := range map[string]struct {
		form   string
		change func(r *http.Request)
		status int
		code   string
	}{
		"wrong password":                  {password("alice", "bob"), nil, 400, "invalid_grant"},
		"half the password":               {password("alice", "alic"), nil, 400, "invalid_grant"},
		"no password":                     {password("alice", ""), nil, 400, "invalid_request"},
		"no name":                         {password("", ""), nil, 400, "invalid_request"},
		"a name with a space":             {password("al ice", "al ice"), nil, 400, "invalid_grant"},
		"a name with NUL":                 {password("alice\x00", "alice\x00"), nil, 400, "invalid_grant"},
		"a name in invalid UTF-8":         {password("\xff", "\xff"), nil, 400, "invalid_grant"},
		"a name that is a client":         {password("client:ism-backend", "client:ism-backend"), nil, 400, "invalid_grant"},
		"a name of 65 characters":         {password(strings.Repeat("n", 65), strings.Repeat("n", 65)), nil, 400, "invalid_grant"},
		"no grant type":                   {"client_id=ism-web&username=alice&password=alice", nil, 400, "invalid_request"},
		"another grant type":              {"client_id=ism-web&grant_type=implicit", nil, 400, "unsupported_grant_type"},
		"no client":                       {"grant_type=password&username=alice&password=alice", nil, 401, "invalid_client"},
		"a parameter twice":               {password("alice", "alice") + "&client_id=other", nil, 400, "invalid_request"},
		"a broken form":                   {"grant_type=%zz", nil, 400, "invalid_request"},
		"JSON":                            {`{"grant_type":"password"}`, header("Content-Type", "application/json"), 400, "invalid_request"},
		"no content type":                 {password("alice", "alice"), header("Content-Type", ""), 400, "invalid_request"},
		"wrong secret":                    {"grant_type=client_credentials&client_id=ism-backend&client_secret=x", nil, 401, "invalid_client"},
		"no secret":                       {"grant_type=client_credentials&client_id=ism-backend", nil, 401, "invalid_client"},
		"wrong secret by Basic":           {"grant_type=client_credentials", basic("ism-backend", "x"), 401, "invalid_client"},
		"two ways":                        {"grant_type=client_credentials&client_secret=ism-backend-secret", basic("ism-backend", "ism-backend-secret"), 400, "invalid_request"},
		"two clients":                     {"grant_type=client_credentials&client_id=ism-web", basic("ism-backend", "ism-backend-secret"), 400, "invalid_request"},
		"Bearer":                          {"grant_type=client_credentials", header("Authorization", "Bearer x"), 401, "invalid_client"},
		"no base64":                       {"grant_type=client_credentials", header("Authorization", "Basic ###"), 401, "invalid_client"},
		"no colon":                        {"grant_type=client_credentials", header("Authorization", "Basic eA=="), 401, "invalid_client"},
		"a public client as a backend":    {"grant_type=client_credentials&client_id=ism-web", nil, 400, "unauthorized_client"},
		"the backend as a user's":         {"grant_type=password&client_id=ism-backend&client_secret=ism-backend-secret&username=alice&password=alice", nil, 400, "unauthorized_client"},
		"the backend as a user's, no key": {"grant_type=password&client_id=ism-backend&username=alice&password=alice", nil, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			response, a := ask(t, issuer, test.form, test.change)
			if response.StatusCode != test.status || a.Error != test.code || a.Token != "" || a.Description == "" {
				t.Errorf("got %s %+v, want %d %s", response.Status, a, test.status, test.code)
			}
			challenged := response.Header.Get("WWW-Authenticate") != ""
			if want := test.status == 401 && response.Request.Header.Get("Authorization") != ""; challenged != want {
				t.Errorf("challenged: %t, want %t", challenged, want)
			}
		})
	}
}

func FuzzTokenEndpoint(f *testing.F) {
	provider, err := devidp.New(devidp.Config{Dir: f.TempDir(), Issuer: "http://127.0.0.1:5403/realms/ism", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	app := fiber.New()
	provider.Routes(app)
	f.Add(password("alice", "alice"), "")
	f.Add(password("alice", "bob"), "Basic eDp5")
	f.Add("grant_type=client_credentials", "Basic aXNtLWJhY2tlbmQ6aXNtLWJhY2tlbmQtc2VjcmV0")
	f.Add("grant_type=client_credentials&client_id=ism-backend", "Bearer x")
	f.Add("&&==%00;", "Basic")
	f.Fuzz(func(t *testing.T, form, authorization string) {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, devidp.Path+"/protocol/openid-connect/token", strings.NewReader(form))
		if err != nil {
			t.Skip()
		}
		request.Host = "localhost"
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.ContainsAny(authorization, "\r\n\x00") {
			t.Skip()
		}
		request.Header.Set("Authorization", authorization)
		response, err := app.Test(request, -1)
		if err != nil {
			t.Skip()
		}
		defer response.Body.Close()
		var a answer
		if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
			t.Fatalf("%s is no JSON: %v", response.Status, err)
		}
		switch response.StatusCode {
		case http.StatusOK:
			if a.Token == "" {
				t.Error("no token")
			}
		case http.StatusBadRequest, http.StatusUnauthorized:
			if a.Token != "" || a.Error == "" {
				t.Errorf("got %+v", a)
			}
		default:
			t.Errorf("got %s", response.Status)
		}
	})
}
