package bus

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A process lives on although the coordinator of a group answers only after whoever asked has gone.
func TestACoordinatorMayAnswerLate(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	var once sync.Once
	asked, answer := make(chan struct{}), make(chan struct{})
	broker.cluster.ControlKey(kmsg.FindCoordinator.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		once.Do(func() { close(asked) })
		<-answer
		return nil, nil, false
	})
	ctx, cancel := context.WithTimeout(t.Context(), queryTimeout+time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.deleteGroup(ctx, w.group()) }()
	receive(t, "request for the coordinator", asked)
	if err := <-ended; !errors.Is(err, ErrUnavailable) {
		t.Errorf("the group is deleted: %v", err)
	}
	close(answer)
	if _, err := w.InspectGroup(within(t, timeout), w.group(), topic); err != nil {
		t.Errorf("another question: %v", err)
	}
}
