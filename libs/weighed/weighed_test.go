package weighed_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ism-chat/ism/libs/weighed"
)

func newCache(t *testing.T, limit int) *weighed.Cache[int, string] {
	t.Helper()
	cache, err := weighed.New[int](limit, func(value string) int { return len(value) })
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func has(t *testing.T, cache *weighed.Cache[int, string], keys ...int) {
	t.Helper()
	for _, key := range keys {
		if _, ok := cache.Peek(key); !ok {
			t.Errorf("%d is gone", key)
		}
	}
	if cache.Len() != len(keys) {
		t.Errorf("%d values are kept, want %d", cache.Len(), len(keys))
	}
}

func TestTheLeastRecentlyUsedGoFirst(t *testing.T) {
	cache := newCache(t, 3*(weighed.Overhead+1))
	for key := range 3 {
		cache.Add(key, "x")
	}
	cache.Get(0)
	cache.Peek(1)
	cache.Add(3, "x")
	has(t, cache, 0, 2, 3)
	cache.Add(2, "y")
	cache.Add(4, "x")
	has(t, cache, 2, 3, 4)
	if value, _ := cache.Get(2); value != "y" {
		t.Errorf("2 is %q", value)
	}
}

func TestALargeValueDrivesOutMany(t *testing.T) {
	cache := newCache(t, 3*weighed.Overhead)
	cache.Add(1, "")
	cache.Add(2, "")
	cache.Add(3, string(make([]byte, weighed.Overhead)))
	has(t, cache, 2, 3)
	cache.Add(4, string(make([]byte, 3*weighed.Overhead))) // no room for it, whatever goes
	has(t, cache)
	if cache.Weight() != 0 {
		t.Errorf("nothing weighs %d", cache.Weight())
	}
}

func TestTheWeightIsThatOfWhatIsKept(t *testing.T) {
	const limit = 10_000
	cache, kept := newCache(t, limit), 0
	for range 10_000 {
		key := rand.IntN(100)
		switch rand.IntN(10) {
		case 0:
			cache.Remove(key)
		case 1:
			cache.Get(key)
		default:
			cache.Add(key, string(make([]byte, rand.IntN(500))))
		}
		weight := 0
		for key := range 100 {
			if value, ok := cache.Peek(key); ok {
				weight += weighed.Overhead + len(value)
			}
		}
		if weight != cache.Weight() || weight > limit {
			t.Fatalf("it weighs %d, and says %d", weight, cache.Weight())
		}
		kept += cache.Len()
	}
	if kept == 0 {
		t.Error("nothing was ever kept")
	}
	cache.Purge()
	has(t, cache)
}

func TestABoundThatKeepsNothingIsRefused(t *testing.T) {
	if _, err := weighed.New[int](1, func(string) int { return 0 }); err == nil {
		t.Error("it is taken")
	}
}
