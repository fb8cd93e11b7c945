package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
)

func encode(document string) string { return base64.RawURLEncoding.EncodeToString([]byte(document)) }

func TestGenuineTokensPass(t *testing.T) {
	issuer, key := rsaIssuer(t)
	cfg := issuer.Config()
	cfg.Audience = []string{"any"}
	verifier := authntest.Start(t, cfg, silent())
	user := uuid.New()
	with := func(changes jwt.MapClaims) string {
		claims := issuer.Claims(user, "alice")
		maps.Copy(claims, changes)
		return issuer.Sign(t, claims)
	}
	ps256 := jwt.NewWithClaims(jwt.SigningMethodRS256, issuer.Claims(user, "alice"))
	delete(ps256.Header, "kid") // keys without an id are allowed where one of the issuer's keys fits
	noKeyID, err := ps256.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"Keycloak's":            issuer.Token(t, user, "alice"),
		"no key id":             noKeyID,
		"no typ claim":          with(jwt.MapClaims{"typ": nil}),
		"at+jwt":                issuer.SignHeader(t, map[string]any{"typ": "at+jwt"}, issuer.Claims(user, "alice")),
		"application/at+jwt":    issuer.SignHeader(t, map[string]any{"typ": "application/at+JWT"}, issuer.Claims(user, "alice")),
		"several audiences":     with(jwt.MapClaims{"aud": []string{"a", "b"}}),
		"no audience":           with(jwt.MapClaims{"aud": nil}),
		"expired within leeway": with(jwt.MapClaims{"exp": time.Now().Add(-20 * time.Second).Unix()}),
		"nbf within leeway":     with(jwt.MapClaims{"nbf": time.Now().Add(20 * time.Second).Unix()}),
		"issued in the future":  with(jwt.MapClaims{"iat": time.Now().Add(time.Hour).Unix()}),
		"fraction of a second":  with(jwt.MapClaims{"exp": float64(time.Now().Add(time.Hour).UnixMilli()) / 1000}),
		"Sub beside sub":        with(jwt.MapClaims{"Sub": uuid.NewString(), "SUB": uuid.NewString()}),
		"sub in capitals":       with(jwt.MapClaims{"sub": strings.ToUpper(user.String())}),
		"nonce in Keycloak's":   with(jwt.MapClaims{"nonce": "x"}),
		"nonce beside a scope":  with(jwt.MapClaims{"typ": nil, "nonce": "x", "scope": "openid chat"}),
		"nonce beside an scp":   with(jwt.MapClaims{"typ": nil, "nonce": "x", "scp": []string{"chat"}}),
		"nonce in an at+jwt":    issuer.SignHeader(t, map[string]any{"typ": "at+jwt"}, jwt.MapClaims{"nonce": "x", "iss": issuer.URL, "sub": user, "azp": "ism-web", "name": "alice", "exp": time.Now().Add(time.Hour).Unix()}),
		"Cognito's":             with(jwt.MapClaims{"typ": nil, "aud": nil, "azp": nil, "client_id": "ism-web", "token_use": "access"}),
		"bound to nothing":      with(jwt.MapClaims{"cnf": nil}),
	} {
		t.Run(name, func(t *testing.T) {
			principal, err := verifier.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			if principal.UserID != user || principal.Username != "alice" || principal.ClientID != "ism-web" {
				t.Errorf("got %+v", principal)
			}
		})
	}
}

