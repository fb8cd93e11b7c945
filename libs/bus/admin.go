package bus

import (
	"fmt"
	"sync/atomic"
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
	login  *login
	bearer *bearer

	// refusal is why the brokers do not let the client in: the last such error since they answered. nil: there is none.
	refusal atomic.Pointer[kafka.Error]
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

// answered notes that the brokers have let the admin client in, or gives the error with the reason why not.
func (b *Bus) answered(err error) error {
	b.mu.Lock()
	used := b.admin
	b.mu.Unlock()
	switch {
	case used == nil:
		return err
	case err == nil:
		used.refusal.Store(nil)
		return nil
	}
	if refusal := used.refusal.Load(); refusal != nil {
		err = fmt.Errorf("%w: %w", err, *refusal)
	}
	if failure := b.tokens.failure(); failure != nil { // the client tells it once, perhaps long before its token has ended
		err = fmt.Errorf("%w: no new token is got: %w", err, failure)
	}
	return err
}

// isRefusal reports whether an error says that the brokers do not let a client in, or it does not trust them.
func isRefusal(err kafka.Error) bool {
	return err.Code() == kafka.ErrAuthentication || err.Code() == kafka.ErrSsl || err.Code() == kafka.ErrSaslAuthenticationFailed
}

func (b *Bus) newAdmin() (*admin, error) {
	client, err := kafka.NewProducer(b.clientConfig(kafka.ConfigMap{
		"go.produce.channel.size": 1, "go.events.channel.size": 8,
		// It keeps a connection to each broker, though it asks seldom. One that connects when it has to would connect at once, without the pause after an
		// attempt that has failed, each time that a broker's state changes while a request waits for it, and so each time that this fails: hundreds of times a
		// second while the brokers are away (rd_kafka_broker_find_by_nodeid0 as rd_kafka_admin_worker calls it, in librdkafka 2.11).
		"enable.sparse.connections": false,
	}))
	if err != nil {
		return nil, err
	}
	derived, err := kafka.NewAdminClientFromProducer(client)
	if err != nil {
		client.Close()
		return nil, err
	}
	a := &admin{AdminClient: derived, client: client, done: make(chan struct{}), login: b.newLogin(client), bearer: b.newBearer(client)}
	go a.watch(b.newRequests("(admin)"))
	return a, nil
}

// watch reads the client's events until it is closed. Errors come from the calls, but for the reason why the brokers do not let it in.
func (a *admin) watch(sent *requests) {
	defer close(a.done)
	for event := range a.client.Events() {
		switch event := event.(type) {
		case *kafka.Stats:
			sent.count(event.String())
			a.login.look()
		case kafka.OAuthBearerTokenRefresh:
			a.bearer.refresh()
		case kafka.Error:
			if isRefusal(event) {
				a.refusal.Store(&event)
			}
		}
	}
}

func (a *admin) close() {
	a.bearer.end()
	a.AdminClient.Close()
	a.client.Close()
	<-a.done
}
