package previews

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/postgres"
	"github.com/ism-chat/ism/services/rooms/store/sqlite"
	"github.com/ism-chat/ism/services/rooms/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var start = time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC)

// counted is real rooms, in which it counts transactions, and how often each room's message is tried.
type counted struct {
	Rooms
	transactions int
	most         int // rooms of one transaction
	tried        map[uuid.UUID]int
	fault        func(transaction int, rooms map[uuid.UUID]bool) error // of a transaction, counted from 1; nil: none
}

func (c *counted) ApplyMessages(ctx context.Context, messages []changes.Posted) error {
	c.transactions++
	rooms := map[uuid.UUID]bool{}
	for _, message := range messages {
		rooms[message.RoomID] = true
	}
	for room := range rooms {
		c.tried[room]++
	}
	c.most = max(c.most, len(rooms))
	if c.fault != nil {
		if err := c.fault(c.transactions, rooms); err != nil {
			return err
		}
	}
	return c.Rooms.ApplyMessages(ctx, messages)
}

// world is a store with a user and rooms, and previews on it.
type world struct {
	store    store.Store
	counted  *counted
	previews *Previews
	user     uuid.UUID
	other    uuid.UUID // a member of the rooms, too
	rooms    []uuid.UUID
}

func newWorld(t *testing.T, s store.Store, rooms int) *world {
	t.Helper()
	storetest.Start(t, s)
	tel := telemetry.Discard(nil)
	writer := changes.New(s, tel.Propagator)
	w := &world{store: s, user: uuid.New(), other: uuid.New(), counted: &counted{Rooms: writer, tried: map[uuid.UUID]int{}}}
	for _, id := range []uuid.UUID{w.user, w.other} {
		if err := s.PutUser(t.Context(), store.User{ID: id, DisplayName: "somebody"}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	for range rooms {
		room := changes.NewRoom{ID: uuid.New(), Type: wire.Group, Creator: w.user, Users: []uuid.UUID{w.user, w.other}, At: start}
		if _, _, err := writer.CreateRoom(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		w.rooms = append(w.rooms, room.ID)
	}
	w.previews = newPreviews(t, w.counted, 0, tel)
	return w
}

func onSQLite(t *testing.T) store.Store {
	return sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "rooms.db")}, telemetry.Discard(nil))
}

func onPostgres(t *testing.T, url string) store.Store {
	t.Helper()
	cfg := libpostgres.Config{URL: config.Secret(url), PoolSize: 2, StatementTimeout: time.Minute}
	s, err := postgres.New(cfg, libpostgres.MigrateAuto, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// batch has a message of each room, and another one of the first.
func (w *world) batch(t *testing.T, text func(room int) string) []bus.Record {
	t.Helper()
	var batch []bus.Record
	for i, room := range append(slices.Clone(w.rooms), w.rooms[0]) {
		posted := events.MessagePosted{
			RoomID: room,
			Message: wire.Message{
				RoomID: room, ID: uuid.New(), SenderID: w.user, Body: []byte(`{}`), Type: wire.Text, CreatedAt: wire.At(start.Add(time.Minute)),
			},
			Preview:  wire.TextPreview("somebody", text(i)),
			Audience: events.Audience{Users: []uuid.UUID{w.user}, Version: 1},
		}
		headers, value, err := events.Encode(events.New("/ism/test", start, posted))
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, bus.Record{Topic: posted.Topic(), Key: posted.PartitionKey(), Headers: headers, Value: value, Offset: int64(i)})
	}
	return batch
}

// oneByOne hands records over as a consumer does after a batch that failed, and gives those that are rejected.
func (w *world) oneByOne(t *testing.T, batch []bus.Record) (rejected []int) {
	t.Helper()
	for i := range batch {
		switch err := w.previews.Apply(t.Context(), batch[i:i+1]); {
		case errors.Is(err, bus.ErrRejected):
			rejected = append(rejected, i)
		case err != nil:
			t.Fatalf("record %d: %v", i, err)
		}
	}
	return rejected
}

// shown are the numbers of the rooms that show the text of a message.
func (w *world) shown(t *testing.T, text string) (rooms []int) {
	t.Helper()
	for i, id := range w.rooms {
		room, err := w.store.Room(t.Context(), id, w.user)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(room.LatestMessageText.Text, text) {
			rooms = append(rooms, i)
		}
	}
	return rooms
}

func soup(int) string { return "Soup?" }

func TestWhatWasTakenBeforeAnOutageIsNotTakenAgain(t *testing.T) {
	const rooms = 200
	w := newWorld(t, onSQLite(t), rooms)
	w.counted.fault = func(transaction int, _ map[uuid.UUID]bool) error {
		if transaction == 3 {
			return store.ErrUnavailable
		}
		return nil
	}
	batch := w.batch(t, soup)
	if err := w.previews.Apply(t.Context(), batch); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Fatalf("the batch gives %v", err)
	}
	if w.counted.most != chunkRooms || w.counted.transactions != 3 {
		t.Errorf("%d transactions, the largest of %d rooms", w.counted.transactions, w.counted.most)
	}
	if rejected := w.oneByOne(t, batch); rejected != nil {
		t.Errorf("the records %v are rejected", rejected)
	}
	if again := w.counted.transactions - 3; again != rooms-2*chunkRooms {
		t.Errorf("%d messages are taken one by one, want %d", again, rooms-2*chunkRooms)
	}
	for room, times := range w.counted.tried {
		if times > 2 {
			t.Errorf("room %s is tried %d times", room, times)
		}
	}
	if shown := w.shown(t, "Soup?"); len(shown) != rooms {
		t.Errorf("%d rooms show their message", len(shown))
	}
}

