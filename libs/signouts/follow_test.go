package signouts

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// What was told before the start is known before the process is ready, and what is told afterwards within a moment.
func TestTheLogIsFollowed(t *testing.T) {
	t.Parallel()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	log := bus.New(bus.Config{Brokers: broker.ListenAddrs(), ClientID: "test", SecurityProtocol: "plaintext", Replication: 1, Partitions: 1}, telemetry.Discard(nil))
	defer log.Close()
	if err := log.EnsureTopics(t.Context(), events.TopicUsers); err != nil {
		t.Fatal(err)
	}
	producer, err := log.NewProducer(bus.ProducerConfig{DeliveryTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = producer.Close(context.WithoutCancel(t.Context())) }()
	tell := func(data events.Data) {
		t.Helper()
		if _, err := producer.Produce(t.Context(), recordOf(t, time.Now(), data)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	tell(events.UserSignedOut{UserID: alice, Before: wire.At(now)})
	s := New(authn.Config{MaxTokenLife: life}, telemetry.Discard(nil))
	told := make(chan SignOut, 1)
	s.Tell(func(out SignOut) { told <- out })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Follow(log)(ctx) }()
	servicetest.AwaitSuccess(t, "the log is read", func() error { return s.Ready(t.Context()) })
	is(t, s, authn.Session{UserID: alice, IssuedAt: now.Add(-time.Minute)}, true)
	is(t, s, authn.Session{UserID: bob, IssuedAt: now.Add(-time.Minute)}, false)
	tell(events.UserDeleted{UserID: bob, ErasureID: uuid.New()})
	select {
	case out := <-told:
		if out.UserID != bob {
			t.Errorf("told %+v", out)
		}
	case <-time.After(servicetest.Timeout):
		t.Fatal("nobody is told")
	}
	is(t, s, authn.Session{UserID: bob, IssuedAt: now.Add(-time.Minute)}, true)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
