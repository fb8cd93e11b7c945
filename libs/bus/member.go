package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// member is a client of a consumer, a member of its group, with the workers of the partitions that it is assigned. Only the
// goroutine that polls touches the workers, and when it has ended the one that closes the client.
type member struct {
	consumer *Consumer
	kafka    *kafka.Consumer
	workers  map[topicPartition]*worker
	requests *requests
	login    *login
	bearer   *bearer
}

func (c *Consumer) join() (*member, error) {
	client, err := kafka.NewConsumer(c.bus.clientConfig(c.settings()))
	if err != nil {
		return nil, fmt.Errorf("make consumer of group %s: %w", c.cfg.Group, err)
	}
	m := &member{
		consumer: c, kafka: client, workers: map[topicPartition]*worker{}, requests: c.bus.newRequests(c.cfg.Group), login: c.bus.newLogin(client),
		bearer: c.bus.newBearer(client),
	}
	if err := client.SubscribeTopics(c.cfg.Topics, m.rebalance); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe group %s: %w", c.cfg.Group, err), m.leave())
	}
	if c.opened != nil {
		c.opened(client)
	}
	c.use(m)
	return m, nil
}

// leave commits what has been handled and leaves the group. In bounded time, see [closeWithin]: the group drops a member that
// could not leave by its session timeout.
func (m *member) leave() error {
	m.bearer.end()
	m.consumer.use(nil)
	left, err := closeWithin(m.kafka, leaveTimeout, &m.consumer.leaving)
	if err != nil {
		return fmt.Errorf("leave group %s: %w", m.consumer.cfg.Group, err)
	}
	if !left {
		m.consumer.bus.tel.Log.Warn("a consumer cannot tell its group that it leaves; what it could not commit will be handled again",
			"group", m.consumer.cfg.Group)
	}
	return nil
}

// closeWithin closes a client. While no broker answers, that takes the session timeout or, with a commit under way, for ever
// (https://github.com/confluentinc/librdkafka/issues/3740). So it waits for so long at most, and reports whether that was enough. Otherwise
// the client ends when a broker answers again, or with the process; owner waits for it.
func closeWithin(client *kafka.Consumer, timeout time.Duration, owner *sync.WaitGroup) (closed bool, err error) {
	ended := make(chan error, 1)
	owner.Go(func() { ended <- client.Close() })
	select {
	case err := <-ended:
		return true, err
	case <-time.After(timeout):
		return false, nil
	}
}

// poll hands records to the workers of their partitions until ctx is done. The error is [errStalled] when the client has to be replaced.
func (m *member) poll(ctx context.Context) error {
	step := time.Duration(0)
	for ctx.Err() == nil {
		event := m.kafka.Poll(int(step.Milliseconds()))
		if err := m.take(ctx, event); err != nil {
			return err
		}
		paused := m.resume()
		switch {
		case event != nil:
			step = 0
		case paused > 0:
			step = pausedStep
		default:
			step = pollStep
		}
		m.consumer.watch.drained = m.consumer.watch.drained || event == nil
		if err := m.consumer.watch.look(ctx, m.progress); err != nil {
			return err
		}
	}
	return nil
}

func (m *member) take(ctx context.Context, event kafka.Event) error {
	switch event := event.(type) {
	case *kafka.Message:
		m.dispatch(event)
	case kafka.PartitionEOF:
		if w, ok := m.workers[topicPartition{*event.Topic, event.Partition}]; ok {
			w.reachedEnd(int64(event.Offset))
		}
	case *kafka.Stats:
		m.requests.count(event.String())
		m.login.look()
	case kafka.OAuthBearerTokenRefresh:
		m.bearer.refresh()
	case kafka.OffsetsCommitted:
		m.committed(event.Error)
	case kafka.Error:
		if event.IsFatal() {
			return fmt.Errorf("consume as %s: %w", m.consumer.cfg.Group, event)
		}
		m.consumer.denied(event)
		m.consumer.disturbed.report(ctx, event)
	}
	return nil
}

