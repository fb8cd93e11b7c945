package bus

import (
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// coordinatorTimeout is that of requests to the coordinator of a group: longer than any coordinator is away. One that ends while the client still looks for
// the coordinator ends the process with a failed assertion (rd_kafka_enq_once_del_source_return, https://github.com/confluentinc/librdkafka/issues/4605).
// Whoever asks goes when its context is done; the request ends once the coordinator has answered.
const coordinatorTimeout = time.Hour

// admin is the client for all that is asked of the brokers. It is a producer that produces nothing: an admin client of its own would
// keep its statistics, which nobody can read then, for ever.
type admin struct {
	*kafka.AdminClient
	client *kafka.Producer
	done   chan struct{} // closed once its events have all been read
}

func (b *Bus) adminClient() (*kafka.AdminClient, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.admin == nil {
		made, err := b.newAdmin()
		if err != nil {
			return nil, fmt.Errorf("make admin client: %w", err)
		}
		b.admin = made
	}
	return b.admin.AdminClient, nil
}

func (b *Bus) newAdmin() (*admin, error) {
	client, err := kafka.NewProducer(b.clientConfig(kafka.ConfigMap{"go.produce.channel.size": 1, "go.events.channel.size": 8}))
	if err != nil {
		return nil, err
	}
	derived, err := kafka.NewAdminClientFromProducer(client)
	if err != nil {
		client.Close()
		return nil, err
	}
	a := &admin{AdminClient: derived, client: client, done: make(chan struct{})}
	go a.watch(b.newRequests("(admin)"))
	return a, nil
}

// watch reads the client's events until it is closed. Errors come from the calls.
func (a *admin) watch(sent *requests) {
	defer close(a.done)
	for event := range a.client.Events() {
		if statistics, ok := event.(*kafka.Stats); ok {
			sent.count(statistics.String())
		}
	}
}

func (a *admin) close() {
	a.AdminClient.Close()
	a.client.Close()
	<-a.done
}
