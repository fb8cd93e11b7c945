package wire_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/wire"
)

var onWire = regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"$`)

func TestTimesHaveSixDecimalsAndZ(t *testing.T) {
	second := time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC)
	for at, want := range map[time.Time]string{
		second:                              "2026-11-23T12:30:45.000000Z",
		second.Add(120 * time.Millisecond):  "2026-11-23T12:30:45.120000Z",
		second.Add(123456789):               "2026-11-23T12:30:45.123456Z",
		second.In(time.FixedZone("", 7200)): "2026-11-23T12:30:45.000000Z",
		{}:                                  "0001-01-01T00:00:00.000000Z",
	} {
		for _, value := range []any{wire.At(at), wire.Time{Time: at}, &wire.Time{Time: at}} {
			raw, err := json.Marshal(value)
			if err != nil || string(raw) != `"`+want+`"` {
				t.Errorf("%s is written as %s, %v; want %s", at, raw, err, want)
			}
		}
		if text, err := wire.At(at).MarshalText(); err != nil || string(text) != want || wire.At(at).String() != want {
			t.Errorf("%s as text is %s, %v, and %s", at, text, err, wire.At(at))
		}
	}
	for _, year := range []int{-1, 10_000} {
		if raw, err := json.Marshal(wire.At(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))); err == nil {
			t.Errorf("the year %d is written as %s", year, raw)
		}
	}
}

func TestAnyRFC3339TimeIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-23T12:30:45Z":             "2026-11-23T12:30:45.000000Z",
		"2026-11-23T12:30:45.12Z":          "2026-11-23T12:30:45.120000Z",
		"2026-11-23T12:30:45.123456789Z":   "2026-11-23T12:30:45.123456Z",
		"2026-11-23T14:30:45.123456+02:00": "2026-11-23T12:30:45.123456Z",
	} {
		var fromJSON, fromText wire.Time
		if err := json.Unmarshal([]byte(`"`+text+`"`), &fromJSON); err != nil || fromJSON.String() != want {
			t.Errorf("%s is read as %s, %v", text, fromJSON, err)
		}
		if err := fromText.UnmarshalText([]byte(text)); err != nil || fromText != fromJSON {
			t.Errorf("%s as text is read as %s, %v", text, fromText, err)
		}
	}
	for _, text := range []string{`"yesterday"`, `7`, `"2026-11-23"`, `{}`} {
		if err := json.Unmarshal([]byte(text), new(wire.Time)); err == nil {
			t.Errorf("%s is taken for a time", text)
		}
	}
	unchanged := wire.At(time.Now())
	if before := unchanged; json.Unmarshal([]byte("null"), &unchanged) != nil || unchanged != before {
		t.Errorf("null made %s of %s", unchanged, before)
	}
}

// What sorts as text must be in the order of the times, whatever their last digits are.
func TestTheOrderOfTextsIsTheOrderOfTimes(t *testing.T) {
	start := time.Date(2026, 11, 23, 23, 59, 59, 999_989_000, time.UTC)
	var texts []string
	for i := range 30 {
		texts = append(texts, wire.At(start.Add(time.Duration(i)*time.Microsecond)).String())
	}
	if !slices.IsSorted(texts) {
		t.Errorf("the texts are not in order: %v", texts)
	}
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2026-11-23T12:30:45Z", "9999-12-31T23:59:59.9999999-23:59", "0000-01-01T00:00:00+23:59", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var at, again wire.Time
		if at.UnmarshalText([]byte(text)) != nil {
			return
		}
		raw, err := json.Marshal(at)
		if err != nil {
			return // in UTC it is in another year, beyond what can be written
		}
		if !onWire.Match(raw) {
			t.Errorf("%q is written as %s", text, raw)
		}
		if err := json.Unmarshal(raw, &again); err != nil || again != at {
			t.Errorf("%s is read back as %s, %v", at, again, err)
		}
	})
}
