package bus

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
)

func (w *world) incarnations(topics ...string) []Incarnation {
	w.t.Helper()
	var incarnations []Incarnation
	servicetest.AwaitSuccess(w.t, "the brokers say what they have", func() (err error) { // a busy one may need longer than one question has
		incarnations, err = w.Incarnations(within(w.t, timeout), topics...)
		return err
	})
	return incarnations
}

// delete deletes a topic and waits until the brokers do not know it any more.
func (w *world) delete(topic string) {
	w.t.Helper()
	admin, err := w.adminClient()
	if err != nil {
		w.t.Fatal(err)
	}
	ctx := within(w.t, timeout)
	if _, err := admin.DeleteTopics(ctx, []string{topic}); err != nil {
		w.t.Fatal(err)
	}
	servicetest.Await(w.t, "the topic is gone", func() bool {
		_, err := w.Incarnations(ctx, topic)
		return errors.Is(err, ErrNoTopic)
	})
}

// anew deletes a topic, and makes another of the name in one partition.
func (w *world) anew(topic string) {
	w.t.Helper()
	w.delete(topic)
	specification := kafka.TopicSpecification{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}
	servicetest.AwaitSuccess(w.t, "the topic is made", func() error {
		return w.create(within(w.t, timeout), []kafka.TopicSpecification{specification})
	})
	servicetest.Await(w.t, "the new topic is known", func() bool {
		_, err := w.Incarnations(within(w.t, timeout), topic)
		return err == nil
	})
}

func TestATopicThatIsMadeAnewHasAnotherIncarnation(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, w *world) {
		kept, deleted := w.topic(2), w.topic(1)
		before := w.incarnations(deleted, kept)
		if before[0].Topic != deleted || before[0].Partitions != 1 || before[1].Topic != kept || before[1].Partitions != 2 {
			t.Fatalf("found %v", before)
		}
		if before[0].ID == before[1].ID || slices.Contains([]uuid.UUID{before[0].ID, before[1].ID}, uuid.Nil) {
			t.Fatalf("the ids are not theirs alone: %v", before)
		}
		w.anew(deleted)
		if after := w.incarnations(kept, deleted); after[0] != before[1] || after[1].ID == before[0].ID {
			t.Errorf("before %v, after %v", before, after)
		}
	})
}

// The embedded broker keeps a topic's id with its data.
func TestIncarnationsOutliveTheirBroker(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(3)
	before := w.incarnations(topic)
	broker.stop()
	if _, err := w.Incarnations(within(t, timeout), topic); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a broker: %v", err)
	}
	broker.start()
	var after []Incarnation
	servicetest.Await(t, "the broker answers again", func() (ok bool) {
		var err error
		after, err = w.Incarnations(context.Background(), topic)
		return err == nil
	})
	if !slices.Equal(after, before) {
		t.Errorf("before %v, after %v", before, after)
	}
}
