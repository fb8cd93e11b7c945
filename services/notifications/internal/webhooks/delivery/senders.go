package delivery

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	// linger is how long an answer waits for others, and batch how many are settled in one transaction. While one is under way those that come wait for the next.
	linger = 2 * time.Millisecond
	batch  = 500
	// slow is after how long a lane that waits for an answer lets others have what is behind it.
	slow = time.Second
	// drain is how long webhooks under way may go on when the process stops, and settling is how long what has become of them may take to write.
	drain    = 3 * time.Second
	settling = 5 * time.Second
	// first and longest are the times between two tries to settle where the store is not there.
	first   = 100 * time.Millisecond
	longest = 5 * time.Second
)

// senders send lanes, each in a goroutine of its own, and collect answers, which are settled together. What they hold is bounded by what is claimed: see [perLane].
type senders struct {
	of     *Deliveries
	sender Sender
	slots  chan struct{} // webhooks under way

	mu     sync.Mutex
	ctx    context.Context // of sending; nil: nothing is sent; lanes are begun by whoever has claimed them
	ending bool
	claims sync.WaitGroup // transactions that may claim
	lanes  sync.WaitGroup
	stop   chan struct{} // closed when lanes are to begin nothing more

	answers  []Answer
	answered chan struct{}
}

func newSenders(of *Deliveries, sender Sender) *senders {
	return &senders{of: of, sender: sender, slots: make(chan struct{}, max(of.limits.AtOnce, 1)), answered: make(chan struct{}, 1)}
}

// hold implements [dispatcher].
func (s *senders) hold() (release func(), sends bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || s.ending {
		return nil, false
	}
	s.claims.Add(1)
	return s.claims.Done, true
}

// dispatch implements [dispatcher].
func (s *senders) dispatch(lanes []*Lane) {
	for _, lane := range lanes {
		s.lanes.Go(func() { s.drive(s.ctx, lane) })
	}
}

// run sends until ctx is done.
func (s *senders) run(ctx context.Context) error {
	lasting := telemetry.Untraced(context.WithoutCancel(ctx))
	sending, cancel := context.WithCancel(lasting)
	defer cancel()
	stop, collected := make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	s.ctx, s.ending, s.stop = sending, false, stop
	s.mu.Unlock()
	var collecting sync.WaitGroup
	collecting.Go(func() { s.collect(lasting, stop, collected) })
	<-ctx.Done()
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	close(stop)
	s.claims.Wait()
	breaking := time.AfterFunc(drain, cancel)
	s.lanes.Wait()
	breaking.Stop()
	close(collected)
	collecting.Wait()
	return s.leave(lasting)
}

// leave settles what is left when nothing more is sent.
func (s *senders) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	for {
		answers := s.take()
		if len(answers) == 0 {
			return nil
		}
		if err := s.of.settle(ctx, answers); err != nil {
			s.of.log.WarnContext(ctx, "what has become of webhooks cannot be written; they are sent again once their lease has ended", "webhooks", len(answers), "error", err.Error())
		}
	}
}

// drive sends a lane.
func (s *senders) drive(ctx context.Context, lane *Lane) {
	defer func() { s.answer(lane.unsent()...) }()
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.stop:
			return
		}
		goOn := s.step(ctx, lane)
		<-s.slots
		if !goOn {
			return
		}
	}
}

// step sends the next delivery of a lane, and reports whether there may be another one. A lane ends with its first failure: what is behind waits for what the
// endpoint's health says of it.
func (s *senders) step(ctx context.Context, lane *Lane) bool {
	select {
	case <-s.stop:
		return false
	default:
	}
	if !s.of.mayBegin(ctx, lane) {
		return false
	}
	claimed, is := lane.next()
	if !is {
		return false
	}
	late := time.AfterFunc(slow, func() { s.answer(lane.unsent()...) })
	defer late.Stop()
	answer := s.of.send(ctx, s.sender, lane.sending(claimed))
	s.answer(answer)
	return !answer.Unsent && answer.Outcome.taken()
}

// send sends a webhook. One that makes the sender panic has failed, so that it does not end the process whenever it is tried.
func (d *Deliveries) send(ctx context.Context, sender Sender, sending store.Sending) (answer Answer) {
	defer func() {
		if fault := recover(); fault != nil {
			d.log.ErrorContext(ctx, "a webhook cannot be sent: a fault of the program", "delivery_id", sending.Delivery.ID.String(), "panic", fault, "stack", string(debug.Stack()))
			answer = Answer{Delivery: sending.Delivery, Outcome: Outcome{At: d.now(), Error: "it cannot be sent: a fault of ISM"}}
		}
	}()
	outcome := sender.Send(ctx, sending)
	if ctx.Err() != nil && !outcome.taken() { // the process ends: another one sends it again
		return Answer{Delivery: sending.Delivery, Unsent: true}
	}
	return Answer{Delivery: sending.Delivery, Outcome: outcome}
}

// answer has answers settled.
func (s *senders) answer(answers ...Answer) {
	if len(answers) == 0 {
		return
	}
	s.mu.Lock()
	s.answers = append(s.answers, answers...)
	s.mu.Unlock()
	select {
	case s.answered <- struct{}{}:
	default:
	}
}

// take takes the answers that are settled next.
func (s *senders) take() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.answers), batch)
	taken := s.answers[:n:n]
	s.answers = s.answers[n:]
	if len(s.answers) == 0 {
		s.answers = nil
	}
	return taken
}

// collect settles answers until there are no more to come.
func (s *senders) collect(ctx context.Context, stop, collected <-chan struct{}) {
	for {
		select {
		case <-s.answered:
		case <-collected:
			return
		}
		select {
		case <-time.After(linger):
		case <-stop:
		}
		for answers := s.take(); len(answers) > 0; answers = s.take() {
			if !s.settle(ctx, answers, stop) {
				<-collected
				return
			}
		}
	}
}

// settle settles answers, again until the store takes them. It reports false where the process stops before: they are left to [senders.leave].
func (s *senders) settle(ctx context.Context, answers []Answer, stop <-chan struct{}) bool {
	for wait := first; ; wait = min(2*wait, longest) {
		err := s.of.settle(ctx, answers)
		if err == nil {
			return true
		}
		if !errors.Is(err, store.ErrUnavailable) {
			s.settleEach(ctx, answers, err)
			return true
		}
		s.of.log.WarnContext(ctx, "what has become of webhooks cannot be written; trying again", "webhooks", len(answers), "error", err.Error())
		select {
		case <-time.After(wait):
		case <-stop:
			s.answer(answers...)
			return false
		}
	}
}

// settleEach settles each answer by itself where all together are not possible. One that is not possible is sent again once its lease has ended.
func (s *senders) settleEach(ctx context.Context, answers []Answer, err error) {
	for i := range answers {
		if len(answers) > 1 {
			err = s.of.settle(ctx, answers[i:i+1])
		}
		if err != nil {
			s.of.log.ErrorContext(ctx, "what has become of a webhook cannot be written; it is sent again", "delivery_id", answers[i].Delivery.ID.String(), "error", err.Error())
		}
	}
}
