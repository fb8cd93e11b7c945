package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

// hall is a large room, as its log tells of it in partition 1.
type hall struct {
	t       *testing.T
	id      uuid.UUID
	offset  int64
	version int64
}

func (h *hall) record(data events.Data) bus.Record {
	h.t.Helper()
	record := recordOf(h.t, 1, h.offset, uuid.New(), data)
	h.offset++
	return record
}

// opened are the records of the room's creation.
func (h *hall) opened(members []uuid.UUID) []bus.Record {
	named := members[:events.MaxNamed]
	h.version = 1
	records := []bus.Record{h.record(events.RoomCreated{
		RoomID: h.id, CreatedBy: members[0], Room: wire.Room{ID: h.id, Type: wire.Group}, Members: make([]wire.Member, len(named)),
		Audience: events.Audience{Users: named, Version: 1, WholeRoom: true},
	})}
	for joined := range slices.Chunk(members[events.MaxNamed:], events.MaxNamed) {
		h.version++
		records = append(records, h.record(events.MembersJoined{RoomID: h.id, Joined: joined, Room: wire.Room{ID: h.id}, Audience: events.WholeRoom(h.version)}))
	}
	return records
}

func (h *hall) message(text string) bus.Record {
	return h.record(events.MessagePosted{
		RoomID: h.id, Message: posted(h.id, text, 1).Message, Preview: wire.TextPreview("somebody", text), Audience: events.WholeRoom(h.version),
	})
}

func (h *hall) changed(user uuid.UUID, change wire.Change) bus.Record {
	h.version++
	event := changed(h.id, user, change, h.version)
	event.Ended, event.Audience = false, events.WholeRoom(h.version)
	return h.record(event)
}

func many(n int) []uuid.UUID {
	users := make([]uuid.UUID, n)
	for i := range users {
		users[i] = uuid.New()
	}
	return users
}

// given are the texts of messages, and the types of other events, that a stream has been offered.
func given(t *testing.T, sub *client) (all []string) {
	t.Helper()
	frames := sub.take()
	sub.frames = frames
	kinds := types(t, sub)
	for i, kind := range kinds {
		if kind == "ChatMessage" {
			kind = textOf(t, frames[i])
		}
		all = append(all, kind)
	}
	return all
}

// A large room that ends is told to its members by LeaveRoom, live and when they come back, and what comes after it to nobody.
func TestALargeRoomThatEndsIsToldToItsMembers(t *testing.T) {
	e := caughtUp(t, limits())
	e.MembershipsCaughtUp()
	h := &hall{t: t, id: uuid.New()}
	members := many(120)
	ingest(t, e, h.opened(members)...)
	member, stranger, begun := newClient(), newClient(), h.offset
	attach(t, e, members[110], "", member)
	attach(t, e, uuid.New(), "", stranger)
	last := h.message("last")
	h.version++
	ingest(t, e, last, h.record(events.RoomEnded{RoomID: h.id, Audience: events.WholeRoom(h.version)}), h.message("later"))
	want := []string{"last", "LeaveRoom"}
	if got := given(t, member); !slices.Equal(got, want) {
		t.Errorf("a member is given %v", got)
	}
	if got := given(t, stranger); len(got) != 0 {
		t.Errorf("a stranger is given %v", got)
	}
	again := newClient()
	again.frames = attach(t, e, members[0], id(0, begun, 0, 0), newClient()).Backlog
	if got := given(t, again); !slices.Equal(got, want) {
		t.Errorf("who comes back is given %v", got)
	}
}

