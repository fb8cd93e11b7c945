package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

type order struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Inner struct {
		Tags []string `json:"tags"`
	} `json:"inner"`
}

func TestDecodeIsStrict(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code string // "" where it is taken
	}{
		"plain":                   {`{"name":"a","count":1,"inner":{"tags":["x","y"]}}`, ""},
		"unknown fields":          {`{"name":"a","colour":"red","inner":{"depth":1}}`, ""},
		"the same key elsewhere":  {`{"name":"a","inner":{"name":"b"}}`, ""},
		"the same value twice":    {`{"name":"name","inner":{"tags":["a","a"]}}`, ""},
		"white space around":      {" {\"name\":\"a\"}\n", ""},
		"empty":                   {``, "malformed-json"},
		"blank":                   {` `, "malformed-json"},
		"cut off":                 {`{"name":"a"`, "malformed-json"},
		"cut off in an array":     {`{"inner":{"tags":["a"`, "malformed-json"},
		"trailing value":          {`{"name":"a"}{}`, "malformed-json"},
		"trailing letter":         {`{"name":"a"}x`, "malformed-json"},
		"a key twice":             {`{"name":"a","name":"b"}`, "malformed-json"},
		"a key twice, other case": {`{"name":"a","NAME":"b"}`, "malformed-json"},
		"an unknown key twice":    {`{"x":1,"x":2}`, "malformed-json"},
		"a key twice, deeper":     {`{"inner":{"tags":[],"tags":[]}}`, "malformed-json"},
		"a key twice, behind":     {`{"inner":{"tags":[]},"name":"a","inner":{}}`, "malformed-json"},
		"an escaped key twice":    {`{"name":"a","n\u0061me":"b"}`, "malformed-json"},
		"a wrong type":            {`{"count":"one"}`, "malformed-json"},
		"another wrong type":      {`{"name":{}}`, "malformed-json"},
		"an array":                {`[]`, "malformed-json"},
		"not UTF-8":               {"{\"name\":\"\xff\"}", "malformed-json"},
		"deep":                    {strings.Repeat(`{"a":`, 20_000), "malformed-json"},
		"deep arrays":             {`{"x":` + strings.Repeat(`[`, 20_000), "malformed-json"},
		"NUL":                     {`{"name":"a\u0000b"}`, "invalid-request"},
	} {
		t.Run(name, func(t *testing.T) {
			var target order
			err := decode([]byte(c.body), &target)
			var problem *Problem
			switch {
			case c.code == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.code != "" && (!errors.As(err, &problem) || problem.Code != c.code):
				t.Errorf("error %v, want %s", err, c.code)
			}
		})
	}
}

func TestDecodeTakesJSONOnly(t *testing.T) {
	w := serve(t, defaults(), New, nil, func(app *fiber.App) {
		app.Post("/order", func(c *fiber.Ctx) error { return Decode(c, &order{}) })
	})
	for contentType, status := range map[string]int{
		"application/json": 200, "application/json; charset=UTF-8": 200, "Application/JSON": 200,
		"": 415, "text/plain": 415, "application/json; charset=latin1": 415, "application/jsonx": 415, "application/json;;": 415,
	} {
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		got := w.ask("POST", "/order", header, `{}`)
		if got.status != status {
			t.Errorf("%q: %d %s", contentType, got.status, got.body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"a"}`, `{"name":"a","NAME":"b"}`, `{"inner":{"tags":[null]}}`, `[{}]`, `"\ud800"`, `{"a":1}{`, `{"":{"":0,"":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var target order
		err := decode(body, &target)
		if err == nil && !json.Valid(body) {
			t.Errorf("took what is no JSON: %q", body)
		}
		var problem *Problem
		if err != nil && !errors.As(err, &problem) {
			t.Errorf("the error is no problem: %v", err)
		}
	})
}
