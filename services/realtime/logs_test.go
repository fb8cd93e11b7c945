package realtime

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

// An edge that went on as before would be silent about rooms in partitions that it does not read, or wait for offsets that do not come.
func TestOtherLogsEndTheProcess(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, admin *kafka.AdminClient) error{
		"a topic gets partitions": func(ctx context.Context, admin *kafka.AdminClient) error {
			results, err := admin.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: events.TopicRooms, IncreaseTo: 20}})
			return errors.Join(err, refusal(results))
		},
		"a topic is deleted": func(ctx context.Context, admin *kafka.AdminClient) error {
			results, err := admin.DeleteTopics(ctx, []string{events.TopicRooms})
			return errors.Join(err, refusal(results))
		},
		"a topic is made anew": func(ctx context.Context, admin *kafka.AdminClient) error {
			results, err := admin.DeleteTopics(ctx, []string{events.TopicRooms})
			if err := errors.Join(err, refusal(results)); err != nil {
				return err
			}
			results, err = admin.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: events.TopicRooms, NumPartitions: 4, ReplicationFactor: 1}})
			return errors.Join(err, refusal(results))
		},
	} {
		t.Run(name, func(t *testing.T) {
			brokers := nodetest.Broker(t).ListenAddrs()
			tel := telemetry.Discard(nil)
			b := bus.New(bus.Config{Brokers: brokers, ClientID: "test", SecurityProtocol: "plaintext", Replication: 1, Partitions: 4}, tel)
			t.Cleanup(b.Close)
			s, err := New(Config{RingWindow: time.Minute, RingRecords: 10, RingBytes: 1 << 20, AudienceBytes: 1 << 20}, Deps{Telemetry: tel, Bus: b})
			if err != nil {
				t.Fatal(err)
			}
			s.look = 20 * time.Millisecond
			servicetest.Run(t, "memberships", s.readMemberships)
			servicetest.Run(t, "logs", s.readLogs)
			ctx, cancel := context.WithTimeout(t.Context(), servicetest.Timeout)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- s.watchLogs(ctx) }()
			if err := s.edge.Await(ctx); err != nil {
				t.Fatal(err)
			}
			admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": strings.Join(brokers, ",")})
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			if err := change(ctx, admin); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, bus.ErrOtherLogs) {
				t.Errorf("the watch ends with %v", err)
			}
		})
	}
}

func refusal(results []kafka.TopicResult) error {
	for _, result := range results {
		if result.Error.Code() != kafka.ErrNoError {
			return result.Error
		}
	}
	return nil
}
