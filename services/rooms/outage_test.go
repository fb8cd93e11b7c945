package rooms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
)

// brokerLater gives a function that starts a broker at the port. It ends with the test, but after all that the test starts from now on.
func brokerLater(t *testing.T, port int) (start func()) {
	t.Helper()
	var cluster *kfake.Cluster
	t.Cleanup(func() {
		if cluster != nil {
			cluster.Close()
		}
	})
	return func() {
		t.Helper()
		servicetest.AwaitSuccess(t, "the broker starts", func() (err error) { // its port may be another's for a moment
			cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port))
			return err
		})
	}
}

// TestWhileKafkaIsDownChangesAreAnsweredAndFollowLater starts without a broker.
func TestWhileKafkaIsDownChangesAreAnsweredAndFollowLater(t *testing.T) {
	port := servicetest.FreePort(t)
	startBroker := brokerLater(t, port)
	d := prepare(t, onSQLite, port)
	d.Run(t)
	d.awaitStore(t)
	alice, bob := d.seenUser(t, "alice"), d.seenUser(t, "bob")
	began := time.Now()
	room := d.create(t, alice, newRoom("Single", "", alice, bob))
	marked := d.post(t, bob, "/api/rooms/"+room.ID.String()+"/mark-read", "")
	if waited := time.Since(began); marked.Status != http.StatusOK || waited < time.Second || waited > 30*time.Second {
		t.Errorf("a creation and a mark took %s, the mark's answer is %d", waited, marked.Status)
	}
	if took := quickest(func() {
		if seen := d.list(t, bob); len(seen) != 1 || seen[0].Unread {
			t.Errorf("bob lists %+v", seen)
		}
	}); took >= time.Second {
		t.Errorf("a list takes %s", took)
	}
	startBroker()
	var records []bus.Record
	servicetest.Await(t, "both in the log", func() bool {
		records = d.readLog(t)
		return len(records) == 2
	})
	for i, record := range records {
		event, err := events.Decode(record.Headers, record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"room.created", "room.read"}[i]; event.Data.EventName() != want || record.Key != room.ID.String() {
			t.Errorf("record %d is %s of %s", i, event.Data.EventName(), record.Key)
		}
	}
	if took := quickest(func() { d.post(t, alice, "/api/rooms/"+room.ID.String()+"/mark-read", "") }); took >= time.Second {
		t.Errorf("with Kafka back a change takes %s", took)
	}
}

// quickest is how long something takes that waits for nothing, also on a machine that is busy now and then: the least of some times.
func quickest(act func()) time.Duration {
	least := time.Hour
	for range 5 {
		began := time.Now()
		act()
		least = min(least, time.Since(began))
	}
	return least
}