func TestPrincipal(t *testing.T) {
	issuer := authntest.New(t)
	verifier := issuer.Verifier(t, silent())
	for name, test := range map[string]struct {
		claims jwt.MapClaims
		want   authn.Principal
	}{
		"name before preferred_username":      {jwt.MapClaims{"preferred_username": "alice@example.com", "name": "Alice A."}, authn.Principal{Username: "Alice A.", ClientID: "ism-web"}},
		"preferred_username in place of name": {jwt.MapClaims{"preferred_username": "alice", "name": nil}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"no name":                             {jwt.MapClaims{"preferred_username": nil, "name": nil}, authn.Principal{ClientID: "ism-web"}},
		"control characters":                  {jwt.MapClaims{"name": "al\x00i\nce\u0085 "}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"text that is turned":                 {jwt.MapClaims{"name": "al\u202eice\u2066"}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"another in place of an empty one":    {jwt.MapClaims{"name": "\x00", "preferred_username": "Alice A."}, authn.Principal{Username: "Alice A.", ClientID: "ism-web"}},
		"another in place of a number":        {jwt.MapClaims{"name": 7, "preferred_username": "Alice A."}, authn.Principal{Username: "Alice A.", ClientID: "ism-web"}},
		"long name":                           {jwt.MapClaims{"name": strings.Repeat("é", 300)}, authn.Principal{Username: strings.Repeat("é", 255), ClientID: "ism-web"}},
		"client_id (RFC 9068)":                {jwt.MapClaims{"azp": nil, "client_id": "app"}, authn.Principal{Username: "alice", ClientID: "app"}},
		"picture":                             {jwt.MapClaims{"picture": "https://img.example.com/a.jpg"}, authn.Principal{Username: "alice", ClientID: "ism-web", Picture: "https://img.example.com/a.jpg"}},
		"script as picture":                   {jwt.MapClaims{"picture": "javascript:alert(1)"}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"picture that is too long escaped":    {jwt.MapClaims{"picture": "https://img.example.com/" + strings.Repeat("é", 1000)}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"session":                             {jwt.MapClaims{"sid": "s-1"}, authn.Principal{Username: "alice", ClientID: "ism-web", SessionID: "s-1"}},
		"session that is a number":            {jwt.MapClaims{"sid": 1}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
		"data as picture":                     {jwt.MapClaims{"picture": "data:text/html,x"}, authn.Principal{Username: "alice", ClientID: "ism-web"}},
	} {
		t.Run(name, func(t *testing.T) {
			user := uuid.New()
			claims := issuer.Claims(user, "alice")
			maps.Copy(claims, test.claims)
			got, err := verifier.Verify(t.Context(), issuer.Sign(t, claims))
			if err != nil {
				t.Fatal(err)
			}
			if want := time.Unix(claims["exp"].(int64), 0); !got.ExpiresAt.Equal(want) {
				t.Errorf("expires at %s, want %s", got.ExpiresAt, want)
			}
			if want := time.Unix(claims["iat"].(int64), 0); !got.IssuedAt.Equal(want) {
				t.Errorf("issued at %s, want %s", got.IssuedAt, want)
			}
			test.want.UserID, test.want.ExpiresAt, test.want.IssuedAt, test.want.Issuer = user, got.ExpiresAt, got.IssuedAt, issuer.URL
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// When a token was issued only orders tokens: one is not refused because that cannot be read.
func TestWhenATokenWasIssued(t *testing.T) {
	issuer := authntest.New(t)
	cfg := issuer.Config()
	cfg.MaxTokenLife = 10 * 365 * 24 * time.Hour
	verifier := authntest.Start(t, cfg, silent())
	for name, test := range map[string]struct {
		iat  any
		want time.Time
	}{
		"seconds":   {1_790_000_000, time.Unix(1_790_000_000, 0)},
		"fractions": {1_790_000_000.25, time.Unix(1_790_000_000, 250_000_000)},
		"missing":   {nil, time.Time{}},
		"a text":    {"1790000000", time.Time{}},
		"negative":  {-5, time.Time{}},
		"enormous":  {1e300, time.Time{}},
	} {
		claims := issuer.Claims(uuid.New(), "alice")
		if claims["iat"] = test.iat; test.iat == nil {
			delete(claims, "iat")
		}
		if got, err := verifier.Verify(t.Context(), issuer.Sign(t, claims)); err != nil || !got.IssuedAt.Equal(test.want) {
			t.Errorf("%s: issued at %s, %v; want %s", name, got.IssuedAt, err, test.want)
		}
	}
}

func TestDisplayName(t *testing.T) {
	nameless := authn.Principal{UserID: uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")}
	if got := nameless.DisplayName(); got != "0192d3a0" {
		t.Errorf("without a name it is %q", got)
	}
	if got := (authn.Principal{UserID: uuid.New(), Username: "alice"}).DisplayName(); got != "alice" {
		t.Errorf("with a name it is %q", got)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	issuer, key := rsaIssuer(t)
	verifier := issuer.Verifier(t, silent())
	claims := issuer.Claims(uuid.New(), "mallory")

	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()

	foreign := rsaKey(t)
	foreignEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, header map[string]any) string {
		token := jwt.NewWithClaims(method, claims)
		maps.Copy(token.Header, header)
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	armour := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	genuine := issuer.Sign(t, claims)
	parts := strings.Split(genuine, ".")
	known := map[string]any{"kid": "key-rsa"}
	jwk := map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "key-rsa", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(foreign.N.Bytes()),
	}
	for name, token := range map[string]string{
		"alg none":                          sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, known),
		"alg None":                          encode(`{"alg":"None","kid":"key-rsa"}`) + "." + parts[1] + ".",
		"alg none, genuine signature":       encode(`{"alg":"none","kid":"key-rsa"}`) + "." + parts[1] + "." + parts[2],
		"alg missing":                       encode(`{"kid":"key-rsa"}`) + "." + parts[1] + "." + parts[2],
		"alg empty":                         encode(`{"alg":"","kid":"key-rsa"}`) + "." + parts[1] + "." + parts[2],
		"alg a number":                      encode(`{"alg":256,"kid":"key-rsa"}`) + "." + parts[1] + "." + parts[2],
		"alg twice":                         encode(`{"alg":"RS256","alg":"none","kid":"key-rsa"}`) + "." + parts[1] + ".",
		"no signature":                      parts[0] + "." + parts[1] + ".",
		"HS256 with the public key, PKIX":   sign(jwt.SigningMethodHS256, armour("PUBLIC KEY", der), known),
		"HS256 with the public key, PKCS#1": sign(jwt.SigningMethodHS256, armour("RSA PUBLIC KEY", pkcs1), known),
		"HS256 with the public key, DER":    sign(jwt.SigningMethodHS256, der, known),
		"HS256 with the modulus":            sign(jwt.SigningMethodHS256, key.N.Bytes(), known),
		"HS512 with the public key":         sign(jwt.SigningMethodHS512, armour("PUBLIC KEY", der), known),
		"HS256 with no key id":              sign(jwt.SigningMethodHS256, armour("PUBLIC KEY", der), nil),
		"HS256 with an empty secret":        sign(jwt.SigningMethodHS256, []byte{}, known),
		"foreign key, known kid":            sign(jwt.SigningMethodRS256, foreign, known),
		"foreign key, no kid":               sign(jwt.SigningMethodRS256, foreign, nil),
		"foreign EC key, kid of the RSA":    sign(jwt.SigningMethodES256, foreignEC, known),
		"foreign EC key, kid of the EC":     sign(jwt.SigningMethodES256, foreignEC, map[string]any{"kid": "key-1"}),
		"genuine key, kid of another":       sign(jwt.SigningMethodRS256, key, map[string]any{"kid": "key-1"}),
		"genuine key, other algorithm":      sign(jwt.SigningMethodPS256, key, known),
		"kid a number":                      sign(jwt.SigningMethodRS256, key, map[string]any{"kid": 1}),
		"kid an object":                     sign(jwt.SigningMethodRS256, key, map[string]any{"kid": map[string]any{"$ne": ""}}),
		"kid null":                          sign(jwt.SigningMethodRS256, foreign, map[string]any{"kid": nil}),
		"jwk":                               sign(jwt.SigningMethodRS256, foreign, map[string]any{"kid": "key-rsa", "jwk": jwk}),
		"jwk, no kid":                       sign(jwt.SigningMethodRS256, foreign, map[string]any{"jwk": jwk}),
		"jku":                               sign(jwt.SigningMethodRS256, foreign, map[string]any{"kid": "theirs", "jku": elsewhere.URL + "/jwks"}),
		"x5u":                               sign(jwt.SigningMethodRS256, foreign, map[string]any{"kid": "theirs", "x5u": elsewhere.URL + "/cert"}),
		"x5c":                               sign(jwt.SigningMethodRS256, foreign, map[string]any{"kid": "theirs", "x5c": []string{base64.StdEncoding.EncodeToString(der)}}),
		"crit":                              issuer.SignHeader(t, map[string]any{"crit": []string{"b64"}, "b64": false}, claims),
	} {
		t.Run(name, func(t *testing.T) { refuse(t, verifier, token) })
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a URL from a token's header was asked %d times", n)
	}
}

func TestHostileKeyIDsAreRefused(t *testing.T) {
	issuer, _ := rsaIssuer(t)
	tel, journal := logged()
	verifier := issuer.Verifier(t, tel)
	for _, id := range []string{
		"", " ", "key-rsa ", "KEY-RSA", "key-rsa\x00", "../../../../dev/null", "/dev/null", "file:///etc/passwd", "http://127.0.0.1:1/",
		"' OR '1'='1", "'; DROP TABLE users; --", "$(reboot)", "`reboot`", "| cat /etc/passwd", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}",
		"\r\nlevel=ERROR msg=forged", "%00", "%s%s%s%n", "\u202e\u2066", strings.Repeat("k", 9000),
	} {
		refuse(t, verifier, issuer.SignHeader(t, map[string]any{"kid": id}, issuer.Claims(uuid.New(), "mallory")))
	}
	if strings.Contains(journal.String(), "\nlevel=ERROR") {
		t.Error("a key id forged a line of the log")
	}
}

func TestMalformedTokensAreRefused(t *testing.T) {
	issuer, _ := rsaIssuer(t)
	verifier := issuer.Verifier(t, silent())
	genuine := issuer.Token(t, uuid.New(), "alice")
	parts := strings.Split(genuine, ".")
	deep := func(open, shut string) string {
		return strings.Repeat(open, 20_000) + "1" + strings.Repeat(shut, 20_000)
	}
	deepish := func(levels int) string {
		return `{"a":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + "}"
	}
	for name, token := range map[string]string{
		"empty":                         "",
		"dots":                          "..",
		"many dots":                     strings.Repeat(".", 10_000),
		"two segments":                  parts[0] + "." + parts[1],
		"four segments":                 genuine + ".x",
		"five segments, a JWE":          genuine + ".x.y",
		"one megabyte":                  strings.Repeat("a", 1<<20),
		"one megabyte of claims":        parts[0] + "." + encode(`{"sub":"`+strings.Repeat("a", 1<<20)+`"}`) + "." + parts[2],
		"one megabyte of signature":     parts[0] + "." + parts[1] + "." + strings.Repeat("A", 1<<20),
		"20,000 levels in the header":   encode(deep("[", "]")) + "." + parts[1] + "." + parts[2],
		"20,000 levels in the claims":   parts[0] + "." + encode(deep(`{"a":`, "}")) + "." + parts[2],
		"9,000 levels, small enough":    parts[0] + "." + encode(strings.Repeat("[", 9000)) + "." + parts[2],
		"17 levels":                     parts[0] + "." + encode(deepish(16)) + "." + parts[2],
		"the header an array":           encode(`["RS256"]`) + "." + parts[1] + "." + parts[2],
		"the header null":               encode(`null`) + "." + parts[1] + "." + parts[2],
		"the claims null":               parts[0] + "." + encode(`null`) + "." + parts[2],
		"the claims a number":           parts[0] + "." + encode(`1e999`) + "." + parts[2],
		"trailing data":                 parts[0] + "." + encode(`{}{}`) + "." + parts[2],
		"padding":                       parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64":               parts[0] + "." + parts[1] + ".+/+/",
		"a line break in the signature": parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:],
		"a space at the end":            genuine + " ",
		"invalid UTF-8":                 "\xff\xfe." + parts[1] + "." + parts[2],
		"NUL":                           genuine + "\x00",
		"invalid UTF-8 in the claims":   parts[0] + "." + encode("{\"sub\":\"\xff\"}") + "." + parts[2],
		"twice":                         genuine + genuine,
		"with its scheme":               "Bearer " + genuine,
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			refuse(t, verifier, token)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// Whatever character of a genuine token is changed, and to whatever else, it is refused.
func TestTamperedTokensAreRefused(t *testing.T) {
	es256 := authntest.New(t)
	rs256, _ := rsaIssuer(t)
	for name, issuer := range map[string]*authntest.Issuer{"ES256": es256, "RS256": rs256} {
		t.Run(name, func(t *testing.T) {
			v, token := issuer.Verifier(t, silent()), issuer.Token(t, uuid.New(), "alice")
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
			for at := range len(token) {
				for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
					changed := []byte(token)
					changed[at] ^= bit
					refuse(t, v, string(changed))
				}
				refuse(t, v, token[:at])
				refuse(t, v, token[:at]+token[at+1:])
				refuse(t, v, token[:at]+"A"+token[at:])
			}
		})
	}
}

func TestTokensOfOthersAndOtherTokensAreRefused(t *testing.T) {
	issuer, _ := rsaIssuer(t)
	cfg := issuer.Config()
	cfg.Audience = []string{"account", "ism"}
	verifier := authntest.Start(t, cfg, silent())
	genuine := issuer.Token(t, uuid.New(), "alice")
	if _, err := verifier.Verify(t.Context(), genuine); err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string]jwt.MapClaims{
		"another realm":             {"iss": strings.Replace(issuer.URL, "/ism", "/other", 1)},
		"issuer with a slash":       {"iss": issuer.URL + "/"},
		"issuer in capitals":        {"iss": strings.ToUpper(issuer.URL)},
		"no issuer":                 {"iss": nil},
		"issuers":                   {"iss": []string{issuer.URL}},
		"another audience":          {"aud": "other"},
		"no audience":               {"aud": nil},
		"empty audience":            {"aud": ""},
		"audience a number":         {"aud": 1},
		"expired":                   {"exp": time.Now().Add(-31 * time.Second).Unix()},
		"expired long ago":          {"exp": 1},
		"expired before the epoch":  {"exp": -1},
		"no expiry":                 {"exp": nil},
		"never expires":             {"exp": 1e300},
		"expires in the year 10000": {"exp": 253402300800},
		"expiry a string":           {"exp": "4102444800"},
		"expiry a truth":            {"exp": true},
		"not yet valid":             {"nbf": time.Now().Add(time.Minute).Unix()},
		"not valid for ages":        {"nbf": 1e18},
		"nbf a string":              {"nbf": "1"},
		"no subject":                {"sub": nil},
		"empty subject":             {"sub": ""},
		"subject a number":          {"sub": 1},
		"subject the nil UUID":      {"sub": uuid.Nil.String()},
		"subject of 256 characters": {"sub": strings.Repeat("a", 256)},
		"subject that was no UTF-8": {"sub": "alice\xff"},
		"subject half a surrogate":  {"sub": json.RawMessage(`"alice\ud800"`)},
		"subject with NUL":          {"sub": uuid.NewString()[:35] + "\x00"},
		"only Sub":                  {"sub": nil, "Sub": uuid.NewString()},
		"only EXP":                  {"exp": nil, "EXP": time.Now().Add(time.Hour).Unix()},
		"ID token":                  {"typ": "ID"},
		"ID token of another maker": {"typ": nil, "at_hash": "x", "nonce": "y"},
		"refresh token":             {"typ": "Refresh"},
		"offline token":             {"typ": "Offline"},
		"logout token":              {"typ": "Logout"},
		"DPoP-bound token":          {"typ": "DPoP"},
		"bound to a key":            {"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
		"bound to a certificate":    {"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}},
		"bound to who knows what":   {"cnf": false},
		"Cognito's ID token":        {"typ": nil, "token_use": "id"},
		"token_use in capitals":     {"token_use": "ID"},
		"token_use a list":          {"token_use": []string{"access", "id"}},
		"nonce and no access token": {"typ": nil, "nonce": "x"},
		"nonce and an empty scope":  {"typ": nil, "nonce": "x", "scope": "  "},
		"at_hash beside a scope":    {"typ": nil, "at_hash": "x", "scope": "openid"},
		"valid for eight days":      {"exp": time.Now().Add(8 * 24 * time.Hour).Unix()},
		"valid for years":           {"exp": time.Now().Add(20 * 365 * 24 * time.Hour).Unix()},
		"issued long ago":           {"iat": time.Now().Add(-8 * 24 * time.Hour).Unix()},
		"years, issued who knows":   {"iat": nil, "exp": time.Now().Add(8 * 24 * time.Hour).Unix()},
		"years, issued in years":    {"iat": time.Now().Add(8 * 24 * time.Hour).Unix(), "exp": time.Now().Add(9 * 24 * time.Hour).Unix()},
		"years, issued as a text":   {"iat": "1790000000", "exp": time.Now().Add(8 * 24 * time.Hour).Unix()},
		"typ a number":              {"typ": 1},
	} {
		t.Run(name, func(t *testing.T) {
			claims := issuer.Claims(uuid.New(), "mallory")
			for claim, value := range changes {
				if claims[claim] = value; value == nil {
					delete(claims, claim)
				}
			}
			refuse(t, verifier, issuer.Sign(t, claims))
		})
	}
	for _, typ := range []any{"logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", 1, nil} {
		refuse(t, verifier, issuer.SignHeader(t, map[string]any{"typ": typ}, issuer.Claims(uuid.New(), "mallory")))
	}
	t.Run("another issuer's genuine token", func(t *testing.T) {
		other := authntest.New(t)
		refuse(t, verifier, other.Token(t, uuid.New(), "mallory"))
		claims := other.Claims(uuid.New(), "mallory")
		claims["iss"] = issuer.URL
		refuse(t, verifier, other.Sign(t, claims))
	})
}

// An algorithm that is not configured is refused even with a genuine key.
func TestOnlyConfiguredAlgorithms(t *testing.T) {
	issuer := authntest.New(t)
	es256 := issuer.Token(t, uuid.New(), "alice")
	cfg := issuer.Config()
	cfg.Algorithms = []string{"RS256"}
	refuse(t, authntest.Start(t, cfg, silent()), es256)
}

func refuse(t *testing.T, verifier *authn.Verifier, token string) {
	t.Helper()
	principal, err := verifier.Verify(t.Context(), token)
	if err == nil {
		t.Errorf("accepted as %+v: %.200q", principal, token)
		return
	}
	if principal != (authn.Principal{}) {
		t.Errorf("refused, but with the principal %+v", principal)
	}
	if len(token) > 20 && strings.Contains(err.Error(), token[len(token)-20:]) {
		t.Errorf("the reason contains the token: %.300s", err)
	}
}
