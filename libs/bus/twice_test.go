package bus

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ism-chat/ism/libs/servicetest"
)

// A record may be in the log twice: a leader has appended it without enough replicas, and another one that is under way behind it is out of order. The client
// sends both again, in a new epoch. It is why readers have [Firsts]; a client that does it no longer fails this test, and makes them needless.
func TestARecordMayBeInTheLogTwice(t *testing.T) {
	t.Parallel()
	broker := startBroker(t)
	w := newWorld(t, broker.addresses())
	topic := w.topic(1)
	appender := w.appender(topic, ample)
	appender.opened.Load().lanes[topic][0].holdAfter = ample // the second is to be sent however slow the machine is
	round := 0
	servicetest.Await(t, "a record is in the log twice", func() bool { // which needs two requests that are under way at once
		round++
		var requests atomic.Int64
		arrived, goOn := make(chan struct{}), make(chan struct{})
		broker.cluster.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			broker.cluster.KeepControl()
			if requests.Add(1) == 1 {
				close(arrived)
				broker.cluster.SleepControl(func() { <-goOn })
			}
			return nil, nil, false
		})
		faults := []*kfake.FaultHandle{
			broker.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicasAfterAppend, When: func(kmsg.Request) bool {
				return requests.Load() == 1
			}}),
			broker.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.OutOfOrderSequenceNumber, When: func(kmsg.Request) bool {
				return requests.Load() == 2
			}}),
		}
		appended := make(chan error, 2)
		send := func(value string) {
			_, err := appender.Append(t.Context(), Record{Topic: topic, Key: "key", Value: []byte(value)})
			appended <- err
		}
		go send(fmt.Sprint("first ", round))
		<-arrived
		go send(fmt.Sprint("second ", round))
		time.Sleep(100 * time.Millisecond)
		close(goOn)
		for range 2 {
			if err := <-appended; err != nil {
				t.Fatal(err)
			}
		}
		for _, fault := range faults {
			fault.Remove()
		}
		times := map[string]int{}
		for _, record := range w.read(topic)[0] {
			times[string(record.Value)]++
		}
		return times[fmt.Sprint("first ", round)] == 2 && times[fmt.Sprint("second ", round)] == 1
	})
}
