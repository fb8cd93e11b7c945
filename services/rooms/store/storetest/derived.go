package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/outbox/outboxtest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
	"github.com/ism-chat/ism/services/rooms/store"
)

// logIsTakenAgain takes a log in random batches, which overlap, repeat and begin anew, and compares with a log that is taken once.
func logIsTakenAgain(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob", "carol")
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		var rooms, once []uuid.UUID
		for range 3 {
			rooms = append(rooms, create(t, s, newRoom(wire.Group, "", start(), users...)).ID)
			once = append(once, create(t, s, newRoom(wire.Group, "", start(), users...)).ID)
		}
		var log []changes.Posted
		version := map[int]int64{}
		for offset := range int64(40) {
			in := random.IntN(len(rooms))
			message := posted(rooms[in], users[random.IntN(len(users))], fmt.Sprint(offset), after(time.Duration(random.IntN(1000))*time.Second), offset)
			if random.IntN(8) == 0 {
				if again := random.IntN(3) == 0; !again || version[in] == 0 {
					version[in]++
				}
				message.Version = 1 + version[in]
			}
			log = append(log, message)
		}
		for from := 0; from < len(log); { // each batch begins at or before the first that is not taken
			begin := max(0, from-random.IntN(15))
			if random.IntN(6) == 0 {
				begin = 0
			}
			end := min(len(log), begin+1+random.IntN(12))
			apply(t, s, log[begin:end]...)
			from = max(from, end)
		}
		apply(t, s, log...)
		for _, message := range log {
			message.RoomID = once[slices.Index(rooms, message.RoomID)]
			apply(t, s, message)
		}
		for i := range rooms {
			for _, user := range users {
				got, want := get(t, s, rooms[i], user), get(t, s, once[i], user)
				if got.UnreadCount != want.UnreadCount || got.Unread != want.Unread || got.UnreadAsOf != want.UnreadAsOf ||
					!got.LatestMessage.Equal(want.LatestMessage.Time) || *got.LatestMessageText != *want.LatestMessageText {
					t.Fatalf("with seed %d: %+v, taken once %+v", seed, got, want)
				}
			}
		}
	}
}

// device is a client that counts what is unread in one room: what a list or an event has told, and on top of it what has come on its stream since.
type device struct {
	connected bool
	next      int // record of the log that its stream has next
	count     int
	asOf      events.Position
	seen      []seen // behind asOf
}

type seen struct {
	at  events.Position
	own bool
}

func (d *device) told(count int, asOf events.Position) {
	d.count, d.asOf = count, asOf
	d.seen = slices.DeleteFunc(d.seen, func(m seen) bool { return m.at.Compare(asOf) <= 0 })
}

func (d *device) unread() int {
	count := d.count
	for _, message := range d.seen {
		if count++; message.own {
			count = 0
		}
	}
	return count
}

// play is a room with its log, and the devices of a user who reads it.
type play struct {
	t       *testing.T
	s       store.Store
	lead    outbox.Lead
	random  *rand.Rand
	room    uuid.UUID
	reader  uuid.UUID
	other   uuid.UUID
	log     []any // changes.Posted or events.RoomRead
	taken   int   // records
	devices [3]device
	steps   []string
}

func (p *play) messages(from, to int) (messages []changes.Posted) {
	for _, record := range p.log[from:to] {
		if message, ok := record.(changes.Posted); ok {
			messages = append(messages, message)
		}
	}
	return messages
}

// take takes the log up to a record, from somewhere before.
func (p *play) take(to int) {
	p.t.Helper()
	from := max(0, p.taken-p.random.IntN(4))
	apply(p.t, p.s, p.messages(from, to)...)
	p.taken = max(p.taken, to)
}

func (p *play) send(sender uuid.UUID) {
	offset := int64(len(p.log))
	p.log = append(p.log, posted(p.room, sender, "Soup?", after(time.Duration(p.random.IntN(100))*time.Second), offset))
}

