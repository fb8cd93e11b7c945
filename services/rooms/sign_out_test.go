package rooms_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
)

func TestSignOuts(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, open)
			t.Run("users are signed out", func(t *testing.T) { usersAreSignedOut(t, d) })
			t.Run("issuers sign users out", func(t *testing.T) { issuersSignUsersOut(t, d) })
			t.Run("bad logout tokens are refused", func(t *testing.T) { badLogoutTokensAreRefused(t, d) })
		})
	}
}

const logoutPath = "/api/oidc/backchannel-logout"

func (d *deployment) logOut(t *testing.T, token string) nodetest.Answer {
	t.Helper()
	return d.call(t, d.Public, user{}, request{
		method: http.MethodPost, path: logoutPath, contentType: "application/x-www-form-urlencoded", body: url.Values{"logout_token": {token}}.Encode(),
	})
}

// signOuts are those in the log.
func (d *deployment) signOuts(t *testing.T) []events.UserSignedOut {
	t.Helper()
	d.awaitRelayed(t)
	told, err := bus.Decode[events.UserSignedOut](d.readTopic(t, events.TopicUsers))
	if err != nil {
		t.Fatal(err)
	}
	var all []events.UserSignedOut
	for _, one := range told {
		all = append(all, one.Data)
	}
	return all
}

func usersAreSignedOut(t *testing.T, d *deployment) {
	before := len(d.signOuts(t))
	alice, backend := d.seenUser(t, "alice"), d.userWith(t, "shop", map[string]any{"azp": "shop"})
	path := "/api/admin/users/" + alice.id.String() + "/sign-out"
	foreign := d.userWith(t, "shop", map[string]any{"azp": "shop", "tenant": "umbrella"})
	for name, c := range map[string]struct {
		by     user
		path   string
		status int
		code   string
	}{
		"herself":          {alice, path, http.StatusForbidden, "forbidden"},
		"nobody":           {user{}, path, http.StatusUnauthorized, "unauthorized"},
		"another tenant":   {foreign, path, http.StatusNotFound, "user-not-found"},
		"somebody unknown": {backend, "/api/admin/users/" + uuid.NewString() + "/sign-out", http.StatusNotFound, "user-not-found"},
		"what is no id":    {backend, "/api/admin/users/7/sign-out", http.StatusBadRequest, "invalid-id"},
	} {
		if got := d.post(t, c.by, c.path, ""); got.Status != c.status || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	begun := time.Now().Add(-time.Second)
	if got := d.post(t, backend, path, ""); got.Status != http.StatusNoContent {
		t.Fatalf("signed out: %s", got)
	}
	told := d.signOuts(t)[before:]
	if len(told) != 1 || told[0].UserID != alice.id || told[0].SessionID != "" || told[0].Before.Before(begun) || time.Since(told[0].Before.Time) < 0 {
		t.Errorf("the log has %+v", told)
	}
}

func issuersSignUsersOut(t *testing.T, d *deployment) {
	before := len(d.signOuts(t))
	id := uuid.New()
	claims := d.issuer.LogoutClaims(id, "s-1")
	iat, ok := claims["iat"].(int64)
	if !ok {
		t.Fatal("no iat")
	}
	token := d.issuer.Sign(t, claims)
	without := func(names ...string) string {
		some := d.issuer.LogoutClaims(id, "s-1")
		maps.DeleteFunc(some, func(name string, _ any) bool { return slices.Contains(names, name) })
		return d.issuer.Sign(t, some)
	}
	for _, one := range []string{token, token, without("sid"), without("sub")} { // the second is a replay
		if got := d.logOut(t, one); got.Status != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s, %v", got, got.Header)
		}
	}
	told := d.signOuts(t)[before:]
	if len(told) != 4 || told[0] != told[1] {
		t.Fatalf("the log has %+v", told)
	}
	if one := told[0]; one.UserID != id || one.Issuer != d.issuer.URL || one.SessionID != "s-1" || one.Before.Unix() != iat {
		t.Errorf("a session: %+v", one)
	}
	if all := told[2]; all.UserID != id || all.Issuer != "" || all.SessionID != "" {
		t.Errorf("all sessions: %+v", all)
	}
	if alone := told[3]; alone.UserID != uuid.Nil || alone.Issuer != d.issuer.URL || alone.SessionID != "s-1" {
		t.Errorf("a session alone: %+v", alone)
	}
}

// All get the same answer, whatever was wrong, and nothing is told. What counts is tested one by one where tokens are verified.
func badLogoutTokensAreRefused(t *testing.T, d *deployment) {
	before := len(d.signOuts(t))
	stranger, id, now := authntest.New(t), uuid.New(), time.Now()
	changed := func(changes jwt.MapClaims) string {
		claims := d.issuer.LogoutClaims(id, "s-1")
		maps.Copy(claims, changes)
		return d.issuer.Sign(t, claims)
	}
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, d.issuer.LogoutClaims(id, "s-1")).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	genuine := d.issuer.Sign(t, d.issuer.LogoutClaims(id, "s-1"))
	var like string
	for name, token := range map[string]string{
		"nothing":          "",
		"alg none":         none,
		"tampered":         genuine[:len(genuine)-6] + "AAAAAA",
		"an access token":  d.issuer.Token(t, id, "alice"),
		"another issuer's": stranger.Sign(t, stranger.LogoutClaims(id, "s-1")),
		"another client's": changed(jwt.MapClaims{"aud": "shop"}),
		"a nonce":          changed(jwt.MapClaims{"nonce": "n"}),
		"no events":        changed(jwt.MapClaims{"events": map[string]any{}}),
		"expired":          changed(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}),
		"old":              changed(jwt.MapClaims{"iat": now.Add(-time.Hour).Unix()}),
		"nobody":           changed(jwt.MapClaims{"sub": "", "sid": ""}),
	} {
		got := d.logOut(t, token)
		if got.Status != http.StatusBadRequest || got.Code() != "invalid-logout-token" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s, %v", name, got, got.Header)
		}
		if said := said(t, got.Status, got.Body); like == "" {
			like = said
		} else if said != like {
			t.Errorf("%s: %s, others %s", name, said, like)
		}
	}
	for name, r := range map[string]request{
		"in JSON":  {contentType: "application/json", body: `{"logout_token":"` + genuine + `"}`},
		"no type":  {body: "logout_token=" + genuine},
		"twice":    {contentType: "application/x-www-form-urlencoded", body: "logout_token=" + genuine + "&logout_token=" + genuine},
		"in a URL": {path: logoutPath + "?logout_token=" + genuine, contentType: "application/x-www-form-urlencoded"},
		"too much": {contentType: "application/x-www-form-urlencoded", body: "logout_token=" + strings.Repeat("a", 40<<10)},
	} {
		r.method = http.MethodPost
		if r.path == "" {
			r.path = logoutPath
		}
		if got := d.call(t, d.Public, user{}, r); got.Status != http.StatusBadRequest && got.Status != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %s", name, got)
		}
	}
	if told := d.signOuts(t)[before:]; len(told) != 0 {
		t.Errorf("the log has %+v", told)
	}
	if logged := d.log.String(); strings.Contains(logged, genuine) {
		t.Error("a token is in the log")
	}
}
