package messages_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
)

// On Kafka and Cassandra themselves, with Cassandra cut off in the middle of the sends: every send is acknowledged, and when
// it is back the timeline is the log.
func TestEnginesAndAnOutageOfCassandra(t *testing.T) {
	brokers := enginetest.KafkaBrokers(t)
	cfg := cassandratest.Config(t)
	link := cassandratest.NewLink(t, cfg.Hosts[0])
	cfg.Hosts = []string{link.Address()}
	newStore := func() *cassandra.Store {
		s, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w := newWorld(t, brokers, newStore())
	room, user := w.newRoom()
	const senders, each = 10, 20
	halves := func(when string) {
		var all sync.WaitGroup
		for s := range senders {
			all.Go(func() {
				for i := range each {
					if got := w.send(user, room, fmt.Sprintf("%d of %d, %s", i, s, when)); got.Status != 200 {
						t.Errorf("send %s: %s", when, got)
					}
				}
			})
		}
		all.Wait()
	}
	halves("before")
	link.Cut()
	halves("meanwhile")
	link.Mend()
	halves("after")

	sent := inLog(t, w, room)
	if len(sent) != 3*senders*each {
		t.Fatalf("the log has %d messages, want %d", len(sent), 3*senders*each)
	}
	slices.Reverse(sent)
	w.holds(t, user, room, sent)

	// The same again for what a restarted service finds: sent while cut, and never written by the process that sent it.
	other, member := w.newRoom()
	link.Cut()
	var orphans []wire.Message
	for i := range 5 {
		orphans = append(orphans, w.mustSend(member, other, fmt.Sprintf("orphan %d", i)))
	}
	w.stop()
	link.Mend()
	w.store = &faulty{Store: newStore()}
	w.start()
	slices.Reverse(orphans)
	w.holds(t, member, other, orphans)
	sameMessages(t, w.timeline(user, room), sent)
}
