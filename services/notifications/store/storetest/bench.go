package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// Bench measures what inboxes cost: entries that are put in the batches of the consumer, each for another user, and pages anywhere in an inbox of 100,000.
func Bench(b *testing.B, open func(b *testing.B) store.Store) {
	b.Run("put", func(b *testing.B) { benchPut(b, open(b)) })
	b.Run("page of 50", func(b *testing.B) { benchPage(b, open(b)) })
}

func benchPut(b *testing.B, s store.Store) {
	const batch, users = 200, 10_000
	ids := make([]uuid.UUID, users)
	for i := range ids {
		ids[i] = uuid.New()
	}
	put := 0
	for b.Loop() {
		entries := make([]store.Entry, batch)
		for i := range entries {
			entries[i] = entry(ids[put%users], at)
			put++
		}
		if added, err := s.Put(b.Context(), entries); err != nil || added != batch {
			b.Fatal(added, err)
		}
	}
	b.ReportMetric(float64(put)/b.Elapsed().Seconds(), "entries/s")
}

func benchPage(b *testing.B, s store.Store) {
	const size, batch, limit = 100_000, 1000, 50
	user := uuid.New()
	for n := 0; n < size; n += batch {
		entries := make([]store.Entry, batch)
		for i := range entries { // over all weeks that are kept
			entries[i] = entry(user, at.Add(-kept.Now.Sub(kept.Since)*time.Duration(size-n-i)/(size+batch)).Truncate(time.Microsecond))
		}
		if added, err := s.Put(b.Context(), entries); err != nil || added != batch {
			b.Fatal(added, err)
		}
	}
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		span := store.Span{From: int64(n*7919) % (size - limit), Oldest: n%2 == 0}
		begun := time.Now()
		entries, err := s.Entries(b.Context(), user, span, kept, limit)
		took = append(took, time.Since(begun))
		if err != nil || len(entries) != limit {
			b.Fatal(fmt.Sprint(len(entries)), err)
		}
	}
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(took[int(float64(len(took)-1)*share)].Microseconds())/1000, name)
	}
}
