package wire

import (
	"errors"
	"fmt"
	"time"
)

// timeFormat has the one length that every time on the wire has, so that the order of texts is the order of times, and so that clients can
// read it that take three or six decimals and no other number, as Python did before 3.11.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// Time is a time as it stands on the wire: RFC 3339, in UTC, with exactly six decimals and Z. Any RFC 3339 time is read.
type Time struct{ time.Time }

// At gives a time as it will stand on the wire: UTC, and what is finer than a microsecond left out.
func At(at time.Time) Time { return Time{at.UTC().Truncate(time.Microsecond)} }

// String is the time as it stands on the wire.
func (t Time) String() string { return t.UTC().Format(timeFormat) }

// MarshalText implements [encoding.TextMarshaler]. It fails outside of the years 0 to 9999, which RFC 3339 cannot write.
func (t Time) MarshalText() ([]byte, error) { return t.append(nil, "") }

// MarshalJSON implements [json.Marshaler], as MarshalText does.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.append(make([]byte, 0, len(`""`)+len(timeFormat)), `"`)
}

func (t Time) append(dst []byte, quote string) ([]byte, error) {
	at := t.UTC()
	if year := at.Year(); year < 0 || year > 9999 {
		return nil, errors.New("the year is outside of 0 to 9999")
	}
	dst = at.AppendFormat(append(dst, quote...), timeFormat)
	return append(dst, quote...), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *Time) UnmarshalText(text []byte) error {
	var at time.Time
	if err := at.UnmarshalText(text); err != nil {
		return fmt.Errorf("read a time: %w", err)
	}
	*t = At(at)
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler]. As everywhere in JSON null changes nothing.
func (t *Time) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var at time.Time
	if err := at.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("read a time: %w", err)
	}
	*t = At(at)
	return nil
}
