package realtime

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/services/realtime/internal/peers"
)

// Config is the service's own configuration.
type Config struct {
	RingWindow        time.Duration `envconfig:"RING_WINDOW" default:"5m" desc:"how long ago a stream may have broken to be resumed exactly, 30s to 24h: a ticket must lead to where it was given"`
	RingRecords       int           `envconfig:"RING_RECORDS" default:"200000" desc:"most events kept for that"`
	RingBytes         int           `envconfig:"RING_BYTES" default:"100663296" desc:"most memory used for that, about, bytes; 2097152 or more"`
	KeepAlive         time.Duration `envconfig:"KEEP_ALIVE" default:"15s" desc:"how often a stream gets a comment, by which clients that have vanished are noticed"`
	WriteTimeout      time.Duration `envconfig:"WRITE_TIMEOUT" default:"5s" desc:"how long a client may take to accept what is written to it"`
	QueueEvents       int           `envconfig:"QUEUE_EVENTS" default:"512" desc:"most events that wait for a slow client before its stream is ended"`
	QueueBytes        int           `envconfig:"QUEUE_BYTES" default:"1048576" desc:"most bytes that wait for a slow client before its stream is ended"`
	Drain             time.Duration `envconfig:"DRAIN" default:"0s" desc:"over how long streams end when the process stops, so that their clients do not come back all at once; 0s is at once. ISM_LIFECYCLE_STOP_TIMEOUT must be longer by ten seconds"`
	MaxStreamAge      time.Duration `envconfig:"MAX_STREAM_AGE" default:"24h" desc:"how old a stream may be, if its token does not expire before: less up to a tenth, it ends as it does when its token expires, and its client comes back; 1m to 8760h, or 0s: any age"`
	MaxStreams        int           `envconfig:"MAX_STREAMS" default:"10000" desc:"most open streams of this process; above, 503. Fewer where the limit of file descriptors is too low, which is logged"`
	MaxStreamsPerUser int           `envconfig:"MAX_STREAMS_PER_USER" default:"20" desc:"most open streams of one user in this process; above, the oldest ends"`
	MaxPolls          int           `envconfig:"MAX_POLLS" default:"1000" desc:"most long polls of this process at a time; above, 503"`
	AudienceBytes     int           `envconfig:"AUDIENCE_BYTES" default:"67108864" desc:"most memory for the newest audiences of rooms, about, bytes; a room of ten takes 360. Those of more than a hundred members are kept apart: a user who is in one takes about a hundred"`
}

// Validate is part of loading the configuration.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for _, d := range []struct {
		variable string
		value    time.Duration
		least    time.Duration
		most     time.Duration
	}{
		{"RING_WINDOW", c.RingWindow, peers.TicketLifetime, 24 * time.Hour},
		{"KEEP_ALIVE", c.KeepAlive, 100 * time.Millisecond, 5 * time.Minute},
		{"WRITE_TIMEOUT", c.WriteTimeout, 100 * time.Millisecond, 5 * time.Minute},
		{"DRAIN", c.Drain, 0, time.Hour},
		{"MAX_STREAM_AGE", cmp.Or(c.MaxStreamAge, time.Minute), time.Minute, 365 * 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			faults = append(faults, config.Fault{Variable: d.variable, Problem: fmt.Sprintf("%s is out of range; allowed: %s to %s", d.value, d.least, d.most)})
		}
	}
	for _, n := range []struct {
		variable string
		value    int
		least    int
	}{
		{"RING_RECORDS", c.RingRecords, 1},
		{"RING_BYTES", c.RingBytes, leastRing},
		{"QUEUE_EVENTS", c.QueueEvents, 1},
		{"QUEUE_BYTES", c.QueueBytes, 1},
		{"MAX_STREAMS", c.MaxStreams, 1},
		{"MAX_STREAMS_PER_USER", c.MaxStreamsPerUser, 1},
		{"MAX_POLLS", c.MaxPolls, 1},
		{"AUDIENCE_BYTES", c.AudienceBytes, 1 << 20},
	} {
		if n.value < n.least {
			faults = append(faults, config.Fault{Variable: n.variable, Problem: fmt.Sprintf("%d is out of range; allowed: %d or more", n.value, n.least)})
		}
	}
	return faults
}

const (
	// leastRing is room for the largest record that brokers take (1,048,588 bytes): a ring that could not keep one would resume no stream.
	leastRing = 2 << 20
	// stopMargin is how much longer than its streams the process may take to stop: their last events, and what stops before and behind them.
	stopMargin = 10 * time.Second
)

// Within says where the settings do not go with how long the process may take to stop. Variables in the faults begin behind ISM_.
func (c Config) Within(process lifecycle.Config) []config.Fault {
	if c.Drain <= process.StopTimeout-stopMargin || c.Drain == 0 {
		return nil
	}
	return []config.Fault{{Variable: "REALTIME_DRAIN", Problem: fmt.Sprintf(
		"%s does not go with ISM_LIFECYCLE_STOP_TIMEOUT, %s: streams would be cut; allowed: ISM_REALTIME_DRAIN up to %s, or ISM_LIFECYCLE_STOP_TIMEOUT from %s on",
		c.Drain, process.StopTimeout, max(process.StopTimeout-stopMargin, 0), c.Drain+stopMargin)}}
}
