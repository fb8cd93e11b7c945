package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

// A database that can be read and not written is an outage: it is what readiness checks ask, and what records wait for.
func TestADatabaseThatIsReadOnlyIsUnavailable(t *testing.T) {
	url := enginetest.PostgresDatabase(t)
	storetest.Start(t, newStore(t, url)) // makes the tables
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.WithoutCancel(t.Context())) })
	database := pgx.Identifier{admin.Config().Database}.Sanitize()
	set := func(on string) {
		t.Helper()
		statement := strings.Join([]string{"ALTER DATABASE", database, "SET default_transaction_read_only =", on}, " ")
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	set("on") // for connections from now on
	s := storeThat(t, postgres.Config{URL: config.Secret(url), PoolSize: 10, StatementTimeout: time.Minute}, postgres.MigrateCheck)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	servicetest.AwaitSuccess(t, "the database can be read", func() error {
		_, err := s.Pending(ctx, []int64{1})
		return err
	})
	if err := s.Ping(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	err = s.Transact(ctx, "apply_messages", func(ctx context.Context, tx store.Tx) error {
		return tx.SetLatestMessages(ctx, []store.LatestMessage{{RoomID: uuid.New()}})
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write: %v", err)
	}
}
