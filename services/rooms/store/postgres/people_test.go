package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people/peopletest"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestPeopleConform(t *testing.T) {
	peopletest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, newStore(t, enginetest.PostgresDatabase(t)))
	})
}

// TestStatementsAboutPeopleUseIndexes looks at the plans with many users, of whom some have many friends.
func TestStatementsAboutPeopleUseIndexes(t *testing.T) {
	database := enginetest.PostgresDatabase(t)
	s := newStore(t, database)
	storetest.Start(t, s)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // nothing is lost with it
	_, err = conn.Exec(t.Context(), `
		INSERT INTO users (id, display_name, search_name) SELECT gen_random_uuid(), 'User ' || n, 'user ' || n FROM generate_series(1, 20000) AS n;
		INSERT INTO relationships (user_id, other_id, kind, since)
		SELECT a.id, b.id, 'FRIEND', now()
		FROM (SELECT id, row_number() OVER () AS n FROM users) a
		CROSS JOIN LATERAL (VALUES (a.n % 20000 + 1), ((a.n + 6) % 20000 + 1)) AS friends (n)
		JOIN (SELECT id, row_number() OVER () AS n FROM users) b ON b.n = friends.n;
		ANALYZE`)
	if err != nil {
		t.Fatal(err)
	}
	id, now := uuid.New(), time.Now()
	ids := make([]uuid.UUID, 5)
	for statement, args := range map[string][]any{
		selectTenant:        {id},
		selectProfile:       {id, ""},
		selectTenants:       {ids},
		selectRelatedUser:   {id, "", id},
		searchUsers:         {id, "", "user 1", "user 1\U0010FFFF", "user 12", id, 21},
		selectRelatives:     {id, "", "FRIEND", now, id, 100},
		lockUsers:           {ids, ""},
		selectRelationship:  {id, id},
		deleteBond:          {id, id},
		updateFriendsCounts: {ids},
		countRelatives:      {id, "FRIEND", 1000},
		lockUserForOthers:   {id},
		selectBlocked:       {id, ids},
	} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan") {
			t.Errorf("it scans: %s\n%s", statement, plan)
		}
	}
}
