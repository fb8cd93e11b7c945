package messages

import (
	"encoding/base64"
	"math"
	"testing"

	"github.com/ism-chat/ism/services/messages/store"
)

func TestCursorsComeBack(t *testing.T) {
	for _, place := range []store.Place{{}, {Offset: 1}, {Epoch: 3, Offset: 1 << 40}, store.End, {Epoch: math.MaxInt32}} {
		if got, ok := decodeCursor(encodeCursor(place)); !ok || got != place {
			t.Errorf("%v comes back as %v, %t", place, got, ok)
		}
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	good := encodeCursor(store.Place{Epoch: 1, Offset: 2})
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
		if place, ok := decodeCursor(text); ok {
			t.Errorf("%s: %q is taken as %v", name, text, place)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "AQAAAAAAAAAAAAAAAA", "AQAAAAEAAAAAAAAAAg", "%41Q==", "AQAAAAAAAAAAAAAAA\xff", "AX____________8_"} {
		f.Add(seed)
	}
	f.Add(encodeCursor(store.End))
	f.Fuzz(func(t *testing.T, text string) {
		place, ok := decodeCursor(text)
		if !ok {
			return
		}
		if place.Epoch < 0 || place.Offset < 0 {
			t.Errorf("%q gives the place %v", text, place)
		}
		if again := encodeCursor(place); again != text {
			t.Errorf("%q and %q are the same place: a cursor must have one form", text, again)
		}
	})
}