// An edge to which snapshots have said first that the room has ended cannot say who was a member: nobody resumes from before.
func TestALargeRoomOfWhichItIsSaidTooEarlyThatItHasEndedIsAGap(t *testing.T) {
	e := caughtUp(t, limits())
	h := &hall{t: t, id: uuid.New(), version: 8}
	for part := range events.SnapshotParts {
		record := recordOf(t, 0, int64(part), uuid.New(), events.MembershipSnapshot{RoomID: h.id, Part: part, Version: 8, Users: []uuid.UUID{}})
		record.Topic = events.TopicMemberships
		if err := e.TakeMemberships(t.Context(), []bus.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	e.MembershipsCaughtUp()
	member, sub, begun := uuid.New(), newClient(), h.offset
	attach(t, e, member, "", sub)
	ingest(t, e, h.record(events.RoomEnded{RoomID: h.id, Audience: events.WholeRoom(h.version)}))
	if got := given(t, sub); !slices.Equal(got, []string{"Resync"}) {
		t.Errorf("an open stream is given %v", got)
	}
	if opening := string(attach(t, e, member, id(0, begun, 0, 0), newClient()).Opening); !strings.Contains(opening, "unreadable-event") {
		t.Errorf("who comes back is given %q", opening)
	}
}

// An edge that begins behind the tombstones of a large room that has ended cannot say who was a member: nobody resumes from before. So it is, too, where
// compaction has removed them.
func TestALargeRoomWhoseSnapshotsAreRemovedIsAGap(t *testing.T) {
	for name, tombstones := range map[string]int{"tombstones": events.SnapshotParts, "some tombstones": 7, "nothing": 0} {
		t.Run(name, func(t *testing.T) {
			e := caughtUp(t, limits())
			h := &hall{t: t, id: uuid.New(), version: 8}
			for part := range tombstones {
				record := recordOf(t, 0, int64(part), uuid.New(), events.SnapshotRemoved{RoomID: h.id, Part: part})
				record.Topic = events.TopicMemberships
				if err := e.TakeMemberships(t.Context(), []bus.Record{record}); err != nil {
					t.Fatal(err)
				}
			}
			e.MembershipsCaughtUp()
			sub := newClient()
			attach(t, e, uuid.New(), "", sub)
			before := h.message("before")
			h.version++
			ingest(t, e, before, h.record(events.RoomEnded{RoomID: h.id, Audience: events.WholeRoom(h.version)}))
			if got := given(t, sub); !slices.Equal(got, []string{"Resync"}) {
				t.Errorf("an open stream is given %v", got)
			}
			e.evict(time.Now().Add(time.Hour))
			if got := given(t, sub); len(got) != 0 {
				t.Errorf("later it is given %v", got)
			}
		})
	}
}

// In a room whose events name nobody, each is given what it should, live and when it comes back; who came and went meanwhile, too.
func TestALargeRoomIsDeliveredWithoutNamingItsMembers(t *testing.T) {
	e := caughtUp(t, limits())
	e.MembershipsCaughtUp()
	h := &hall{t: t, id: uuid.New()}
	members := many(250)
	stays, leaves, joins, stranger := members[7], members[240], uuid.New(), uuid.New()
	subs := map[string]*client{"stays": newClient(), "leaves": newClient(), "joins": newClient(), "stranger": newClient()}
	for name, user := range map[string]uuid.UUID{"stays": stays, "leaves": leaves, "joins": joins, "stranger": stranger} {
		attach(t, e, user, "", subs[name])
	}
	ingest(t, e, h.opened(members)...)
	ingest(t, e, h.message("one"), h.changed(joins, wire.Join), h.message("two"))
	left, version := h.changed(leaves, wire.Leave), h.version
	h.version--
	three, stale := h.message("three"), h.message("stale") // as of before
	h.version = version
	ingest(t, e, left, three, stale)
	// Somebody who had not heard of the room's becoming large names members, one of whom has left.
	ingest(t, e, h.record(posted(h.id, "named", 1, stays, leaves)))
	want := map[string][]string{
		"stays":    {"NewRoom", "one", "RoomChangeEvent", "two", "RoomChangeEvent", "three", "stale", "named"},
		"leaves":   {"NewRoom", "one", "RoomChangeEvent", "two", "LeaveRoom"},
		"joins":    {"NewRoom", "two", "RoomChangeEvent", "three", "stale", "named"},
		"stranger": nil,
	}
	for name, user := range map[string]uuid.UUID{"stays": stays, "leaves": leaves, "joins": joins, "stranger": stranger} {
		if got := given(t, subs[name]); !slices.Equal(got, want[name]) {
			t.Errorf("who %s is given %v, want %v", name, got, want[name])
		}
		again := newClient()
		again.frames = attach(t, e, user, id(0, 0, 0, 0), newClient()).Backlog
		if got := given(t, again); !slices.Equal(got, want[name]) {
			t.Errorf("who %s resumes with %v, want %v", name, got, want[name])
		}
	}
	if n, bytes := e.ring.Len(), e.ring.Bytes(); bytes > n*1200 {
		t.Errorf("%d entries take %d bytes", n, bytes)
	}
}

// An edge that starts knows from snapshots who was in the room before what it reads.
func TestAStartingEdgeKnowsLargeRoomsFromSnapshots(t *testing.T) {
	h := &hall{t: t, id: uuid.New()}
	members := many(150)
	h.opened(members) // long ago
	begin := make([]cut.Point, partitions)
	begin[1].Offset = h.offset
	e := starting(t, limits(), telemetry.Discard(nil), begin...)
	for part := range events.SnapshotParts {
		snapshot := events.MembershipSnapshot{RoomID: h.id, Part: part, Version: h.version}
		for _, user := range members {
			if events.SnapshotPart(user) == part {
				snapshot.Users = append(snapshot.Users, user)
			}
		}
		record := recordOf(t, 0, int64(part), uuid.New(), snapshot)
		record.Topic = events.TopicMemberships
		if err := e.TakeMemberships(t.Context(), []bus.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	e.MembershipsCaughtUp()
	begun := h.offset
	ingest(t, e, h.message("before"), h.changed(members[3], wire.Leave))
	e.CaughtUp()
	for user, want := range map[uuid.UUID][]string{members[0]: {"before", "RoomChangeEvent"}, members[3]: {"before", "LeaveRoom"}, uuid.New(): nil} {
		sub := newClient()
		sub.frames = attach(t, e, user, id(0, begun, 0, 0), newClient()).Backlog
		if got := given(t, sub); !slices.Equal(got, want) {
			t.Errorf("resumed with %v, want %v", got, want)
		}
	}
}

// Where nobody can say who is in a large room, its members are told as soon as somebody can, and all if nobody ever can.
func TestALargeRoomThatNobodyKnowsIsAGap(t *testing.T) {
	e := caughtUp(t, limits())
	e.MembershipsCaughtUp()
	h := &hall{t: t, id: uuid.New(), version: 9}
	member, stranger := uuid.New(), uuid.New()
	atMember, atStranger := newClient(), newClient()
	attach(t, e, member, "", atMember)
	attach(t, e, stranger, "", atStranger)
	ingest(t, e, h.message("to whom?"))
	if a, b := given(t, atMember), given(t, atStranger); len(a)+len(b) != 0 {
		t.Errorf("they are given %v and %v", a, b)
	}
	resumed := attach(t, e, member, id(0, 0, 0, 0), newClient())
	if !strings.Contains(string(resumed.Opening), reasonUnreadable) {
		t.Errorf("resumed with %q", resumed.Opening)
	}
	e.evict(time.Now().Add(time.Minute))
	if a, b := given(t, atMember), given(t, atStranger); fmt.Sprint(a, b) != "[Resync] [Resync]" {
		t.Errorf("after a while they are given %v and %v", a, b)
	}
	for part := range events.SnapshotParts {
		snapshot := events.MembershipSnapshot{RoomID: h.id, Part: part, Version: 9}
		if part == events.SnapshotPart(member) {
			snapshot.Users = []uuid.UUID{member}
		}
		record := recordOf(t, 0, int64(part), uuid.New(), snapshot)
		if err := e.TakeMemberships(t.Context(), []bus.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	ingest(t, e, h.message("known"))
	if a, b := given(t, atMember), given(t, atStranger); fmt.Sprint(a, b) != "[Resync known] []" {
		t.Errorf("once it is known they are given %v and %v", a, b)
	}
}

func BenchmarkIngestOfALargeRoom(b *testing.B) {
	e := caughtUp(b, limits())
	e.MembershipsCaughtUp()
	members := many(10_000)
	id := uuid.New()
	e.audiences.large.Begin(id, 1, members)
	e.audiences.large.Seen(time.Now(), id, 1)
	for _, user := range members[:100] {
		attach(b, e, user, "", newClient())
	}
	message := events.MessagePosted{RoomID: id, Message: posted(id, "Hello", 1).Message, Preview: wire.TextPreview("somebody", "Hello"), Audience: events.WholeRoom(1)}
	record := recordOf(b, 1, 0, uuid.New(), message)
	b.ReportAllocs()
	for b.Loop() {
		record.Offset++
		record.Headers[events.HeaderID] = fmt.Sprintf("0192d3a0-0000-7000-8000-%012x", record.Offset)
		record.Headers["ce_time"] = time.Now().UTC().Format(time.RFC3339Nano)
		if err := e.Ingest(b.Context(), []bus.Record{record}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(record.Value)), "bytes/record")
}
