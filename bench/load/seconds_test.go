package load

import (
	"testing"
	"time"
)

func TestMessagesAreCountedInTheirSeconds(t *testing.T) {
	m := &measurement{interval: 250 * time.Millisecond, warm: 2, messages: 2 + 7, acks: make([]time.Duration, 9)}
	for _, acknowledged := range []int{0, 2, 3, 4, 6, 8} {
		m.acks[acknowledged] = time.Duration(acknowledged) * time.Millisecond
	}
	got := m.bySecond([]delivery{{message: 2, took: 5 * time.Millisecond}, {message: 5, took: 7 * time.Millisecond}, {message: 6, took: 9 * time.Millisecond}})
	if len(got) != 2 {
		t.Fatalf("%d seconds", len(got))
	}
	if s := got[0]; s.Sent != 4 || s.Failed != 1 || s.Ack.Max != 4 || s.Delivery.Max != 7 {
		t.Errorf("the first: %+v", s)
	}
	if s := got[1]; s.Sent != 3 || s.Failed != 1 || s.Ack.Max != 8 || s.Delivery.Max != 9 {
		t.Errorf("the second: %+v", s)
	}
}
