package postgres

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// filled is a store with rooms of ten among as many users as rooms, the first of whom is in so many rooms.
func filled(b *testing.B, rooms, ofTheFirst int) (s *Store, users, ids []uuid.UUID) {
	b.Helper()
	database := enginetest.PostgresDatabase(b)
	s, err := New(postgres.Config{URL: config.Secret(database), PoolSize: 10, StatementTimeout: time.Minute}, postgres.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		b.Fatal(err)
	}
	storetest.Start(b, s)
	conn, err := pgx.Connect(b.Context(), database)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	for range rooms {
		users, ids = append(users, uuid.New()), append(ids, uuid.Must(uuid.NewV7()))
	}
	_, err = conn.Exec(b.Context(), `INSERT INTO users (id, display_name) SELECT id, 'user ' || n FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, n)`, users)
	if err != nil {
		b.Fatal(err)
	}
	_, err = conn.Exec(b.Context(), `
		INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview)
		SELECT id, 'Group', 'Room ' || n, $2, now(), now() - random() * interval '100 days', '{"type":"Text","sender_username":"somebody","text":"a text of the usual length"}'
		FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)`, ids, users[0])
	if err != nil {
		b.Fatal(err)
	}
	var rows [][]any
	for i, room := range ids {
		for j := range 10 {
			user := users[(i*7+j*131)%(len(users)-1)+1]
			if j == 0 && i < ofTheFirst {
				user = users[0]
			}
			rows = append(rows, []any{room, user, j, "Joined", time.Now()})
		}
	}
	if _, err := conn.CopyFrom(b.Context(), pgx.Identifier{"members"}, []string{"room_id", "user_id", "position", "status", "joined_at"}, pgx.CopyFromRows(rows)); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(b.Context(), "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	return s, users, ids
}

// BenchmarkTakeMessages takes messages of many rooms of ten in the batches of the consumer, a transaction for each chunk of rooms.
func BenchmarkTakeMessages(b *testing.B) {
	const rooms, batch = 20_000, 200
	for _, chunk := range []int{50, 200} {
		b.Run(fmt.Sprint("chunks of ", chunk), func(b *testing.B) {
			s, users, ids := filled(b, rooms, 0)
			flow := changes.New(s, telemetry.Discard(nil).Propagator)
			offset := int64(0)
			for b.Loop() {
				for range batch / chunk {
					messages := make([]changes.Posted, chunk)
					for i := range messages {
						in := rand.IntN(rooms)
						offset++
						messages[i] = changes.Posted{
							RoomID: ids[in], MessageID: uuid.Must(uuid.NewV7()), SenderID: users[(in*7+rand.IntN(10)*131)%(rooms-1)+1], At: time.Now(),
							Preview: wire.TextPreview("somebody", "a text of the usual length"), Position: events.Position{Offset: offset},
						}
					}
					if err := flow.ApplyMessages(b.Context(), messages); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkListRooms reads the first page of users who are in a few rooms and in many, among many rooms.
func BenchmarkListRooms(b *testing.B) {
	const rooms, many = 20_000, 5000
	s, users, _ := filled(b, rooms, many)
	for name, user := range map[string]uuid.UUID{"10": users[1], "5000": users[0]} {
		for _, query := range []store.RoomQuery{{Limit: 50}, {Limit: 50, Unread: true}, {Limit: 200}} {
			b.Run(fmt.Sprintf("rooms=%s/limit=%d/unread=%t", name, query.Limit, query.Unread), func(b *testing.B) {
				for b.Loop() {
					if listed, err := s.Rooms(b.Context(), user, query); err != nil || len(listed) == 0 {
						b.Fatalf("%d rooms, %v", len(listed), err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("rooms=%s/totals", name), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Unread(b.Context(), user); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
