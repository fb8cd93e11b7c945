package load

import (
	"fmt"
	"strings"
	"time"
)

// Second is what became of the messages that were to be sent in one second.
type Second struct {
	Sent     int       `json:"sent"`
	Failed   int       `json:"failed"`
	Ack      Quantiles `json:"sendToAck"`
	Delivery Quantiles `json:"sendToDeliver"`
}

// bySecond divides what was measured by the second for which a message was appointed.
func (m *measurement) bySecond(deliveries []delivery) []Second {
	second := func(message int) int { return int(time.Duration(message-m.warm) * m.interval / time.Second) }
	seconds := make([]Second, second(m.messages-1)+1)
	acks, times := make([][]time.Duration, len(seconds)), make([][]time.Duration, len(seconds))
	for i, took := range m.acks[m.warm:] {
		at := second(m.warm + i)
		seconds[at].Sent++
		if took > 0 {
			acks[at] = append(acks[at], took)
		} else {
			seconds[at].Failed++
		}
	}
	for _, d := range deliveries {
		at := second(int(d.message))
		times[at] = append(times[at], d.took)
	}
	for at := range seconds {
		seconds[at].Ack, seconds[at].Delivery = quantiles(acks[at]), quantiles(times[at])
	}
	return seconds
}

// SecondsTable is how the measurement went, second by second.
func (r Result) SecondsTable() string {
	var b strings.Builder
	b.WriteString("| second | sent | refused | send→ack p50 / p99 ms | send→deliver p50 / p99 ms |\n|---|---|---|---|---|\n")
	for at, s := range r.Seconds {
		fmt.Fprintf(&b, "| %d | %d | %d | %.1f / %.1f | %.1f / %.1f |\n", at+1, s.Sent, s.Failed, s.Ack.P50, s.Ack.P99, s.Delivery.P50, s.Delivery.P99)
	}
	return b.String()
}
