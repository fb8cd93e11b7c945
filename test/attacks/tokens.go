package attacks

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// forgedTokens are made of a real one, of which all can be read but the issuer's key.
func forgedTokens(t *testing.T, d *deployment.Deployment) {
	real := d.Token(t, "alice")
	parts := strings.Split(real, ".")
	var header, claims map[string]any
	if json.Unmarshal(decoded(t, parts[0]), &header) != nil || json.Unmarshal(decoded(t, parts[1]), &claims) != nil {
		t.Fatal("the token cannot be read")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	with := func(of map[string]any, changes map[string]any) string {
		changed := maps.Clone(of)
		maps.Copy(changed, changes)
		maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	own := func(changes map[string]any) string { return signed(t, key, with(header, changes)+"."+parts[1]) }
	jwk := map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": header["kid"], "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
	flipped := decoded(t, parts[2])
	flipped[10] ^= 1
	// As deep as the limit of headers lets it be.
	bomb := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)))
	tokens := map[string]string{
		"alg none":             with(header, map[string]any{"alg": "none"}) + "." + parts[1] + ".",
		"alg nOnE":             with(header, map[string]any{"alg": "nOnE"}) + "." + parts[1] + "." + parts[2],
		"no signature":         parts[0] + "." + parts[1] + ".",
		"a tampered one":       parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(flipped),
		"others' claims":       parts[0] + "." + with(claims, map[string]any{"sub": "0192d3a0-0000-7000-8000-00000000000a"}) + "." + parts[2],
		"an own key":           own(nil),
		"an unknown kid":       own(map[string]any{"kid": "mine"}),
		"a kid that is a path": own(map[string]any{"kid": "../../../../dev/null"}),
		"a kid of SQL":         own(map[string]any{"kid": "' UNION SELECT 'key' --"}),
		"a jwk of its own":     own(map[string]any{"jwk": jwk}),
		"a jku":                own(map[string]any{"jku": "http://127.0.0.1:9/keys", "kid": "mine"}),
		"an x5u":               own(map[string]any{"x5u": "http://127.0.0.1:9/cert", "kid": "mine"}),
		"crit":                 own(map[string]any{"crit": []string{"b64"}, "b64": false}),
		"a foreign issuer":     signed(t, key, parts[0]+"."+with(claims, map[string]any{"iss": "https://evil.example.com/realms/ism"})),
		"no sub":               signed(t, key, parts[0]+"."+with(claims, map[string]any{"sub": nil})),
		"a deep header":        bomb + "." + parts[1] + "." + parts[2],
		"deep claims":          signed(t, key, parts[0]+"."+bomb),
		"HS256 with the kid":   mac(with(header, map[string]any{"alg": "HS256"})+"."+parts[1], []byte(fmt.Sprint(header["kid"]))),
		"HS256 with nothing":   mac(with(header, map[string]any{"alg": "HS256"})+"."+parts[1], nil),
		"five parts":           real + "." + parts[0] + "." + parts[1],
		"two tokens":           real + ", Bearer " + real,
	}
	same, _ := refusalOf(t, d, "x.y.z")
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			problem, response := refusalOf(t, d, token)
			if response.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("it is answered with %s", response.Status)
			}
			if !maps.Equal(problem, same) {
				t.Errorf("it is told from others: %v, not %v", problem, same)
			}
		})
	}
	t.Run("a megabyte", func(t *testing.T) {
		response, _ := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 15<<10)}})
		if response.StatusCode < http.StatusBadRequest || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("15 KB are answered with %s", response.Status)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+"/api/rooms", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.Repeat("a", 1<<20))
		if response, err := d.HTTP().Do(request); err == nil { // the connection may end before all is sent
			_ = response.Body.Close()
			if response.StatusCode < http.StatusBadRequest || response.StatusCode >= http.StatusInternalServerError {
				t.Errorf("a megabyte is answered with %s", response.Status)
			}
		}
	})
	if response, body := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + real}}); response.StatusCode != http.StatusOK {
		t.Errorf("the real token is answered with %s %s", response.Status, body)
	}
}

// refusalOf is what an answer tells of a token, without what differs in each.
func refusalOf(t *testing.T, d *deployment.Deployment, token string) (map[string]string, *http.Response) {
	t.Helper()
	response, body := ask(t, d, "/api/rooms", http.Header{"Authorization": {"Bearer " + token}})
	var problem struct{ Type, Title, Detail, Code, ErrorCode, Message string }
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return map[string]string{
		"type": problem.Type, "title": problem.Title, "detail": problem.Detail, "code": problem.Code, "errorCode": problem.ErrorCode, "message": problem.Message,
	}, response
}

// ask asks as anybody can.
func ask(t *testing.T, d *deployment.Deployment, path string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.BaseURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := d.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, bytes.TrimSpace(body)
}

func decoded(t *testing.T, part string) []byte {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func signed(t *testing.T, key *rsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func mac(text string, key []byte) string {
	code := hmac.New(sha256.New, key)
	code.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))
}
