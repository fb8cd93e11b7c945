package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people/peopletest"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestPeopleConform(t *testing.T) {
	peopletest.Run(t, func(t *testing.T) store.Store {
		return storetest.Start(t, New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil)))
	})
}

func TestStatementsAboutPeopleUseIndexes(t *testing.T) {
	opened := New(Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil))
	storetest.Start(t, opened)
	id := uuid.New()
	for statement, args := range map[string][]any{
		selectRelatedUser:   {id[:], "", id[:]},
		selectProfile:       {id[:], ""},
		selectTenants(2):    {id[:], id[:]},
		searchUsers:         {id[:], "", "user 1", "user 2", "user 12", id[:], 21},
		selectRelatives:     {id[:], "", "FRIEND", 1, id[:], 100},
		selectUserOfTenant:  {id[:], ""},
		selectRelationship:  {id[:], id[:]},
		deleteBond:          {id[:], id[:]},
		updateFriendsCounts: {id[:], id[:]},
		countRelatives:      {id[:], "FRIEND", 1000},
		selectBlocks:        {id[:]},
	} {
		rows, err := opened.open.Load().Readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close() // rows.Err says what went wrong
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(step, "SCAN") && !strings.HasPrefix(step, "SCAN (subquery") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s: %s", statement, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
