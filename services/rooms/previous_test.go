package rooms_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
)

// While a release is rolled out, and when it is rolled back, the version before runs on the new schema, with rows that the new version has
// written. Here its program, built from the revision that store/postgres/previous-version names, does all that it can. Then this version goes on.
func TestThePreviousVersionRunsOnThisSchema(t *testing.T) {
	program := buildPrevious(t)
	database, port := enginetest.PostgresDatabase(t), servicetest.FreePort(t)
	open := func(t *testing.T, tel *telemetry.Telemetry) store.Store {
		s, err := postgres.New(libpostgres.Config{URL: config.Secret(database), PoolSize: 5, StatementTimeout: time.Minute}, libpostgres.MigrateAuto, tel)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	nodetest.Broker(t, kfake.Ports(port))

	current := begun(t, open, port)
	h := begin(t, current)
	current.Stop()
	schema := schemaOf(t, database)

	// It waits for what its own setting asks for, and changes nothing where it may.
	startPrevious(t, program, current, port, "ISM_ROOMS_POSTGRES_URL="+database, "ISM_ROOMS_POSTGRES_MIGRATE=false").stop(t)
	before := startPrevious(t, program, current, port, "ISM_ROOMS_POSTGRES_URL="+database)
	h.goesOn(t, before, current)
	before.stop(t)
	if after := schemaOf(t, database); after != schema {
		t.Errorf("the previous version has changed the schema from\n%s\nto\n%s", schema, after)
	}

	again := prepare(t, open, port)
	for _, u := range []*user{&h.alice, &h.bob, &h.carol} {
		u.token = again.issuer.Token(t, u.id, u.name)
	}
	again.Run(t)
	again.awaitReady(t)
	h.ends(t, again)
}

// history is what happens to rooms in both versions.
type history struct {
	alice, bob, carol user

	lunch  wire.Room // a Group of this version, which carol has left
	left   wire.Room // a Single room of this version, which has ended
	chat   wire.Room // a Single room of the previous version, of the same two
	dinner wire.Room // a Group of the previous version
	latest time.Time // of the message that the previous version has taken in lunch
}

// begin has this version write what only its schema has room for.
func begin(t *testing.T, d *deployment) *history {
	t.Helper()
	h := &history{alice: d.seenUser(t, "alice"), bob: d.seenUser(t, "bob"), carol: d.seenUser(t, "carol")}
	h.left = d.create(t, h.alice, newRoom("Single", "", h.alice, h.bob))
	d.leave(t, h.bob, h.left)
	h.lunch = d.create(t, h.alice, newRoom("Group", "Lunch", h.alice, h.bob))
	if invited := d.post(t, h.alice, path(h.lunch)+"/invite/"+h.carol.id.String(), ""); invited.Status != http.StatusOK {
		t.Fatalf("invite: %s", invited)
	}
	d.leave(t, h.carol, h.lunch)
	d.awaitPreview(t, h.alice, h.lunch.ID, wire.RoomChangePreview("carol", wire.Leave))
	return h
}

func path(room wire.Room) string { return "/api/rooms/" + room.ID.String() }

// goesOn has the previous version read that, and write what it can. The log is this version's, as messages has it.
func (h *history) goesOn(t *testing.T, before *previous, log *deployment) {
	t.Helper()
	if got := ids(before.list(t, h.alice)); !slices.Equal(got, []uuid.UUID{h.lunch.ID}) {
		t.Errorf("alice has the rooms %v", got)
	}
	if got := before.list(t, h.carol); len(got) != 0 {
		t.Errorf("carol, who has left, has the rooms %v", ids(got))
	}
	var found *uuid.UUID
	if before.get(t, h.alice, "/api/rooms/search?withUser="+h.bob.id.String(), &found); found != nil {
		t.Errorf("a Single room that has ended is found: %s", found)
	}
	var seen detailed
	before.get(t, h.bob, path(h.lunch)+"/detailed", &seen)
	if len(seen.Users) != 3 || seen.Users[2].ID != h.carol.id || seen.Users[2].Status != wire.Left || seen.LatestMessageText.Type != string(wire.RoomChange) {
		t.Errorf("bob sees %+v", seen)
	}

	h.chat = before.create(t, h.alice, newRoom("Single", "", h.alice, h.bob))
	before.call(t, h.bob, http.StatusConflict, http.MethodPost, before.public+"/api/rooms/create-room", newRoom("Single", "", h.bob, h.alice), nil)
	if before.get(t, h.bob, "/api/rooms/search?withUser="+h.alice.id.String(), &found); found == nil || *found != h.chat.ID {
		t.Errorf("bob finds %v, not %s", found, h.chat.ID)
	}
	h.dinner = before.create(t, h.alice, newRoom("Group", "Dinner", h.alice, h.bob))
	h.latest = log.postMessage(t, h.lunch.ID, "written while the previous version runs", h.bob, h.alice)
	servicetest.Await(t, "the message in the previous version's list", func() bool { return before.list(t, h.alice)[0].LatestMessage.Equal(h.latest) })
	for _, room := range []wire.Room{h.lunch, h.chat} {
		before.call(t, h.alice, http.StatusOK, http.MethodPost, before.public+path(room)+"/mark-read", "", nil)
	}
	before.call(t, user{}, http.StatusOK, http.MethodGet, before.internal+"/internal/rooms/"+h.chat.ID.String()+"/members", "", nil)
}

// ends has this version read what the previous one has written, and change it.
func (h *history) ends(t *testing.T, d *deployment) {
	t.Helper()
	want := []uuid.UUID{h.lunch.ID, h.dinner.ID, h.chat.ID}
	list := d.list(t, h.alice)
	if got := ids(list); !slices.Equal(got, want) {
		t.Fatalf("alice has the rooms %v, not %v", got, want)
	}
	// The previous version knows times and no counts: what was marked as read in it may be unread again in this one.
	if lunch, dinner, chat := list[0], list[1], list[2]; !dinner.Unread || lunch.UnreadCount != 0 || chat.UnreadCount != 0 || !lunch.LatestMessage.Equal(h.latest) ||
		*dinner.Name != "Dinner" || *chat.Name != "bob" {
		t.Errorf("alice sees %+v", list)
	}
	if created, err := bus.Decode[events.RoomCreated](d.recordsOf(t, h.chat.ID)); err != nil || len(created) != 1 || len(created[0].Data.Users) != 2 {
		t.Errorf("the log has of a room of the previous version %+v, %v", created, err)
	}
	if invited := d.post(t, h.alice, path(h.dinner)+"/invite/"+h.carol.id.String(), ""); invited.Status != http.StatusOK {
		t.Errorf("invite into a room of the previous version: %s", invited)
	}
	d.awaitPreview(t, h.bob, h.dinner.ID, wire.RoomChangePreview("carol", wire.Join))
	d.leave(t, h.bob, h.chat)
	if got := ids(d.list(t, h.alice)); slices.Contains(got, h.chat.ID) {
		t.Errorf("a Single room of the previous version does not end: %v", got)
	}
	if next := d.create(t, h.bob, newRoom("Single", "", h.bob, h.alice)); next.ID == h.chat.ID {
		t.Error("the two cannot have a new one")
	}
}

func ids(rooms []wire.Room) []uuid.UUID {
	var all []uuid.UUID
	for _, room := range rooms {
		all = append(all, room.ID)
	}
	return all
}

// schemaOf is all columns of a database, and which migrations are applied.
func schemaOf(t *testing.T, database string) (schema string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context()) // nothing is written
	err = connection.QueryRow(t.Context(), `SELECT string_agg(line, chr(10) ORDER BY line) FROM (
		SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT concat('migration ', version_id) FROM goose_db_version) AS all_of_it (line)`).Scan(&schema)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
