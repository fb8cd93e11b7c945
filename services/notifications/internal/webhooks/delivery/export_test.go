package delivery

import (
	"context"

	"github.com/google/uuid"
)

// PlayLanes hands what is claimed to the test, which sends it when it likes.
func (d *Deliveries) PlayLanes(put func(lane *Lane)) { d.senders = played(put) }

type played func(lane *Lane)

func (p played) hold() (release func(), sends bool) { return func() {}, true }

func (p played) dispatch(lanes []*Lane) {
	for _, lane := range lanes {
		p(lane)
	}
}

// Drive sends a lane, and gives what is to be settled of it.
func (d *Deliveries) Drive(ctx context.Context, sender Sender, lane *Lane) []Answer {
	s := newSenders(d, sender)
	s.stop = make(chan struct{})
	s.drive(ctx, lane)
	return s.take()
}

// Settle is what senders do with answers.
func (d *Deliveries) Settle(ctx context.Context, answers []Answer) error {
	return d.settle(ctx, answers)
}

// EndpointID says to which endpoint a lane leads.
func (l *Lane) EndpointID() uuid.UUID { return l.endpoint.ID }

// Len is how many deliveries of a lane are left.
func (l *Lane) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.rest)
}
