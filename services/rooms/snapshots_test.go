package rooms_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/services/rooms"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// hall puts a large room into the store, with its events in the outbox.
func (d *deployment) hall(t *testing.T, members []uuid.UUID) uuid.UUID {
	t.Helper()
	name := "Hall"
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: "Group", Name: &name, Creator: members[0], Users: members, At: time.Now().UTC().Truncate(time.Microsecond)}
	if _, _, err := changes.New(d.store, d.tel.Propagator).CreateRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	return room.ID
}

func (d *deployment) manyUsers(t *testing.T, n int) []uuid.UUID {
	t.Helper()
	users := make([]uuid.UUID, n)
	for i := range users {
		users[i] = uuid.New()
		if err := d.store.PutUser(t.Context(), store.User{ID: users[i], DisplayName: fmt.Sprint("user ", i)}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return users
}

// membersTold gives how many members of each room its newest parts in the topic have, of rooms of which it has all parts.
func (d *deployment) membersTold(t *testing.T) map[uuid.UUID]int {
	t.Helper()
	parts := map[uuid.UUID]map[int]events.MembershipSnapshot{}
	decoded, err := bus.Decode[events.MembershipSnapshot](d.readTopic(t, events.TopicMemberships))
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range decoded {
		if parts[snapshot.Data.RoomID] == nil {
			parts[snapshot.Data.RoomID] = map[int]events.MembershipSnapshot{}
		}
		parts[snapshot.Data.RoomID][snapshot.Data.Part] = snapshot.Data
	}
	told := map[uuid.UUID]int{}
	for room, of := range parts {
		if len(of) == events.SnapshotParts {
			for _, part := range of {
				told[room] += len(part.Users)
			}
		}
	}
	return told
}

func (d *deployment) awaitTold(t *testing.T, want map[uuid.UUID]int) {
	t.Helper()
	servicetest.AwaitSuccess(t, "every part of every large room in the topic", func() error {
		told := d.membersTold(t)
		for room, members := range want {
			if told[room] != members {
				return fmt.Errorf("of a room with %d members %d are told", members, told[room])
			}
		}
		return nil
	})
}

// An operator deletes ism.memberships and starts the service again, nothing else. It is stopped once more on the way, when some rooms are written.
func TestALostLogOfMembershipsIsWrittenAnew(t *testing.T) {
	for name, opening := range reopening() {
		t.Run(name, func(t *testing.T) {
			open, port := opening(t), servicetest.FreePort(t)
			broker := nodetest.Broker(t, kfake.Ports(port))
			d := begun(t, open, port)
			users, want := d.manyUsers(t, events.MaxNamed+20), map[uuid.UUID]int{}
			for n := range 5 {
				members := events.MaxNamed + 1 + n
				want[d.hall(t, users[:members])] = members
			}
			d.awaitTold(t, want)
			d.Stop()
			if err := broker.DeleteTopic(events.TopicMemberships); err != nil {
				t.Fatal(err)
			}
			halfway := begun(t, open, port)
			servicetest.Await(t, "the first room in the topic", func() bool { return len(halfway.membersTold(t)) > 0 })
			halfway.Stop()
			t.Logf("when it is stopped, %d rooms are written", len(halfway.membersTold(t)))
			again := prepare(t, open, port)
			again.Run(t)
			again.awaitTold(t, want)
			again.Stop()
			idle := begun(t, open, port)
			records := len(idle.readTopic(t, events.TopicMemberships))
			if most := (len(want) + 1) * events.SnapshotParts; records > most { // a batch that was cut off may be there twice
				t.Errorf("the topic has %d records, more than %d", records, most)
			}
		})
	}
}

// While it is written anew, the service is ready, and changes of the same rooms go on: what is newest counts.
func TestChangesGoOnWhileALostLogOfMembershipsIsWritten(t *testing.T) {
	open, port := reopening()["postgres"](t), servicetest.FreePort(t)
	broker := nodetest.Broker(t, kfake.Ports(port))
	d := prepareWith(t, open, port, rooms.Config{MaxMembers: 500})
	d.Run(t)
	d.awaitReady(t)
	users, want := d.manyUsers(t, events.MaxNamed+20), map[uuid.UUID]int{}
	var halls []uuid.UUID
	for range 5 {
		halls = append(halls, d.hall(t, users[:events.MaxNamed+1]))
	}
	servicetest.Await(t, "the rooms in the topic", func() bool { return len(d.membersTold(t)) == len(halls) })
	d.Stop()
	if err := broker.DeleteTopic(events.TopicMemberships); err != nil {
		t.Fatal(err)
	}
	again := prepareWith(t, open, port, rooms.Config{MaxMembers: 500})
	again.Run(t)
	again.awaitReady(t)
	writer := changes.New(again.store, again.tel.Propagator)
	for n, joining := range users[events.MaxNamed+1:] {
		room := halls[n%len(halls)]
		asked := changes.Invitation{RoomID: room, By: changes.Member(users[0]), User: joining, At: time.Now(), MaxMembers: 500}
		if _, err := writer.Invite(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
	}
	for _, room := range halls {
		members, err := again.store.Membership(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		want[room] = len(members.Members)
	}
	again.awaitTold(t, want)
}

// A topic that is made anew under a process that runs ends it, as that of the rooms does; the next one writes to the new topic.
func TestALogOfMembershipsThatIsMadeAnewEndsTheProcess(t *testing.T) {
	open, port := reopening()["sqlite"](t), servicetest.FreePort(t)
	broker := nodetest.Broker(t, kfake.Ports(port))
	d := prepare(t, open, port)
	ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
	defer cancel()
	process := lifecycle.New(lifecycle.Config{StopTimeout: servicetest.Timeout}, slog.New(slog.DiscardHandler))
	for _, part := range d.service.Parts() {
		process.Add(part)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Run(ctx) }()
	d.awaitReady(t)
	room := d.hall(t, d.manyUsers(t, events.MaxNamed+1))
	servicetest.Await(t, "the room in the topic", func() bool { return len(d.membersTold(t)) == 1 })
	if err := broker.DeleteTopic(events.TopicMemberships); err != nil {
		t.Fatal(err)
	}
	again := prepare(t, open, port)
	if err := again.bus.EnsureTopics(ctx, events.TopicMemberships); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, bus.ErrOtherLogs) {
		t.Errorf("the process ends with %v", err)
	}
	again.Run(t)
	again.awaitTold(t, map[uuid.UUID]int{room: events.MaxNamed + 1})
}

// When a large room has ended, compaction finds tombstones of it alone.
func TestAnEndedRoomLeavesNoSnapshots(t *testing.T) {
	port := servicetest.FreePort(t)
	broker := nodetest.Broker(t, kfake.Ports(port))
	d := prepare(t, onSQLite, port)
	d.Run(t)
	d.awaitReady(t)
	users := d.manyUsers(t, events.MaxNamed+1)
	ended := d.hall(t, users)
	d.awaitTold(t, map[uuid.UUID]int{ended: len(users)})
	if _, err := changes.New(d.store, d.tel.Propagator).End(t.Context(), ended, changes.Backend(""), time.Now()); err != nil {
		t.Fatal(err)
	}
	written := func() (snapshots, tombstones int) { // of the room that has ended
		for _, record := range d.readTopic(t, events.TopicMemberships) {
			switch {
			case !strings.HasPrefix(record.Key, ended.String()):
			case record.Value != nil:
				snapshots++
			default:
				tombstones++
			}
		}
		return snapshots, tombstones
	}
	servicetest.Await(t, "its tombstones", func() bool { _, n := written(); return n == events.SnapshotParts })
	stays := d.hall(t, users) // the newest records are not compacted
	d.awaitTold(t, map[uuid.UUID]int{stays: len(users)})
	servicetest.AwaitSuccess(t, "tombstones alone of what has ended", func() error {
		broker.Compact()
		if snapshots, tombstones := written(); snapshots != 0 || tombstones != events.SnapshotParts {
			return fmt.Errorf("there are %d snapshots and %d tombstones", snapshots, tombstones)
		}
		return nil
	})
	if told := d.membersTold(t); told[stays] != len(users) {
		t.Errorf("of the other room %d members are told", told[stays])
	}
}
