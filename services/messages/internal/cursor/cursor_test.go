package cursor

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// keys are those of a store.
type keys struct {
	made  map[string][]byte
	asked int
	err   error
}

func (k *keys) SharedKey(_ context.Context, name string, proposed []byte) ([]byte, error) {
	k.asked++
	if k.err != nil {
		return nil, k.err
	}
	if k.made[name] == nil {
		k.made = map[string][]byte{name: proposed}
	}
	return k.made[name], nil
}

var alice = Reader{Room: uuid.New(), User: uuid.New()}

func sign(tb testing.TB, s *Signer, of Reader, at events.Position) string {
	tb.Helper()
	cursor, err := s.Sign(context.Background(), of, at)
	if err != nil {
		tb.Fatal(err)
	}
	return cursor
}

func TestCursorsComeBackOnEveryProcess(t *testing.T) {
	shared := &keys{}
	one, other := NewSigner(shared), NewSigner(shared)
	for _, at := range []events.Position{{}, {Offset: 1}, {Epoch: 3, Offset: 1 << 40}, events.EndOfLog, {Epoch: math.MaxInt32}} {
		cursor := sign(t, one, alice, at)
		if got, err := other.Verify(t.Context(), alice, cursor); err != nil || got != at {
			t.Errorf("%v comes back as %v, %v", at, got, err)
		}
		if cursor != sign(t, other, alice, at) {
			t.Errorf("%v has two cursors", at)
		}
	}
	if shared.asked != 2 {
		t.Errorf("the key has been asked for %d times by two", shared.asked)
	}
}

func TestForeignCursorsAreRefused(t *testing.T) {
	signer := NewSigner(&keys{})
	good := sign(t, signer, alice, events.Position{Epoch: 1, Offset: 2})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(i int, b byte) string {
		c := append([]byte(nil), raw...)
		c[i] ^= b
		return base64.RawURLEncoding.EncodeToString(c)
	}
	for name, text := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "A", "padded": good + "=", "no base64": "!" + good[1:],
		"standard alphabet": "+" + good[1:], "another version": changed(0, 3), "another epoch": changed(4, 1), "another offset": changed(12, 1),
		"another signature": changed(28, 1), "line break": good[:5] + "\n" + good[5:],
		"of another room":   sign(t, signer, Reader{uuid.New(), alice.User}, events.Position{Epoch: 1, Offset: 2}),
		"of another reader": sign(t, signer, Reader{alice.Room, uuid.New()}, events.Position{Epoch: 1, Offset: 2}),
		"of another key":    sign(t, NewSigner(&keys{}), alice, events.Position{Epoch: 1, Offset: 2}),
		"unsigned, as once": "AQAAAAEAAAAAAAAAAg",
	} {
		if at, err := signer.Verify(t.Context(), alice, text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %q is taken as %v, %v", name, text, at, err)
		}
	}
}

// Two processes that made the key at the same time agree on the one that the store has kept.
func TestAKeyThatWasReplacedIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &keys{}
		early, late := NewSigner(shared), NewSigner(shared)
		sign(t, early, alice, events.Position{})
		shared.made = nil
		cursor := sign(t, late, alice, events.Position{Offset: 7})
		if _, err := early.Verify(t.Context(), alice, cursor); !errors.Is(err, ErrInvalid) {
			t.Errorf("within a second of its reading the key is read again: %v", err)
		}
		time.Sleep(reread)
		if got, err := early.Verify(t.Context(), alice, cursor); err != nil || got.Offset != 7 {
			t.Errorf("%v, %v", got, err)
		}
		asked := shared.asked
		for range 10 {
			if _, err := early.Verify(t.Context(), alice, cursor[:len(cursor)-4]+"AAAA"); !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
		}
		if shared.asked != asked {
			t.Errorf("forged cursors have the key read %d times in a moment", shared.asked-asked)
		}
	})
}

func TestWithoutAKeyNothingIsSignedOrRefused(t *testing.T) {
	away := errors.New("away")
	shared := &keys{}
	cursor := sign(t, NewSigner(shared), alice, events.Position{})
	shared.err = away
	signer := NewSigner(shared)
	if _, err := signer.Sign(t.Context(), alice, events.Position{}); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := signer.Verify(t.Context(), alice, cursor); !errors.Is(err, away) {
		t.Error(err)
	}
}

func FuzzCursor(f *testing.F) {
	signer := NewSigner(&keys{})
	for _, seed := range []string{"", "AQAAAAEAAAAAAAAAAg", "%41Q==", "AX____________8_"} {
		f.Add(seed)
	}
	f.Add(sign(f, signer, alice, events.EndOfLog))
	f.Fuzz(func(t *testing.T, text string) {
		at, err := signer.Verify(context.Background(), alice, text)
		if err == nil && sign(t, signer, alice, at) != text {
			t.Errorf("%q is taken as %v, whose cursor is another", text, at)
		}
	})
}
