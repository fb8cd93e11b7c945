package bus

import "testing"

// Large records fill a queue before it holds many: it is bounded in bytes as well.
func TestQueueIsBoundedInBytes(t *testing.T) {
	w := &worker{consumer: &Consumer{cfg: ConsumerConfig{MaxBatch: 3}}, limit: 1000, filled: make(chan struct{}, 1)}
	large := Record{Value: make([]byte, maxQueueBytes/8)}
	for i := range 7 {
		if !w.offer(large) {
			t.Fatalf("full with %d eighths", i+1)
		}
	}
	if w.offer(large) {
		t.Error("not full with all it may hold")
	}
	if w.take(); w.drained() {
		t.Error("drained with five eighths")
	}
	if w.take(); !w.drained() {
		t.Error("not drained with two eighths")
	}
	for w.take() != nil {
	}
	if w.bytes != 0 {
		t.Errorf("%d bytes in an empty queue", w.bytes)
	}
}
