package messages

import (
	"testing"
	"time"
)

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-23T12:30:45Z":                "2026-11-23T12:30:45Z",
		"2026-11-23T12:30:45.123456Z":         "2026-11-23T12:30:45.123456Z",
		"2026-11-23T14:30:45.123+02:00":       "2026-11-23T12:30:45.123Z",
		"2026-11-23T12:30:45.123456001Z":      "2026-11-23T12:30:45.123457Z",
		"2026-12-31T23:59:59.999999999Z":      "2027-01-01T00:00:00Z",
		"0001-01-01T00:00:00Z":                "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999999Z",
		"1969-12-31T23:59:59.9999999Z":        "1970-01-01T00:00:00Z",
		"2026-11-23T12:30:45.12345600000000Z": "2026-11-23T12:30:45.123456Z",
	} {
		got, ok := parseTimestamp(text)
		if !ok || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is read as %s, %t, want %s", text, got.Format(time.RFC3339Nano), ok, want)
		}
	}
	for _, text := range []string{
		"", "now", "1732365045", "2026-11-23", "2026-11-23 12:30:45Z", "2026-11-23T12:30:45", "2026-13-01T00:00:00Z",
		"2026-02-30T00:00:00Z", "2026-11-23T25:00:00Z", "-2026-11-23T12:30:45Z", "2026-11-23T12:30:45Z ", "２026-11-23T12:30:45Z",
	} {
		if got, ok := parseTimestamp(text); ok {
			t.Errorf("%q is taken as %s", text, got)
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{
		"2026-11-23T12:30:45.123456Z", "2026-11-23T14:30:45.123456789+02:00", "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999-23:59", "2026-11-23T12:30:60Z", "", "T",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := parseTimestamp(text)
		if !ok {
			return
		}
		if at.Nanosecond()%1000 != 0 || at.Location() != time.UTC {
			t.Errorf("%q is read as %s: neither whole microseconds nor UTC", text, at)
		}
		whole, err := time.Parse(time.RFC3339Nano, text)
		if late := at.Sub(whole); err != nil || late < 0 || late >= time.Microsecond {
			t.Errorf("%q is read %s late (%v)", text, late, err)
		}
		if again := time.UnixMicro(at.UnixMicro()).UTC(); !again.Equal(at) {
			t.Errorf("%q does not fit microseconds since 1970: %s", text, again)
		}
	})
}
