package messages_test

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
)

// kafkaClient looks at the log beside the service.
func kafkaClient(tb testing.TB, brokers []string, options ...kgo.Opt) *kgo.Client {
	tb.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(brokers...))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// ends gives the end of every partition of the rooms' log.
func ends(tb testing.TB, client *kgo.Client) map[int32]int64 {
	tb.Helper()
	return endsOf(tb, client, events.TopicRooms)
}

func endsOf(tb testing.TB, client *kgo.Client, name string) map[int32]int64 {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	metadata := kmsg.NewPtrMetadataRequest()
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = kmsg.StringPtr(name)
	metadata.Topics = append(metadata.Topics, wanted)
	described, err := metadata.RequestWith(ctx, client)
	if err != nil {
		tb.Fatal(err)
	}
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = name
	for _, partition := range described.Topics[0].Partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = partition.Partition, -1
		topic.Partitions = append(topic.Partitions, p)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	request.Topics = append(request.Topics, topic)
	found := map[int32]int64{}
	for _, shard := range client.RequestSharded(ctx, request) {
		listed, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if shard.Err != nil || !ok {
			tb.Fatalf("list offsets: %v", shard.Err)
		}
		for _, t := range listed.Topics {
			for _, p := range t.Partitions {
				found[p.Partition] = p.Offset
			}
		}
	}
	return found
}

// length is how many records the rooms' log has.
func length(tb testing.TB, client *kgo.Client) int64 {
	tb.Helper()
	return lengthOf(tb, client, events.TopicRooms)
}

func lengthOf(tb testing.TB, client *kgo.Client, topic string) int64 {
	tb.Helper()
	total := int64(0)
	for _, end := range endsOf(tb, client, topic) {
		total += end
	}
	return total
}

// records reads the whole rooms' log.
func records(tb testing.TB, brokers []string) []bus.Record {
	tb.Helper()
	return recordsOf(tb, brokers, events.TopicRooms)
}

func recordsOf(tb testing.TB, brokers []string, topic string) []bus.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
	defer cancel()
	client := kafkaClient(tb, brokers, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	wanted := lengthOf(tb, client, topic)
	var all []bus.Record
	for int64(len(all)) < wanted {
		fetched := client.PollFetches(ctx)
		if ctx.Err() != nil {
			tb.Fatalf("%d of %d records were read", len(all), wanted)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			all = append(all, bus.Record{
				Topic: r.Topic, Key: string(r.Key), Value: r.Value, Headers: headers, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp,
			})
		})
	}
	return all
}

// caughtUp waits until the consumer group has committed all that the log has.
func (w *world) caughtUp(client *kgo.Client) {
	w.tb.Helper()
	servicetest.AwaitSuccess(w.tb, "the consumer group has caught up", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), servicetest.Timeout)
		defer cancel()
		request := kmsg.NewPtrOffsetFetchRequest()
		request.Group = group
		wanted := kmsg.NewOffsetFetchRequestGroup()
		wanted.Group = group
		request.Groups = append(request.Groups, wanted)
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		committed := map[int32]int64{}
		for _, g := range response.Groups {
			for _, t := range g.Topics {
				for _, p := range t.Partitions {
					committed[p.Partition] = p.Offset
				}
			}
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				committed[p.Partition] = p.Offset
			}
		}
		for partition, end := range ends(w.tb, client) {
			if end > committed[partition] {
				return errBehind
			}
		}
		return nil
	})
}
