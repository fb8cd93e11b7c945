package rooms_test

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// What is allowed of the settings must work, with the longest names and pictures that a token can have, and what is refused must not.
func TestTheLargestRoomsThatMayBeConfiguredWork(t *testing.T) {
	most := largestAllowed(func(n int) bool { return len(rooms.Config{MaxMembers: n}.Validate()) == 0 })
	d := deployWith(t, onSQLite, rooms.Config{MaxMembers: most})
	alice := d.seenUser(t, "alice")
	users := []user{alice}
	picture := "https://example.com/?" + strings.Repeat("&", 2048-len("https://example.com/?"))
	for range most {
		u := user{id: uuid.New()}
		if err := d.store.PutUser(t.Context(), store.User{ID: u.id, DisplayName: strings.Repeat("<", 255), Picture: &picture}, time.Time{}); err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	cfg := nodetest.HTTPConfig()
	t.Run("a record of the log", func(t *testing.T) {
		cfg.BodyLimit = 512 << 10
		large := nodetest.ListenOn(t, cfg, "rooms", d.service, d.tel)
		name := strings.Repeat("<", changes.MaxRoomName) // in the log six bytes each
		room := d.createAt(t, large, alice, newRoom("Group", name, users[:most]...))
		if room.Status != http.StatusOK {
			t.Fatalf("%d users: %s", most, room)
		}
		if refused := d.createAt(t, large, alice, newRoom("Group", name, users...)); refused.Status != http.StatusUnprocessableEntity {
			t.Errorf("%d users: %s", most+1, refused)
		}
		d.isInTheLog(t, room, most)
	})
	t.Run("a request", func(t *testing.T) {
		cfg.BodyLimit = 40_000
		within := largestAllowed(func(n int) bool { return len(rooms.Config{MaxMembers: n}.Within(cfg)) == 0 })
		small := nodetest.ListenOn(t, cfg, "rooms", d.service, d.tel)
		if room := d.createAt(t, small, alice, largestRequest(users[:within])); room.Status != http.StatusOK {
			t.Errorf("%d users: %s", within, room)
		}
		if refused := d.createAt(t, small, alice, largestRequest(users[:within+1])); refused.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d users: %s", within+1, refused)
		}
	})
}

// largestAllowed is the largest number for which there is no fault.
func largestAllowed(allowed func(n int) bool) int {
	const some = 10
	return some - 1 + sort.Search(100_000, func(n int) bool { return !allowed(some + n) })
}

// largestRequest names users in a room whose name takes as many bytes as a name can.
func largestRequest(users []user) string {
	return strings.Replace(newRoom("Group", "NAME", users...), "NAME", strings.Repeat(`\ud83e\udd57`, changes.MaxRoomName), 1)
}

func (d *deployment) createAt(t *testing.T, n *nodetest.Node, u user, body string) nodetest.Answer {
	t.Helper()
	return d.call(t, n.Public, u, request{method: http.MethodPost, path: "/api/rooms/create-room", contentType: "application/json", body: body})
}

// isInTheLog expects the events of a room's creation, which name all of its users, each in a small record.
func (d *deployment) isInTheLog(t *testing.T, created nodetest.Answer, users int) {
	t.Helper()
	var room wire.Room
	created.Decode(t, &room)
	named, records := 0, d.recordsOf(t, room.ID)
	for _, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch data := event.Data.(type) {
		case events.RoomCreated:
			named += len(data.Users)
		case events.MembersJoined:
			named += len(data.Joined)
			if len(record.Value) > 8<<10 {
				t.Errorf("a record has %d bytes", len(record.Value))
			}
		}
	}
	if named != users {
		t.Errorf("%d records name %d users, want %d", len(records), named, users)
	}
}

func TestLimitsThatDoNotGoTogetherAreRefused(t *testing.T) {
	load := func(variables ...string) error {
		return config.LoadFrom(new(rooms.ProgramConfig), append(variables, "ISM_ROOMS_POSTGRES_URL=postgres://rooms@postgres:5432/rooms"))
	}
	for _, limit := range []int{4_000, 32_768, 40_000, 65_536} {
		most := largestAllowed(func(n int) bool {
			return len(rooms.Config{MaxMembers: n}.Within(httpapi.Config{BodyLimit: limit})) == 0
		})
		setting := fmt.Sprintf("ISM_HTTP_BODY_LIMIT=%d", limit)
		if err := load(setting, fmt.Sprintf("ISM_ROOMS_MAX_MEMBERS=%d", most)); err != nil {
			t.Errorf("%d users in %d bytes: %v", most, limit, err)
		}
		err := load(setting, fmt.Sprintf("ISM_ROOMS_MAX_MEMBERS=%d", most+1))
		if err == nil {
			t.Fatalf("%d users in %d bytes are taken", most+1, limit)
		}
		var needed int
		if _, text, ok := strings.Cut(err.Error(), "ISM_HTTP_BODY_LIMIT from "); ok {
			_, _ = fmt.Sscanf(text, "%d", &needed)
		}
		if !strings.Contains(err.Error(), "ISM_ROOMS_MAX_MEMBERS: ") || !strings.Contains(err.Error(), fmt.Sprintf("up to %d,", most)) || needed <= limit {
			t.Errorf("%d users in %d bytes: %v", most+1, limit, err)
		}
		if err := load(fmt.Sprintf("ISM_HTTP_BODY_LIMIT=%d", needed), fmt.Sprintf("ISM_ROOMS_MAX_MEMBERS=%d", most+1)); err != nil {
			t.Errorf("with what the fault names: %v", err)
		}
	}
	if err := load(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := load(fmt.Sprintf("ISM_ROOMS_MAX_MEMBERS=%d", changes.MostUsers+1), "ISM_HTTP_BODY_LIMIT=1000000"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("2 to %d", changes.MostUsers)) {
		t.Errorf("more than there may be: %v", err)
	}
}
