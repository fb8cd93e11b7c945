package changes

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// Posted is what a room has to know of a message.
type Posted struct {
	RoomID    uuid.UUID
	MessageID uuid.UUID
	SenderID  uuid.UUID
	At        time.Time // the message's createdAt
	Preview   wire.Preview
	Expires   time.Time // see [store.LatestMessage]
	Position  events.Position
	// Version is the membership version that a [wire.RoomChange] has brought; 0 for any other message. It tells a change that is in the log twice.
	Version int64
	// MayRepeat says that the log may have the message before, so that the room may have taken it: its sender has named it, or whoever reads the log has just
	// begun to.
	MayRepeat bool
	// Joins says that it is the message of somebody, the sender, who joins.
	Joins bool
}

// ApplyMessages takes messages, of any rooms, into the rooms' LatestMessage, preview and counts, moves up to where their senders have read, and
// sets where those begin who join. A message whose position is not after the newest that the room has taken changes nothing, so messages may be
// applied again, in any batches, as long as those of a room come in the order of their positions. Messages of unknown rooms are passed over. There
// is no event: the messages are in the log.
func (c *Changes) ApplyMessages(ctx context.Context, messages []Posted) error {
	if len(messages) == 0 {
		return nil
	}
	rooms := roomsOf(messages)
	ordered := slices.SortedStableFunc(slices.Values(messages), func(a, b Posted) int { return a.Position.Compare(b.Position) })
	return c.store.Transact(ctx, "apply_messages", func(ctx context.Context, tx store.Tx) error {
		taken, err := tx.LockTaken(ctx, rooms)
		if err != nil {
			return err
		}
		once, err := onlyOnce(ctx, tx, ordered)
		if err != nil {
			return err
		}
		return c.take(taken, once).write(ctx, tx)
	})
}

// onlyOnce leaves out messages that their rooms have taken, and that come a second time. A room knows the newest thousand of its messages: one that
// its sender has sent again after more than that counts twice.
func onlyOnce(ctx context.Context, tx store.Tx, messages []Posted) ([]Posted, error) {
	var asked []store.MessageKey
	for _, message := range messages {
		if message.MayRepeat {
			asked = append(asked, store.MessageKey{Room: message.RoomID, Message: message.MessageID})
		}
	}
	if len(asked) == 0 {
		return messages, nil
	}
	known, err := tx.KnownMessages(ctx, asked)
	if err != nil {
		return nil, err
	}
	once := make([]Posted, 0, len(messages))
	for _, message := range messages {
		key := store.MessageKey{Room: message.RoomID, Message: message.MessageID}
		if message.MayRepeat && known[key] {
			continue
		}
		known[key] = true
		once = append(once, message)
	}
	return once, nil
}

func roomsOf(messages []Posted) []uuid.UUID {
	rooms := make([]uuid.UUID, 0, len(messages))
	known := map[uuid.UUID]bool{}
	for _, message := range messages {
		if !known[message.RoomID] {
			known[message.RoomID] = true
			rooms = append(rooms, message.RoomID)
		}
	}
	return rooms
}

// batch is what messages change.
type batch struct {
	latest    map[uuid.UUID]store.LatestMessage // by room
	positions []store.MessagePosition
	joined    []store.ReadMark
	read      map[reader]store.ReadMark // the newest of each sender
	forget    map[uuid.UUID]int64       // by room, up to which number
}

type reader struct{ room, user uuid.UUID }

// take takes messages, in the order of their positions, into rooms that have taken so much. It leaves out what they have taken before, also a change
// of members that the outbox has appended twice, which has another position.
func (c *Changes) take(rooms map[uuid.UUID]store.Taken, messages []Posted) batch {
	b := batch{latest: map[uuid.UUID]store.LatestMessage{}, read: map[reader]store.ReadMark{}, forget: map[uuid.UUID]int64{}}
	for _, message := range messages {
		room, known := rooms[message.RoomID]
		if !known || message.Position.Compare(room.Position) <= 0 || message.Version > 0 && message.Version <= room.ChangeVersion {
			continue
		}
		rooms[message.RoomID] = c.takeOne(&b, room, message)
	}
	return b
}

func (c *Changes) takeOne(b *batch, room store.Taken, message Posted) store.Taken {
	at := store.MessagePosition{RoomID: message.RoomID, MessageID: message.MessageID, Position: message.Position, At: message.At}
	room.Position, room.ChangeVersion = message.Position, max(room.ChangeVersion, message.Version)
	room.Messages++
	if message.Version == 0 || c.rules.CountChanges {
		room.Counted++
		at.SenderID = message.SenderID
	}
	at.Number, at.Counted = room.Messages, room.Counted
	b.positions = append(b.positions, at)
	b.latest[message.RoomID] = store.LatestMessage{
		RoomID: message.RoomID, At: message.At, Preview: message.Preview, Sender: message.SenderID, Position: message.Position, Expires: message.Expires,
		Version: room.ChangeVersion, Messages: room.Messages, Counted: room.Counted,
	}
	if room.Messages%forgetEvery == 0 && room.Messages > store.KeptPositions {
		b.forget[message.RoomID] = room.Messages - store.KeptPositions
	}
	mark := store.ReadMark{
		RoomID: message.RoomID, UserID: message.SenderID, Position: message.Position, Counted: room.Counted, At: message.At, Message: message.MessageID,
	}
	switch {
	case message.Version == 0:
		b.read[reader{message.RoomID, message.SenderID}] = mark
	case message.Joins:
		b.joined = append(b.joined, mark)
	}
	return room
}

// forgetEvery is after how many messages a room forgets where the oldest are.
const forgetEvery = 250

func (b batch) write(ctx context.Context, tx store.Tx) error {
	if len(b.positions) == 0 {
		return nil
	}
	if err := tx.SetLatestMessages(ctx, inOrder(b.latest, func(m store.LatestMessage) uuid.UUID { return m.RoomID })); err != nil {
		return err
	}
	if err := tx.AddPositions(ctx, b.positions); err != nil {
		return err
	}
	if len(b.joined) > 0 {
		if err := tx.JoinAt(ctx, b.joined); err != nil {
			return err
		}
	}
	if len(b.read) > 0 {
		if err := tx.AdvanceReadMarks(ctx, inOrder(b.read, func(m store.ReadMark) uuid.UUID { return m.RoomID })); err != nil {
			return err
		}
	}
	for room, upTo := range b.forget {
		if err := tx.ForgetPositions(ctx, room, upTo); err != nil {
			return err
		}
	}
	return nil
}

// inOrder gives the values in the order of their rooms, in which rows are found faster.
func inOrder[K comparable, V any](of map[K]V, room func(V) uuid.UUID) []V {
	values := make([]V, 0, len(of))
	for _, value := range of {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b V) int {
		x, y := room(a), room(b)
		return cmp.Compare(string(x[:]), string(y[:]))
	})
	return values
}
