// Package intake takes what backends have to tell users, whichever way it comes in: it reads it, knows what may be told to whom, gives each user's
// notification an id, and appends it to ism.notifications.
package intake

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/wire"
)

const source = "/ism/notifications"

const (
	// atOnce is how many users a call tells at once.
	atOnce = 64
	// mostAtOnce is the same of all calls together.
	mostAtOnce = 256
)

// Appender appends a record, and waits until the log has it. Errors: those of [bus.Appender].
type Appender interface {
	Append(ctx context.Context, record bus.Record) (bus.Receipt, error)
}

// Intake takes notifications. It is safe for concurrent use.
type Intake struct {
	appender      Appender
	rooms         Rooms
	refuseUnknown bool
	turns         chan struct{} // has a token for each record that is being appended
}

// New makes an intake. RefuseUnknown has it refuse users whom rooms does not know, also to backends of no tenant.
func New(appender Appender, rooms Rooms, refuseUnknown bool) *Intake {
	return &Intake{appender: appender, rooms: rooms, refuseUnknown: refuseUnknown, turns: make(chan struct{}, mostAtOnce)}
}

// Asked is a notification, and by which ids it is told.
type Asked struct {
	Notification
	IDs   IDs
	Taken time.Time // from when on its TTL counts
}

// Told is what has become of a notification.
type Told struct {
	Notifications []wire.NotifiedUser // in the order of its users
	// Err, if not nil, says that some of the users may not have been told. It is a [bus.ErrUnavailable], and a [bus.ErrOutcomeUnknown] if that
	// holds for one of the users.
	Err error
}

// Tell tells users something, each in a record of its own. The records of a user are in the log in the order in which they are asked for. Where the
// log does not take one, no others are begun.
func (in *Intake) Tell(ctx context.Context, asked ...Asked) []Told {
	t := &telling{intake: in, asked: asked, told: make([]Told, len(asked)), errs: make([][]error, len(asked))}
	var order []uuid.UUID
	of := map[uuid.UUID][]recipient{}
	for i, one := range asked {
		t.told[i].Notifications = make([]wire.NotifiedUser, len(one.Users))
		t.errs[i] = make([]error, len(one.Users))
		for j, user := range one.Users {
			t.told[i].Notifications[j] = wire.NotifiedUser{UserID: user, ID: one.IDs(user)}
			if of[user] == nil {
				order = append(order, user)
			}
			of[user] = append(of[user], recipient{i, j})
		}
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, user := range order {
		group.Go(func() error {
			for _, to := range of[user] {
				t.errs[to.asked][to.user] = t.tell(ctx, to)
			}
			return nil
		})
	}
	_ = group.Wait() // each has its own
	for i, errs := range t.errs {
		t.told[i].Err = worst(errs)
	}
	return t.told
}

// recipient is a user of a notification, by the numbers of both.
type recipient struct{ asked, user int }

// telling is a call of Tell.
type telling struct {
	intake *Intake
	asked  []Asked
	told   []Told
	errs   [][]error // by recipient
	failed atomic.Bool
}

var errNotBegun = fmt.Errorf("%w: the record before it is not in the log", bus.ErrUnavailable)

func (t *telling) tell(ctx context.Context, to recipient) error {
	if t.failed.Load() {
		return errNotBegun
	}
	record, err := t.record(to)
	if err == nil {
		err = t.intake.append(ctx, record)
	}
	if err != nil {
		t.failed.Store(true)
	}
	return err
}

func (t *telling) record(to recipient) (bus.Record, error) {
	one, named := t.asked[to.asked], t.told[to.asked].Notifications[to.user]
	data := events.NotificationSent{UserID: named.UserID, Message: one.Message}
	if end := one.expiresAt(one.Taken); end != nil {
		expires := wire.At(*end)
		data.ExpiresAt = &expires
	}
	event := events.New(source, time.Now(), data)
	event.ID = named.ID
	headers, value, err := events.Encode(event)
	if err != nil {
		return bus.Record{}, fmt.Errorf("encode a notification: %w", err)
	}
	return bus.Record{Topic: data.Topic(), Key: data.PartitionKey(), Headers: headers, Value: value}, nil
}

// append waits for its turn.
func (in *Intake) append(ctx context.Context, record bus.Record) error {
	select {
	case in.turns <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: the time was over before its turn: %w", bus.ErrUnavailable, ctx.Err())
	}
	defer func() { <-in.turns }()
	if _, err := in.appender.Append(ctx, record); err != nil {
		return fmt.Errorf("append a notification: %w", err)
	}
	return nil
}

// worst gives the error that leaves most open.
func worst(errs []error) (worst error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, bus.ErrOutcomeUnknown):
			return err
		case worst == nil || errors.Is(worst, errNotBegun):
			worst = err
		}
	}
	return worst
}
