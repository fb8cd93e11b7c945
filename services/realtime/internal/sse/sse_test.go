package sse

import (
	"testing"
	"time"
)

func TestDataStandsOnOneLine(t *testing.T) {
	for data, want := range map[string]string{
		`{"type":"ChatMessage"}`:           "data: {\"type\":\"ChatMessage\"}\n\n",
		"{\r\n  \"text\": \"a\\nb\"\r\n}":  "data: {\"text\":\"a\\nb\"}\n\n",
		"{\"emoji\":\"\U0001F957\u2028\"}": "data: {\"emoji\":\"\U0001F957\u2028\"}\n\n",
	} {
		got, err := Data([]byte(data))
		if err != nil || string(got) != want {
			t.Errorf("Data(%q) = %q, %v", data, got, err)
		}
	}
	if got, err := Data([]byte("no\nJSON")); err == nil {
		t.Errorf("two lines that are no JSON became %q", got)
	}
}

func TestBlocksOfLines(t *testing.T) {
	got := AppendEnd(AppendComment(AppendID(AppendRetry(nil, 2*time.Second), "AQ")))
	if want := "retry: 2000\nid: AQ\n:\n\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
