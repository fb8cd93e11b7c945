package messages

import (
	"encoding/base64"
	"math"
	"testing"

	"github.com/ism-chat/ism/libs/events"
)

func TestCursorsComeBack(t *testing.T) {
	for _, position := range []events.Position{{}, {Offset: 1}, {Epoch: 3, Offset: 1 << 40}, events.EndOfLog, {Epoch: math.MaxInt32}} {
		if got, ok := decodeCursor(encodeCursor(position)); !ok || got != position {
			t.Errorf("%v comes back as %v, %t", position, got, ok)
		}
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	good := encodeCursor(events.Position{Epoch: 1, Offset: 2})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(i int, b byte) string {
		c := append([]byte(nil), raw...)
		c[i] = b
		return base64.RawURLEncoding.EncodeToString(c)
	}
	for name, text := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "A", "padded": good + "=", "no base64": "!" + good[1:],
		"standard alphabet": "+" + good[1:], "another version": changed(0, 2), "negative epoch": changed(1, 0x80),
		"negative offset": changed(5, 0xff), "line break": good[:5] + "\n" + good[5:], "loose last bits": good[:len(good)-1] + "J",
	} {
		if position, ok := decodeCursor(text); ok {
			t.Errorf("%s: %q is taken as %v", name, text, position)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "AQAAAAAAAAAAAAAAAA", "AQAAAAEAAAAAAAAAAg", "%41Q==", "AQAAAAAAAAAAAAAAA\xff", "AX____________8_"} {
		f.Add(seed)
	}
	f.Add(encodeCursor(events.EndOfLog))
	f.Fuzz(func(t *testing.T, text string) {
		position, ok := decodeCursor(text)
		if !ok {
			return
		}
		if position.Epoch < 0 || position.Offset < 0 {
			t.Errorf("%q gives the position %v", text, position)
		}
		if again := encodeCursor(position); again != text {
			t.Errorf("%q and %q are the same position: a cursor must have one form", text, again)
		}
	})
}
