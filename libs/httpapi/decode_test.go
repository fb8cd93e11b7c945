package httpapi

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// target is what the tests decode into.
type target struct {
	Text   string    `json:"text"`
	Count  int8      `json:"count"`
	List   []string  `json:"list"`
	At     time.Time `json:"at"`
	Any    any       `json:"any"`
	Nested struct {
		Text string `json:"text"`
	} `json:"nested"`
}

func nested(levels int) string {
	return `{"any":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

func TestDecodeTakes(t *testing.T) {
	for raw, want := range map[string]string{
		`{"text":"a"}`:                                  "a",
		" \r\n\t{ \"text\" : \"a\" }\n":                 "a",
		` {"text":"b"} `:                                "b",
		`{"text":"a","unknown":{"x":[1,2,{"y":null}]}}`: "a",
		`{"TEXT":"a"}`:                                  "a",
		`{"text":"\u00e4\ud83e\udd17\\u0000"}`:          "ä🤗\\u0000",
		`{"text":"{\"text\":1,\"text\":2}"}`:            `{"text":1,"text":2}`,
		`{"text":"a","nested":{"text":"b"}}`:            "a",
		`{"text":"a","any":[{"x":1},{"x":2}]}`:          "a",
		`{"text":"a","list":["list","list"]}`:           "a",
		`{"any":{"":0,"a":0,"b":{"a":{"a":{}}}}}`:       "",
		`{"text":null}`:                                 "",
		nested(maxDepth):                                "",
		`null`:                                          "",
	} {
		var into target
		if err := decode([]byte(raw), &into); err != nil || into.Text != want {
			t.Errorf("%s: %q, %v", raw, into.Text, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", 50_000)
	for name, c := range map[string]struct{ raw, says string }{
		"nothing":                   {"", "empty"},
		"white space":               {" \n", "empty"},
		"no JSON":                   {`text=a`, "no JSON, at byte 2"},
		"half of it":                {`{"text":"a"`, "no JSON, at byte 11"},
		"a comma too many":          {`{"text":"a",}`, "at byte 13"},
		"a comment":                 {`{/**/}`, "no JSON"},
		"single quotes":             {`{'text':'a'}`, "no JSON"},
		"NaN":                       {`{"any":NaN}`, "no JSON"},
		"a byte order mark":         {"\ufeff{}", "no JSON"},
		"trailing object":           {`{"text":"a"}{}`, "no JSON, at byte 13"},
		"trailing bracket":          {`{"text":"a"}]`, "at byte 13"},
		"trailing word":             {`{"text":"a"} x`, "no JSON"},
		"an array":                  {`[]`, "the body cannot be a JSON array"},
		"a string":                  {`"a"`, "the body cannot be a JSON string"},
		"a wrong type":              {`{"text":7}`, `the field "text" cannot be this JSON number, at byte 9`},
		"a wrong type within":       {`{"nested":{"text":[]}}`, `"nested.text" cannot be this JSON array`},
		"a wrong type in a list":    {`{"list":["a",{}]}`, `"list" cannot be this JSON object`},
		"a number out of range":     {`{"count":128}`, `"count" cannot be this JSON number`},
		"a fraction":                {`{"count":1.5}`, `"count" cannot be this JSON number`},
		"a number of 50,000 digits": {`{"count":` + strings.Repeat("9", 50_000) + `}`, `"count" cannot be this JSON number`},
		"a time that is none":       {`{"at":"` + secret + `"}`, "wrong form"},
		"a key twice":               {`{"text":"a","text":"b"}`, `the key "text" is there twice, at byte 12`},
		"a key twice, escaped":      {`{"text":"a","\u0074ext":"b"}`, `"text" is there twice`},
		"a key twice, capitals":     {`{"text":"a","Text":"b"}`, `"Text" is there twice`},
		"a key twice, Kelvin":       {`{"k":"a","\u212a":"b"}`, "is there twice"},
		"a key twice, long s":       {`{"list":[],"li` + "\u017f" + `t":[]}`, "is there twice"},
		"a key twice within":        {`{"any":[{"x":{"y":1,"z":2,"y":3}}]}`, `"y" is there twice`},
		"a key twice, around more":  {`{"a":{"a":[]},"b":[{}],"a":0}`, `"a" is there twice`},
		"a key twice, around many":  {`{"A":0,` + keys(2 * fewKeys)[1:len(keys(2*fewKeys))-1] + `,"a":0}`, `"a" is there twice`},
		"a key twice, behind many":  {`{"any":{` + keys(2 * fewKeys)[8:len(keys(2*fewKeys))-2] + `,"End":0}}`, `"End" is there twice`},
		"an empty key twice":        {`{"":1,"":2}`, `"" is there twice`},
		"a long key twice":          {`{"` + long + `":1,"` + long + `":2}`, `"` + long[:40] + `…" is there twice`},
		"deep objects":              {strings.Repeat(`{"a":`, maxDepth+1) + "0" + strings.Repeat("}", maxDepth+1), "deeper than 32 levels"},
		"deep arrays":               {nested(maxDepth + 1), "deeper than 32 levels"},
		"very deep arrays":          {nested(30_000), "no JSON"},
		"open arrays":               {strings.Repeat("[", 60_000), "no JSON"},
		"a stray byte":              {"{\"text\":\"\xff\"}", "not UTF-8"},
		"an overlong NUL":           {"{\"text\":\"\xc0\x80\"}", "not UTF-8"},
		"a surrogate":               {"{\"text\":\"\xed\xa0\x80\"}", "not UTF-8"},
		"half a pair":               {`{"text":"a\ud83e"}`, "half of a surrogate pair, at byte 8"},
		"the other half":            {`{"text":"\uDD57a"}`, "half of a surrogate pair"},
		"two first halves":          {`{"text":"\ud83e\ud83e\udd57"}`, "half of a surrogate pair"},
		"a pair the wrong way":      {`{"text":"\udd57\ud83e"}`, "half of a surrogate pair"},
		"a torn pair":               {`{"text":"\ud83e \udd57"}`, "half of a surrogate pair"},
		"half of a pair as a key":   {`{"\ud83e":1}`, "half of a surrogate pair, at byte 1"},
		"invalid outside strings":   {"{\"text\":\"a\"}\xff", "not UTF-8"},
		"UTF-16":                    {"{\x00}\x00", "no JSON"},
		"a raw NUL":                 {"{\"text\":\"a\x00\"}", "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			problem := refusal(t, decode([]byte(c.raw), &target{}))
			if problem.Status != http.StatusBadRequest || problem.Code != "malformed-json" || !strings.Contains(problem.Detail, c.says) {
				t.Errorf("%d %s %s", problem.Status, problem.Code, problem.Detail)
			}
			if len(problem.Detail) > 200 || strings.Contains(problem.Detail, secret) || strings.Contains(problem.Detail, "target") {
				t.Errorf("the detail says too much: %s", problem.Detail)
			}
		})
	}
}

func refusal(t *testing.T, err error) *Problem {
	t.Helper()
	var problem *Problem
	if !errors.As(err, &problem) {
		t.Fatalf("error %v is no problem", err)
	}
	return problem
}

func TestDecodeRefusesNULInStrings(t *testing.T) {
	for _, raw := range []string{
		`{"text":"a\u0000"}`, `{"text":"\\\u0000"}`, `{"unknown":"\u0000"}`, `{"\u0000":1}`, `{"any":["\u0000"]}`, `{"any":{"x":"\"\u0000"}}`,
	} {
		if problem := refusal(t, decode([]byte(raw), &target{})); problem.Code != "invalid-request" || problem.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", raw, problem)
		}
	}
	if problem := refusal(t, decode([]byte(`{"text":"\u0000"`), &target{})); problem.Code != "malformed-json" {
		t.Error(problem)
	}
}

func TestDecodeTakesEscapesAsTheyAre(t *testing.T) {
	for raw, want := range map[string]string{
		`{"text":"\ud83e\udd57\uD83E\uDD57"}`: "🥗🥗", `{"text":"\\ud83e"}`: `\ud83e`, `{"text":"\\\ud83e\udd57"}`: `\🥗`, `{"text":"\ufffd\uffff\ud7ff\ue000"}`: "\ufffd\uffff\ud7ff\ue000",
	} {
		var got target
		if err := decode([]byte(raw), &got); err != nil || got.Text != want {
			t.Errorf("%s is %q, %v", raw, got.Text, err)
		}
	}
}

func TestDecodeFieldSaysWhichFieldIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`: `the field "body" cannot be this JSON array`, `"x"`: `the field "body" cannot be this JSON string`, `{"text":7}`: `the field "body.text" cannot be this JSON number`,
		`{"at":"` + secret + `"}`: `the field "body" cannot be this JSON value`,
	} {
		problem := refusal(t, DecodeField("body", []byte(raw), &target{}))
		if problem.Status != http.StatusBadRequest || problem.Code != "malformed-json" || problem.Detail != want {
			t.Errorf("%s: %v", raw, problem)
		}
	}
	var got target
	if err := DecodeField("body", []byte(`{"text":"a"}`), &got); err != nil || got.Text != "a" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecodeIntoWhatCannotBeIsOurFault(t *testing.T) {
	if problem := problemOf(decode([]byte(`{}`), target{})); problem.Status != http.StatusInternalServerError {
		t.Error(problem)
	}
}

func TestDecodeTakesTimeInProportion(t *testing.T) {
	const size = 1 << 20
	for name, raw := range map[string]string{
		"many keys":      keys(size / 12),
		"many objects":   `{"any":[` + strings.Repeat(`{"a":0},`, size/8) + `0]}`,
		"a long string":  `{"any":"` + strings.Repeat(`\n`, size/2) + `"}`,
		"a long key":     `{"` + strings.Repeat(`\n`, size/2) + `":0}`,
		"quotes in keys": `{"any":"` + strings.Repeat(`\"`, size/2) + `"}`,
	} {
		begun := time.Now()
		if err := decode([]byte(raw), &target{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: 1 MB took %s", name, took)
		}
	}
}

func keys(count int) string {
	var text strings.Builder
	text.WriteString(`{"any":{`)
	for i := range count {
		fmt.Fprintf(&text, `"k%d":0,`, i)
	}
	return text.String() + `"end":0}}`
}

var (
	pairs    = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}`)
	halfPair = regexp.MustCompile(`(?i)\\ud[89a-f]`)
)

// oracle judges a JSON text slowly, by its tokens.
func oracle(raw []byte) (accepted bool) {
	escapes := bytes.ReplaceAll(raw, []byte(`\\`), nil)
	if !utf8.Valid(raw) || !json.Valid(raw) || halfPair.Match(pairs.ReplaceAll(escapes, []byte("-"))) {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return tokens(decoder, 1)
}

func tokens(decoder *json.Decoder, depth int) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	if text, ok := token.(string); ok {
		return !strings.Contains(text, "\x00")
	}
	delimiter, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth > maxDepth {
		return false
	}
	var names []string
	for decoder.More() {
		if delimiter == '{' {
			name, err := decoder.Token()
			text, ok := name.(string)
			if err != nil || !ok || strings.Contains(text, "\x00") {
				return false
			}
			for _, other := range names {
				if strings.EqualFold(other, text) {
					return false
				}
			}
			names = append(names, text)
		}
		if !tokens(decoder, depth+1) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `"a"`, `{"text":"a","text":"b"}`, `{"text":"\u0000"}`, `{"a":{"a":1},"b":[{"a":1},{"a":2}],"A":0}`,
		`{"k":0,"\u212a":0}`, `{"s":0,"ſ":0}`, "{\"a\":\"\xff\"}", `{"text":"a"}{}`, `{"any":"\\u0000\"\\"}`, `{"\\":0,"\u005c":0}`,
		nested(maxDepth), nested(maxDepth + 1), `{"\ud800":0,"\ud801":0}`, ` { "a" : [ 1 , 2.5e+7 , true , false , null ] } `, `[[],[],{}]`,
		`{"name":"a","NAME":"b"}`, `{"inner":{"tags":[null]}}`, `[{}]`, `"\ud800"`, `{"a":1}{`, `{"":{"":0,"":1}}`, strings.Repeat(`{"a":`, 20_000),
		`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Text","msgBody":{"text":"Soup?"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var into any
		err := decode(raw, &into)
		if accepted := oracle(raw); accepted != (err == nil) {
			t.Fatalf("%q: %v, but by its tokens %t", raw, err, accepted)
		}
		if err == nil {
			return
		}
		problem := refusal(t, err)
		if problem.Status != http.StatusBadRequest && problem.Status != http.StatusUnprocessableEntity || !utf8.ValidString(problem.Detail) {
			t.Errorf("%q: %d %q", raw, problem.Status, problem.Detail)
		}
		_ = decode(raw, &target{})
	})
}

func BenchmarkDecode(b *testing.B) {
	raw := []byte(`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Text","msgBody":{"text":"Soup at twelve, as usual?"}}`)
	var into struct {
		Room string `json:"chatRoomId"`
		Body struct {
			Text string `json:"text"`
		} `json:"msgBody"`
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := decode(raw, &into); err != nil {
			b.Fatal(err)
		}
	}
}

func echo(app *fiber.App) {
	app.Post("/echo", func(c *fiber.Ctx) error {
		var body target
		if err := Decode(c, &body); err != nil {
			return err
		}
		return c.SendString(body.Text)
	})
	app.Get("/things/:thing_id", func(c *fiber.Ctx) error {
		id, err := UUIDParam(c, "thing_id")
		if err != nil {
			return err
		}
		return c.SendString(id.String())
	})
}

func TestContentTypes(t *testing.T) {
	f := serve(t, echo)
	for contentType, taken := range map[string]bool{
		"application/json":                     true,
		"application/json; charset=utf-8":      true,
		`APPLICATION/JSON;charset="UTF-8"`:     true,
		"application/json; version=1":          true,
		"application/json; charset=iso-8859-1": false,
		"application/json; charset":            false,
		"application/jsonp":                    false,
		"application/problem+json":             false,
		"text/plain":                           false,
		"text/json":                            false,
		"multipart/form-data; boundary=x":      false,
		"application/x-www-form-urlencoded":    false,
		"application/json, text/plain":         false,
		"":                                     false,
	} {
		got := f.do(t, http.MethodPost, "/echo", `{"text":"a"}`, "Content-Type", contentType)
		if taken && (got.status != http.StatusOK || string(got.body) != "a") {
			t.Errorf("%q: %d %s", contentType, got.status, got.body)
		}
		if !taken {
			got.problem(t, http.StatusUnsupportedMediaType, "unsupported-media-type")
		}
	}
}

func TestCompressedBodiesAreNotExpanded(t *testing.T) {
	f := serve(t, echo)
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	if _, err := io.WriteString(zip, `{"text":"`+strings.Repeat("a", 1<<22)+`"}`); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	got := f.do(t, http.MethodPost, "/echo", bomb.String(), "Content-Type", "application/json", "Content-Encoding", "gzip")
	got.problem(t, http.StatusUnsupportedMediaType, "unsupported-media-type")
	if got.header.Get("Accept-Encoding") != "identity" {
		t.Error(got.header)
	}
	if got := f.do(t, http.MethodPost, "/echo", `{"text":"a"}`, "Content-Type", "application/json", "Content-Encoding", "identity"); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestUUIDParam(t *testing.T) {
	f := serve(t, echo)
	id := uuid.NewString()
	for _, path := range []string{id, strings.ToUpper(id)} {
		if got := f.do(t, http.MethodGet, "/things/"+path, ""); got.status != http.StatusOK || string(got.body) != id {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{
		"7", "%7B" + id + "%7D", strings.ReplaceAll(id, "-", ""), id + "0", id[:35], id[:35] + "g", "urn:uuid:" + id, "%00", "%ff",
		"x" + id[1:], "%2e%2e", strings.Repeat("a", 5000),
	} {
		f.do(t, http.MethodGet, "/things/"+path, "").problem(t, http.StatusBadRequest, "invalid-id")
	}
}
