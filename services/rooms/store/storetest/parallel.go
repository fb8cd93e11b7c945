package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

const parallel = 100

// atOnce runs work in as many goroutines, which all begin together.
func atOnce(work func(i int)) {
	var begin, done sync.WaitGroup
	begin.Add(1)
	for i := range parallel {
		done.Go(func() {
			begin.Wait()
			work(i)
		})
	}
	begin.Done()
	done.Wait()
}

// persistently does it again while the store is overrun, as a client does that is answered 503.
func persistently(ctx context.Context, do func() error) error {
	for {
		if err := do(); !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
	}
}

func parallelSingleRooms(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	won, lost := make(chan uuid.UUID, parallel), make(chan uuid.UUID, parallel)
	atOnce(func(i int) {
		pair := []uuid.UUID{users[i%2], users[1-i%2]}
		var room wire.Room
		err := persistently(t.Context(), func() (err error) {
			room, _, err = flow(s).CreateRoom(t.Context(), newRoom(wire.Single, "", start(), pair...))
			return err
		})
		var exists store.RoomExistsError
		switch {
		case err == nil:
			won <- room.ID
		case errors.As(err, &exists):
			lost <- exists.RoomID
		default:
			t.Errorf("create the room: %v", err)
		}
	})
	if len(won) != 1 || len(lost) != parallel-1 {
		t.Fatalf("%d created it and %d found it", len(won), len(lost))
	}
	room := <-won
	for range parallel - 1 {
		if found := <-lost; found != room {
			t.Errorf("found %s, created %s", found, room)
		}
	}
	if rows := outboxtest.Drain(t, outboxtest.Lead(t, s)); len(rows) != 1 {
		t.Errorf("the outbox has %d rows", len(rows))
	}
}

func parallelUsers(t *testing.T, s store.Store) {
	user := uuid.New()
	atOnce(func(i int) {
		err := persistently(t.Context(), func() error {
			return s.PutUser(t.Context(), store.User{ID: user, DisplayName: fmt.Sprint("name ", i)}, after(time.Duration(i)*time.Second))
		})
		if err != nil {
			t.Errorf("put the user: %v", err)
		}
	})
	others := addUsers(t, s, "bob")
	room := create(t, s, newRoom(wire.Group, "", start(), user, others[0])).ID
	if name := members(t, s, room)[user].DisplayName; name != "name 99" {
		t.Errorf("the user is named %q, though the newest token says name 99", name)
	}
}

func parallelMarksAndMessages(t *testing.T, s store.Store) {
	const rooms, each = 5, 10
	users := addUsers(t, s, "alice", "bob", "carol")
	var ids []uuid.UUID
	for range rooms {
		ids = append(ids, create(t, s, newRoom(wire.Group, "", start(), users...)).ID)
	}
	var batches [parallel / 2][]changes.Posted
	for i := range batches {
		for j := range each {
			n := i*each + j
			batches[i] = append(batches[i], posted(ids[n%rooms], users[n%2], fmt.Sprint(n), after(time.Duration(n)*time.Millisecond), int64(n)))
		}
	}
	atOnce(func(i int) {
		taking := batches[:1] // each from the beginning, as whoever gets a partition again
		if i%2 == 0 {
			taking = batches[:i/2+1]
		}
		for _, batch := range taking {
			err := persistently(t.Context(), func() error {
				if i%2 == 0 {
					return flow(s).ApplyMessages(t.Context(), batch)
				}
				_, err := flow(s).MarkRead(t.Context(), changes.Mark{RoomID: ids[i%rooms], UserID: users[2], At: after(time.Duration(i) * time.Microsecond)})
				return err
			})
			if err != nil {
				t.Errorf("work %d: %v", i, err)
			}
		}
	})
	const last = parallel/2*each - 1
	for i, room := range ids {
		newest := last - (last-i)%rooms
		seen := get(t, s, room, users[0])
		if seen.LatestMessageText.Text != fmt.Sprint(newest) || !seen.LatestMessage.Equal(after(time.Duration(newest)*time.Millisecond)) {
			t.Errorf("room %d is at %s with %+v, want %d", i, seen.LatestMessage, seen.LatestMessageText, newest)
		}
		marks := members(t, s, room)
		for sender := range 2 {
			own, unread := newest, 0
			if own%2 != sender {
				own, unread = own-rooms, 1
			}
			if counted := get(t, s, room, users[sender]).UnreadCount; counted != unread {
				t.Errorf("in room %d of sender %d are %d unread, want %d", i, sender, counted, unread)
			}
			if read := marks[users[sender]].LastReadAt; read == nil || !read.Equal(after(time.Duration(own)*time.Millisecond)) {
				t.Errorf("in room %d sender %d has read up to %v, want message %d", i, sender, read, own)
			}
		}
		if marks[users[2]].LastReadAt == nil {
			t.Errorf("in room %d nobody has marked", i)
		}
		const all = parallel / 2 * each / rooms
		if counted := get(t, s, room, users[2]).UnreadCount; counted < 0 || counted > all {
			t.Errorf("in room %d are %d unread, of %d", i, counted, all)
		}
		markRead(t, s, room, users[2], after(time.Hour))
		if counted := get(t, s, room, users[2]).UnreadCount; counted != 0 {
			t.Errorf("in room %d are %d unread once all is marked", i, counted)
		}
	}
}

// parallelOutbox reads and deletes while others write, and misses nothing; each room's events come in the order in which
// they were written.
func parallelOutbox(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	leader := outboxtest.Lead(t, s)
	done := make(chan struct{})
	var taken []outbox.Row
	var relaying sync.WaitGroup
	relaying.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				taken = append(taken, outboxtest.Drain(t, leader)...)
			}
		}
	})
	written := make([][]int64, parallel)
	atOnce(func(i int) {
		var room wire.Room
		var row int64
		err := persistently(t.Context(), func() (err error) {
			room, row, err = flow(s).CreateRoom(t.Context(), newRoom(wire.Group, fmt.Sprint(i), start(), users...))
			return err
		})
		if err != nil {
			t.Errorf("create a room: %v", err)
			return
		}
		written[i] = append(written[i], row)
		for j := range 4 {
			err := persistently(t.Context(), func() (err error) {
				if j%2 == 0 {
					row, err = flow(s).Leave(t.Context(), room.ID, users[1], after(time.Duration(j)*time.Second))
				} else {
					row, err = flow(s).Invite(t.Context(), invitation(room.ID, users[0], users[1]))
				}
				return err
			})
			if err != nil {
				t.Errorf("change the members: %v", err)
				return
			}
			written[i] = append(written[i], row)
		}
	})
	close(done)
	relaying.Wait()
	taken = append(taken, outboxtest.Drain(t, leader)...)
	var rows []int64
	ids := map[string]bool{}
	byRoom := map[string][]int64{}
	for _, row := range taken {
		rows = append(rows, row.ID)
		ids[row.Headers["ce_id"]] = true
		byRoom[row.Key] = append(byRoom[row.Key], row.ID)
	}
	if want := slices.Concat(written...); len(rows) != len(want) || len(ids) != len(want) {
		t.Errorf("%d rows with %d ids were taken, %d written", len(rows), len(ids), len(want))
	}
	for _, want := range written {
		if !slices.ContainsFunc(slicesOf(byRoom), func(got []int64) bool { return slices.Equal(got, want) }) {
			t.Errorf("the rows %v did not come in order", want)
		}
	}
}

func slicesOf(byRoom map[string][]int64) [][]int64 {
	var all [][]int64
	for _, rows := range byRoom {
		all = append(all, rows)
	}
	return all
}
