package sse

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestIDsReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]ID{
		"0-0":                            {0, 0},
		"7-4711":                         {7, 4711},
		"3--1":                           {3, -1},
		"2147483647-9223372036854775807": {2147483647, 9223372036854775807},
	} {
		got, err := ParseID(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseID(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestMalformedIDs(t *testing.T) {
	for _, text := range []string{
		"", "-", "7", "7-", "-7", "nonsense", "7-x", "x-7", "7-4711-1", " 7-1", "7-1 ", "07-1", "7-01", "+7-1", "7-+1", "7--2",
		"-1--1", "2147483648-0", "7-9223372036854775808", "7-1\n", "7-1\x00", "٧-١", strings.Repeat("7", 1<<20),
	} {
		if id, err := ParseID(text); !errors.Is(err, ErrMalformedID) {
			t.Errorf("ParseID(%.40q) = %v, %v", text, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"0-0", "7-4711", "3--1", "-1--1", "0-1; drop", "99999999999-1", "7-\n", "", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		switch {
		case err != nil && !errors.Is(err, ErrMalformedID):
			t.Errorf("unexpected error %v", err)
		case err == nil && (id.String() != text || id.Partition < 0 || id.Offset < -1):
			t.Errorf("%q was read as %v", text, id)
		}
	})
}

func TestEventStandsOnOneLine(t *testing.T) {
	for data, want := range map[string]string{
		`{"type":"ChatMessage"}`:           "id: 3-42\ndata: {\"type\":\"ChatMessage\"}\n\n",
		"{\r\n  \"text\": \"a\\nb\"\r\n}":  "id: 3-42\ndata: {\"text\":\"a\\nb\"}\n\n",
		"{\"emoji\":\"\U0001F957\u2028\"}": "id: 3-42\ndata: {\"emoji\":\"\U0001F957\u2028\"}\n\n",
	} {
		got, err := Event(ID{3, 42}, []byte(data))
		if err != nil || string(got) != want {
			t.Errorf("Event(%q) = %q, %v", data, got, err)
		}
	}
	if got, err := Event(ID{3, 42}, []byte("no\nJSON")); err == nil {
		t.Errorf("two lines that are no JSON became %q", got)
	}
}

func TestBlocks(t *testing.T) {
	got := AppendEnd(AppendComment(AppendPosition(AppendRetry(nil, 2*time.Second), ID{3, -1})))
	if want := "retry: 2000\nid: 3--1\n:\n\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
