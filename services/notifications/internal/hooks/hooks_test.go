package hooks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The example of the specification's reference libraries.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime      = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secretOf(text string) string {
	return secretPrefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(text, 32)[:32]))
}

func sources(t *testing.T, now time.Time, list ...string) *Sources {
	t.Helper()
	s, err := Parse(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return now }
	return s
}

// signed are the headers of a webhook.
func signed(t *testing.T, secret, id string, at time.Time, body string) map[string]string {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{HeaderID: id, HeaderTimestamp: strconv.FormatInt(at.Unix(), 10), HeaderSignature: signature}
}

func get(headers map[string]string) func(string) string {
	return func(name string) string { return headers[name] }
}

func TestTheSpecificationsExampleIsVerified(t *testing.T) {
	s := sources(t, time.Unix(exampleTime, 0), "shop="+exampleSecret)
	headers := map[string]string{HeaderID: exampleID, HeaderTimestamp: strconv.Itoa(exampleTime), HeaderSignature: exampleSignature}
	if id, err := s.Verify("shop", get(headers), []byte(exampleBody)); err != nil || id != exampleID {
		t.Errorf("%q, %v", id, err)
	}
}

func TestOnlyTheSourcesSignatureCounts(t *testing.T) {
	now := time.Unix(exampleTime, 0)
	s := sources(t, now, "shop="+secretOf("old"), "shop="+secretOf("new"), "bank="+secretOf("bank"))
	good := signed(t, secretOf("new"), "1", now, "{}")
	with := func(name, value string) map[string]string {
		return map[string]string{HeaderID: good[HeaderID], HeaderTimestamp: good[HeaderTimestamp], HeaderSignature: good[HeaderSignature], name: value}
	}
	stale := now.Add(-Tolerance - time.Second)
	for name, c := range map[string]struct {
		source  string
		headers map[string]string
		body    string
		want    error
	}{
		"the new secret":          {"shop", good, "{}", nil},
		"the old one":             {"shop", signed(t, secretOf("old"), "1", now, "{}"), "{}", nil},
		"several signatures":      {"shop", with(HeaderSignature, "v1a,x v1,AAAA "+good[HeaderSignature]), "{}", nil},
		"the oldest there can be": {"shop", signed(t, secretOf("new"), "1", now.Add(-Tolerance), "{}"), "{}", nil},
		"a clock ahead":           {"shop", signed(t, secretOf("new"), "1", now.Add(Tolerance), "{}"), "{}", nil},
		"too old":                 {"shop", signed(t, secretOf("new"), "1", stale, "{}"), "{}", ErrStale},
		"too far ahead":           {"shop", signed(t, secretOf("new"), "1", now.Add(Tolerance+time.Second), "{}"), "{}", ErrStale},
		"of year 292277026596":    {"shop", signed(t, secretOf("new"), "1", time.Unix(1<<62, 0), "{}"), "{}", ErrStale},
		"another source's":        {"bank", good, "{}", ErrSignature},
		"no such source":          {"nobody", good, "{}", ErrSignature},
		"stale and not signed":    {"shop", signed(t, secretOf("else"), "1", stale, "{}"), "{}", ErrSignature},
		"the decoy's":             {"nobody", signed(t, secretPrefix+base64.StdEncoding.EncodeToString(make([]byte, minKey)), "1", now, "{}"), "{}", ErrSignature},
		"another body":            {"shop", good, "{ }", ErrSignature},
		"another id":              {"shop", with(HeaderID, "2"), "{}", ErrSignature},
		"another time":            {"shop", with(HeaderTimestamp, strconv.Itoa(exampleTime+1)), "{}", ErrSignature},
		"no id":                   {"shop", with(HeaderID, ""), "{}", ErrSignature},
		"no time":                 {"shop", with(HeaderTimestamp, ""), "{}", ErrSignature},
		"a time that is none":     {"shop", with(HeaderTimestamp, "today"), "{}", ErrSignature},
		"no signature":            {"shop", with(HeaderSignature, ""), "{}", ErrSignature},
		"another version":         {"shop", with(HeaderSignature, "v2"+good[HeaderSignature][2:]), "{}", ErrSignature},
		"nothing":                 {"shop", nil, "", ErrSignature},
	} {
		id, err := s.Verify(c.source, get(c.headers), []byte(c.body))
		if !errors.Is(err, c.want) || (err == nil) != (id == "1") {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
	if names := s.Names(); !slices.Equal(names, []string{"bank", "shop"}) || !s.Has("bank") || s.Has("nobody") {
		t.Errorf("the sources are %v", names)
	}
}

func TestSourcesAreRead(t *testing.T) {
	for list, want := range map[string]int{"": 0, ",": 0, "a=" + secretOf("a"): 1, " a=" + secretOf("a") + " , b-1=" + secretOf("b") + ",": 2} {
		if s, err := Parse(list); err != nil || len(s.Names()) != want {
			t.Errorf("%q: %v, %v", list, s, err)
		}
	}
	many := make([]string, maxSources+1)
	for i := range many {
		many[i] = fmt.Sprintf("s%d=%s", i, secretOf("x"))
	}
	const short = "c2VjcmV0"
	for name, list := range map[string]string{
		"no name": secretOf("a"), "an empty name": "=" + secretOf("a"), "capitals": "Shop=" + secretOf("a"), "a slash": "a/b=" + secretOf("a"),
		"a long name": strings.Repeat("a", 64) + "=" + secretOf("a"), "no secret": "shop", "an empty one": "shop=", "no prefix": "shop=" + secretOf("a")[6:],
		"no base64": "shop=whsec_" + short + "-_", "too short": "shop=whsec_" + short, "too long": "shop=whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)),
		"three secrets": strings.Repeat(",shop="+secretOf("a"), 3), "too many": strings.Join(many, ","),
	} {
		_, err := Parse(list)
		if err == nil {
			t.Errorf("%s is taken", name)
		} else if text := err.Error(); strings.Contains(text, short) || strings.Contains(text, secretOf("a")[6:]) {
			t.Errorf("%s: the error has the secret: %s", name, text)
		}
	}
}

// FuzzVerify forges webhooks: nothing but the example, as it was signed, passes.
func FuzzVerify(f *testing.F) {
	at := strconv.Itoa(exampleTime)
	for _, seed := range [][4]string{
		{exampleID, at, exampleSignature, exampleBody},
		{exampleID, at, "v1," + exampleSignature, exampleBody},
		{exampleID, at, "v2" + exampleSignature[2:], exampleBody},
		{exampleID, at, "v1, v1,= " + exampleSignature[:20], exampleBody},
		{exampleID, at + "0", exampleSignature, exampleBody},
		{"", "", "", ""},
		{exampleID + ".", at, exampleSignature, exampleBody},
		{exampleID, "+" + at, exampleSignature, exampleBody},
		{exampleID, at, "v1a,", "\xff"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	s, err := Parse("shop=" + exampleSecret)
	if err != nil {
		f.Fatal(err)
	}
	s.now = func() time.Time { return time.Unix(exampleTime, 0) }
	f.Fuzz(func(t *testing.T, id, timestamp, signature, body string) {
		header := func(name string) string {
			return map[string]string{HeaderID: id, HeaderTimestamp: timestamp, HeaderSignature: signature}[name]
		}
		for _, source := range []string{"shop", "nobody"} {
			seconds, _ := strconv.ParseInt(timestamp, 10, 64)
			genuine := source == "shop" && id == exampleID && seconds == exampleTime && body == exampleBody && strings.Contains(signature, exampleSignature)
			got, err := s.Verify(source, header, []byte(body))
			switch {
			case !genuine && !errors.Is(err, ErrSignature) && !errors.Is(err, ErrStale), err != nil && got != "", err == nil && got != exampleID:
				t.Errorf("%s: %q, %q, %q, %q: %q, %v", source, id, timestamp, signature, body, got, err)
			}
		}
	})
}