// mark marks as the service does: once all is taken that the log has.
func (p *play) mark(unread bool) {
	p.t.Helper()
	asked := changes.Mark{RoomID: p.room, UserID: p.reader, At: after(time.Duration(len(p.log)) * time.Second), Unread: unread}
	if messages := p.messages(0, len(p.log)); len(messages) > 0 && p.random.IntN(2) == 0 {
		asked.MessageID = &messages[p.random.IntN(len(messages))].MessageID
	} else {
		p.take(len(p.log))
	}
	if _, err := flow(p.s).MarkRead(p.t.Context(), asked); err != nil && !errors.Is(err, store.ErrMessageNotFound) {
		p.t.Fatalf("mark: %v", err)
	}
}

func (p *play) tell() {
	p.t.Helper()
	tell(p.t, p.s)
	for _, read := range reads(p.t, p.lead) {
		if read.RoomID == p.room {
			p.log = append(p.log, read)
		}
	}
}

// deliver gives a device the next record of its stream.
func (p *play) deliver(d *device) {
	if !d.connected || d.next == len(p.log) {
		return
	}
	switch record := p.log[d.next].(type) {
	case changes.Posted:
		if record.Position.Compare(d.asOf) > 0 {
			d.seen = append(d.seen, seen{record.Position, record.SenderID == p.reader})
		}
	case events.RoomRead:
		asOf, err := events.ParsePosition(record.UnreadAsOf)
		if err != nil {
			p.t.Fatal(err)
		}
		if asOf.Compare(d.asOf) >= 0 {
			d.told(*record.UnreadCount, asOf)
		}
	}
	d.next++
}

// snapshot lets a device read the room.
func (p *play) snapshot(d *device) {
	p.t.Helper()
	room := get(p.t, p.s, p.room, p.reader)
	asOf, err := events.ParsePosition(room.UnreadAsOf)
	if err != nil {
		p.t.Fatal(err)
	}
	d.told(room.UnreadCount, asOf)
}

func (p *play) step() {
	p.t.Helper()
	d := &p.devices[p.random.IntN(len(p.devices))]
	note := func(format string, args ...any) { p.steps = append(p.steps, fmt.Sprintf(format, args...)) }
	switch n := p.random.IntN(20); {
	case n < 5:
		note("the other sends")
		p.send(p.other)
	case n < 7:
		note("the reader sends")
		p.send(p.reader)
	case n < 10:
		note("some of the log is taken")
		p.take(p.taken + p.random.IntN(len(p.log)-p.taken+1))
	case n < 12:
		note("it is marked as read")
		p.mark(false)
	case n < 13:
		note("it is marked as unread")
		p.mark(true)
	case n < 14:
		note("marks are told")
		p.tell()
	case n < 17:
		note("a device is given something")
		p.deliver(d)
	case n < 18 && d.connected:
		note("a device is gone")
		d.connected = false
	case !d.connected && p.random.IntN(2) == 0:
		note("a device resumes")
		d.connected = true
	default:
		note("a device begins anew, or reads the room again")
		if !d.connected { // a stream first, and then the room, caught up: what the stream does not give the room has
			*d = device{connected: true, next: len(p.log), asOf: events.StartOfLog}
			p.take(len(p.log))
		}
		p.snapshot(d)
	}
}

// clientsCountTheSame plays random orders of sends, marks, deliveries, breaks and snapshots. Once all has come everywhere each device has counted
// what the store has.
func clientsCountTheSame(t *testing.T, s store.Store) {
	users := addUsers(t, s, "alice", "bob")
	lead := outboxtest.Lead(t, s)
	for seed := range uint64(300) {
		p := &play{t: t, s: s, lead: lead, random: rand.New(rand.NewPCG(seed, 2)), reader: users[0], other: users[1]}
		p.room = create(t, s, newRoom(wire.Group, "", start(), users...)).ID
		for i := range p.devices {
			p.devices[i].asOf = events.StartOfLog // a device that was there when the room was created
		}
		for range 10 + p.random.IntN(15) {
			p.step()
		}
		p.take(len(p.log))
		p.tell()
		want := get(t, s, p.room, p.reader).UnreadCount
		for i := range p.devices {
			d := &p.devices[i]
			d.connected = true
			for d.next < len(p.log) {
				p.deliver(d)
			}
			if got := d.unread(); got != want {
				t.Fatalf("with seed %d device %d has counted %d, the store %d, after %q", seed, i, got, want, p.steps)
			}
		}
	}
}
