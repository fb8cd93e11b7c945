package authn_test

import (
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/ism-chat/ism/libs/authn/authntest"
)

// Whatever the header says, only the genuine token of the seeds, in its one spelling, gets a 200; everything else gets 401.
func FuzzAuthorization(f *testing.F) {
	issuer := authntest.New(f)
	genuine := issuer.Token(f, uuid.New(), "alice")
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, issuer.Claims(uuid.New(), "mallory")).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		f.Fatal(err)
	}
	handle := newApp(silent(), issuer.Verifier(f, silent())).Handler()
	parts := strings.Split(genuine, ".")
	for _, seed := range []string{
		"", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z", "Bearer ..",
		"Bearer " + genuine, "bearer  " + genuine, genuine, "Bearer " + genuine + "=", "Bearer " + genuine[:len(genuine)-1],
		"Bearer " + unsigned,
		"Bearer " + encode(`{"alg":"HS256","kid":"key-1"}`) + "." + parts[1] + "." + parts[2],
		"Bearer " + encode(`{"alg":"ES256","kid":"key-2","jku":"http://127.0.0.1:1/"}`) + "." + parts[1] + "." + parts[2],
		"Bearer " + encode(`{"alg":"ES256","kid":"key-1"}`) + "." + encode(`{"a":`+strings.Repeat("[", 100)) + "." + parts[2],
		"Bearer " + encode(`{"alg":"ES256"}`) + "." + encode(`{"sub":1,"exp":1e999,"aud":{}}`) + "." + parts[2],
		"Bearer " + parts[0] + "." + encode(`null`) + "." + parts[2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod(fasthttp.MethodGet)
		ctx.Request.SetRequestURI("/me")
		ctx.Request.Header.Set("Authorization", authorization)
		handle(&ctx)
		scheme, token, _ := strings.Cut(authorization, " ")
		want := fasthttp.StatusUnauthorized
		if strings.EqualFold(scheme, "Bearer") && strings.Trim(token, " ") == genuine {
			want = fasthttp.StatusOK
		}
		if got := ctx.Response.StatusCode(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
		if want == fasthttp.StatusUnauthorized && string(ctx.Response.Header.Peek("WWW-Authenticate")) != "Bearer" {
			t.Error("no WWW-Authenticate: Bearer")
		}
	})
}

// A token that the issuer has not signed is refused whatever is in it, and one that it has signed never makes it panic.
func FuzzClaims(f *testing.F) {
	issuer := authntest.New(f)
	verifier := issuer.Verifier(f, silent())
	for _, seed := range []string{
		`{}`, `null`, `[]`, `1`, `"x"`, `{"sub":null}`, `{"exp":1e308}`, `{"exp":-1}`, `{"aud":[1]}`, `{"aud":["a",null]}`,
		`{"iss":"","sub":"00000000-0000-0000-0000-000000000000","exp":9999999999}`,
		`{"name":"\ud800","preferred_username":"\u0000","picture":"http://[::1"}`, `{"typ":"ID","at_hash":1}`,
	} {
		f.Add(seed)
	}
	header := encode(`{"alg":"ES256","kid":"key-1","typ":"JWT"}`)
	f.Fuzz(func(t *testing.T, claims string) {
		forged := header + "." + encode(claims) + "." + encode(strings.Repeat("s", 64))
		refuse(t, verifier, forged)
		principal, err := verifier.Verify(t.Context(), issuer.SignRaw(t, header+"."+encode(claims)))
		if err == nil && (principal.UserID == uuid.Nil || principal.ExpiresAt.IsZero()) {
			t.Errorf("accepted as %+v", principal)
		}
	})
}
