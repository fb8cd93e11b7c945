package changes

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// mostTold is how many marks one transaction tells of: it locks their members.
const mostTold = 50

// TellMarks puts [events.RoomRead] into the outbox for marks that nobody has been told of since the given time or longer, one for each member and
// room however often it has been marked meanwhile: what is unread by now. It reports whether there may be more of them.
//
// The events of a member and a room come in the order of its marks, as each locks the member. Their order among the room's other events says
// nothing: what is unread is as of a position.
func (c *Changes) TellMarks(ctx context.Context, since, now time.Time) (more bool, err error) {
	err = c.store.Transact(ctx, "tell_marks", func(ctx context.Context, tx store.Tx) error {
		marks, err := tx.TakeUntold(ctx, since, mostTold)
		if err != nil {
			return err
		}
		for _, mark := range marks {
			if len(mark.Audience.Users) == 0 && !mark.Audience.WholeRoom {
				continue // the room has ended
			}
			if _, err := c.append(c.inTrace(ctx, mark.Trace), tx, now, c.readOf(mark, now)); err != nil {
				return err
			}
		}
		more = len(marks) == mostTold
		return nil
	})
	return more, err
}

const headerTrace = "traceparent"

// traceOf is the trace of a request, as it is kept until somebody tells of what it did.
func (c *Changes) traceOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	c.propagator.Inject(ctx, carrier)
	return carrier[headerTrace]
}

func (c *Changes) inTrace(ctx context.Context, of string) context.Context {
	return c.propagator.Extract(ctx, propagation.MapCarrier{headerTrace: of})
}

func (c *Changes) readOf(mark store.UntoldMark, now time.Time) events.RoomRead {
	unread := mark.State.Unread(mark.Room)
	if mark.State.At.IsZero() { // marked as unread by who has never read
		mark.State.At = now
	}
	event := events.RoomRead{
		RoomID: mark.RoomID, UserID: mark.UserID, ReadAt: wire.At(mark.State.At),
		UnreadCount: &unread, UnreadAsOf: mark.Room.Position.String(), Audience: mark.Audience,
	}
	if mark.Receipt && !c.rules.PrivateReceipts && !mark.Audience.WholeRoom {
		event.MessageID = &mark.Message
	}
	return event
}