func (m *member) progress() map[topicPartition]progress {
	all := make(map[topicPartition]progress, len(m.workers))
	for at, w := range m.workers {
		all[at] = w.progress()
	}
	return all
}

func (m *member) dispatch(message *kafka.Message) {
	if err := message.TopicPartition.Error; err != nil {
		m.consumer.disturbed.report(context.Background(), err)
		return
	}
	record := recordOf(message)
	at := partitionOf(record)
	w, ok := m.workers[at]
	if !ok { // revoked since it was fetched
		return
	}
	if w.offer(record) {
		return
	}
	if err := m.kafka.Pause([]kafka.TopicPartition{at.kafka()}); err != nil {
		m.consumer.bus.tel.Log.Warn("a partition cannot be paused", "topic", at.topic, "partition", at.partition, "error", err.Error())
	}
}

// resume lets partitions be fetched again whose workers have caught up, and counts those that stay paused.
func (m *member) resume() (paused int) {
	for at, w := range m.workers {
		switch {
		case w.drained():
			m.unpause(at)
		case w.paused():
			paused++
		}
	}
	return paused
}

func (m *member) unpause(at topicPartition) {
	if err := m.kafka.Resume([]kafka.TopicPartition{at.kafka()}); err != nil {
		m.consumer.bus.tel.Log.Warn("a partition cannot be resumed", "topic", at.topic, "partition", at.partition, "error", err.Error())
	}
}

// rebalance is called by Poll and Close, in Run's goroutine.
func (m *member) rebalance(_ *kafka.Consumer, event kafka.Event) error {
	switch change := event.(type) {
	case kafka.AssignedPartitions:
		m.consumer.bus.access.granted(m.consumer.membership())
		for _, partition := range change.Partitions {
			at := topicPartition{*partition.Topic, partition.Partition}
			if _, running := m.workers[at]; !running {
				m.workers[at] = m.startWorker(at)
			}
		}
		m.consumer.bus.tel.Log.Info("partitions assigned", "group", m.consumer.cfg.Group, "partitions", len(change.Partitions))
	case kafka.RevokedPartitions:
		var revoked []topicPartition
		for _, partition := range change.Partitions {
			revoked = append(revoked, topicPartition{*partition.Topic, partition.Partition})
		}
		lost := m.kafka.AssignmentLost()
		m.stop(revoked) // what has been handled by then is committed by the client, before it gives the partitions up
		m.consumer.bus.tel.Log.Info("partitions revoked", "group", m.consumer.cfg.Group, "partitions", len(revoked), "lost", lost)
	}
	return nil
}

func (m *member) assigned() []topicPartition {
	all := make([]topicPartition, 0, len(m.workers))
	for at := range m.workers {
		all = append(all, at)
	}
	return all
}

// stop lets the workers finish the batch that they are at and waits for them. Those that take too long are cancelled.
func (m *member) stop(at []topicPartition) {
	var stopping []*worker
	for _, p := range at {
		if w, ok := m.workers[p]; ok {
			delete(m.workers, p)
			m.consumer.watch.lag.end(p)
			if w.paused() { // the partition may come back, to a worker with an empty queue
				m.unpause(p)
			}
			w.stop()
			stopping = append(stopping, w)
		}
	}
	timer := time.NewTimer(m.consumer.drain)
	defer timer.Stop()
	for _, w := range stopping {
		select {
		case <-w.done:
		case <-timer.C:
			for _, late := range stopping {
				late.cancel()
			}
			<-w.done
		}
	}
}

// committed reports a commit that has failed.
func (m *member) committed(err error) {
	var refused kafka.Error
	if err != nil && !(errors.As(err, &refused) && refused.Code() == kafka.ErrNoOffset) {
		m.consumer.bus.tel.Log.Warn("offsets cannot be committed; their records will be handled again", "group", m.consumer.cfg.Group, "error", err.Error())
	}
}