// TestOnlyAPreviewThatCannotBeStoredIsRejected has previews with a NUL character, which no value of Postgres has.
func TestOnlyAPreviewThatCannotBeStoredIsRejected(t *testing.T) {
	const rooms = 120
	w := newWorld(t, onPostgres(t, enginetest.PostgresDatabase(t)), rooms)
	bad := []int{7, 60}
	batch := w.batch(t, func(room int) string {
		if slices.Contains(bad, room) {
			return "Soup?\x00"
		}
		return "Soup?"
	})
	if err := w.previews.Apply(t.Context(), batch); !errors.Is(err, bus.ErrRejected) || !errors.Is(err, store.ErrUnstorable) {
		t.Fatalf("the batch gives %v", err)
	}
	before := w.counted.transactions
	if rejected := w.oneByOne(t, batch); !slices.Equal(rejected, bad) {
		t.Errorf("the records %v are rejected, want %v", rejected, bad)
	}
	if again := w.counted.transactions - before; again != len(bad) {
		t.Errorf("%d messages are tried again, want %d", again, len(bad))
	}
	if shown := w.shown(t, "Soup?"); len(shown) != rooms-len(bad) || slices.Contains(shown, bad[0]) || slices.Contains(shown, bad[1]) {
		t.Errorf("%d rooms show their message", len(shown))
	}
}

func TestAnOutageBehindARejectionRejectsNothing(t *testing.T) {
	w := newWorld(t, onSQLite(t), 2*chunkRooms)
	batch := w.batch(t, soup)
	for _, outage := range []int{2, 10} { // while the message is being found, and behind that
		w.counted.transactions = 0
		w.counted.fault = func(transaction int, rooms map[uuid.UUID]bool) error {
			switch {
			case transaction == outage:
				return store.ErrUnavailable
			case rooms[w.rooms[1]]:
				return store.ErrUnstorable
			default:
				return nil
			}
		}
		if err := w.previews.Apply(t.Context(), batch); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
			t.Errorf("with an outage at transaction %d the batch gives %v", outage, err)
		}
	}
	w.counted.fault = nil
	if rejected := w.oneByOne(t, batch); rejected != nil || len(w.shown(t, "Soup?")) != len(w.rooms) {
		t.Errorf("the records %v are rejected, and %d rooms show their message", rejected, len(w.shown(t, "Soup?")))
	}
}

// A message whose record is in the log twice counts once: in one batch, in two, and where another process goes on between them.
func TestAMessageThatIsInTheLogTwiceCountsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		batches  [][]int
		later    time.Duration // than the process has begun to read the partition
		restarts bool
	}{
		"one batch":                  {batches: [][]int{{0, 1, 2, 3}}},
		"two batches":                {batches: [][]int{{0, 1}, {2, 3}}},
		"after a minute's reading":   {batches: [][]int{{0, 1}, {2, 3}}, later: 2 * time.Minute},
		"one batch, after a minute":  {batches: [][]int{{0, 1, 2, 3}}, later: 2 * time.Minute},
		"another process":            {batches: [][]int{{0, 1}, {2, 3}}, restarts: true},
		"taken again":                {batches: [][]int{{0, 1}, {0, 1, 2}, {2, 3}}},
		"taken again after a minute": {batches: [][]int{{0, 1}, {0, 1, 2}, {2, 3}}, later: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, onSQLite(t), 1)
			log := w.batch(t, soup)
			log = append(log, log[0], w.batch(t, func(int) string { return "Bread?" })[0])
			for i := range log {
				log[i].Offset = int64(100 + i)
				log[i].Headers["ce_time"] = wire.At(time.Now().Add(c.later)).String()
			}
			for _, batch := range c.batches {
				if c.restarts {
					w.previews = newPreviews(t, w.counted, 0, telemetry.Discard(nil))
				}
				var records []bus.Record
				for _, i := range batch {
					records = append(records, log[i])
				}
				if err := w.previews.Apply(t.Context(), records); err != nil {
					t.Fatal(err)
				}
			}
			totals, err := w.store.Unread(t.Context(), w.other)
			if err != nil {
				t.Fatal(err)
			}
			if totals.Messages != 3 {
				t.Errorf("%d messages are unread, want 3", totals.Messages)
			}
			if shown := w.shown(t, "Bread?"); len(shown) != 1 {
				t.Error("the room does not show its latest message")
			}
		})
	}
}
