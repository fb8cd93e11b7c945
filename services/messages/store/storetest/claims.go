package storetest

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/store"
)

func claimed(t *testing.T, s store.Store, claim store.Claim) bool {
	t.Helper()
	claimed, err := s.Claim(t.Context(), claim, time.Minute)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return claimed
}

func testClaims(t *testing.T, s store.Store) {
	one := store.Claim{Key: store.Key{Room: newRoom(), Message: newRoom()}, Base: events.Position{Epoch: 1, Offset: 7}, Holder: uuid.New()}
	other := one
	other.Holder = uuid.New()
	for range 2 {
		if !claimed(t, s, one) {
			t.Error("the first that claims has not the right")
		}
	}
	if claimed(t, s, other) || !claimed(t, s, one) {
		t.Error("a second has the right, or the first has it no more")
	}
	later := other
	later.Base.Offset++
	elsewhere := other
	elsewhere.Message = newRoom()
	if !claimed(t, s, later) || !claimed(t, s, elsewhere) {
		t.Error("a newer content, or another message, cannot be claimed")
	}
	for range 2 {
		if err := s.Release(t.Context(), one); err != nil {
			t.Fatalf("release: %v", err)
		}
	}
	if !claimed(t, s, other) {
		t.Error("what was released cannot be claimed")
	}
}

// testParallelClaims has many claim one message at once, until one of them has the right: never two have.
func testParallelClaims(t *testing.T, s store.Store) {
	for range 5 {
		what := store.Claim{Key: store.Key{Room: newRoom(), Message: newRoom()}}
		var holders atomic.Int32
		for round := 0; holders.Load() == 0; round++ {
			if round == 50 {
				t.Fatal("of many none gets the right")
			}
			var all sync.WaitGroup
			for i := range 8 - round%8 { // so that sooner or later one is alone
				all.Go(func() {
					mine := what
					mine.Holder = uuid.UUID{15: byte(i)}
					ok, err := s.Claim(t.Context(), mine, time.Minute)
					if err != nil {
						t.Errorf("claim: %v", err)
					} else if ok {
						holders.Add(1)
					}
				})
			}
			all.Wait()
		}
		if n := holders.Load(); n > 1 {
			t.Errorf("%d have the right at once", n)
		}
	}
}

func testExpiredClaim(t *testing.T, s store.Store) {
	one := store.Claim{Key: store.Key{Room: newRoom(), Message: newRoom()}, Holder: uuid.New()}
	other := one
	other.Holder = uuid.New()
	if ok, err := s.Claim(t.Context(), one, time.Second); err != nil || !ok {
		t.Fatalf("claim: %t, %v", ok, err)
	}
	late := time.Now().Add(timeout)
	for !claimed(t, s, other) {
		if time.Now().After(late) {
			t.Fatal("a claim does not expire")
		}
		time.Sleep(100 * time.Millisecond) // the store's own clock runs
	}
}

func testSharedKeys(t *testing.T, s store.Store) {
	name := uuid.NewString()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if key, err := s.SharedKey(t.Context(), name, bytes.Repeat([]byte{byte(i)}, 32)); err != nil || len(key) != 32 {
				t.Errorf("the key is %x, %v", key, err)
			}
		})
	}
	all.Wait()
	first, err := s.SharedKey(t.Context(), name, bytes.Repeat([]byte{0xff}, 32))
	if err != nil || first[0] == 0xff {
		t.Fatalf("a key that is there gives way to a proposed one: %x, %v", first, err)
	}
	for range 8 {
		if key, err := s.SharedKey(t.Context(), name, bytes.Repeat([]byte{1}, 32)); err != nil || !bytes.Equal(key, first) {
			t.Errorf("the key is %x, then %x, %v", first, key, err)
		}
	}
	if key, err := s.SharedKey(t.Context(), name+" of another", bytes.Repeat([]byte{9}, 32)); err != nil || key[0] != 9 {
		t.Errorf("the first key of a name is %x, %v", key, err)
	}
}
