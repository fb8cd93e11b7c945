package postgres

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/storetest"
)

// BenchmarkCreate has 32 users create media as fast as they can, each in a room of its own, or all in one, with the pool of the service.
func BenchmarkCreate(b *testing.B) {
	const users = 32
	for _, rooms := range []int{users, 1} {
		b.Run(strconv.Itoa(rooms)+"-rooms", func(b *testing.B) {
			rows, err := New(postgres.Config{URL: config.Secret(enginetest.PostgresDatabase(b)), PoolSize: 10, StatementTimeout: 10 * time.Second},
				postgres.MigrateAuto, telemetry.Discard(nil))
			if err != nil {
				b.Fatal(err)
			}
			s := store.New(storetest.Start(b, rows), telemetry.Discard(nil), time.Now)
			in := make([]uuid.UUID, rooms)
			for i := range in {
				in[i] = uuid.New()
			}
			create := func(uploader, room uuid.UUID) {
				id, err := uuid.NewV7()
				if err != nil {
					b.Error(err)
				}
				_, _, err = s.Create(b.Context(), store.Media{
					ID: id, Room: room, Uploader: uploader, Purpose: store.PurposeMessage, FileName: "soup.png", MimeType: "image/png", Size: 1000,
					ExpiresAt: time.Now().Add(time.Hour),
				}, store.Quotas{UserBytes: 1 << 40, UserMedia: 1 << 40, RoomBytes: 1 << 40})
				if err != nil {
					b.Error(err)
				}
			}
			uploaders := make([]uuid.UUID, users)
			for i := range uploaders {
				uploaders[i] = uuid.New()
				create(uploaders[i], in[i%rooms])
			}
			var (
				mu   sync.Mutex
				took []time.Duration
				all  sync.WaitGroup
			)
			b.ResetTimer()
			for i, uploader := range uploaders {
				all.Go(func() {
					for n := i; n < b.N; n += users {
						begun := time.Now()
						create(uploader, in[i%rooms])
						mu.Lock()
						took = append(took, time.Since(begun))
						mu.Unlock()
					}
				})
			}
			all.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "media/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
