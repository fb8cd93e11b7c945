package realtime

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

// Config is the service's own configuration.
type Config struct {
	RingWindow        time.Duration `envconfig:"RING_WINDOW" default:"5m" desc:"how long ago a stream may have broken to be resumed exactly"`
	RingRecords       int           `envconfig:"RING_RECORDS" default:"200000" desc:"most events kept for that"`
	RingBytes         int           `envconfig:"RING_BYTES" default:"100663296" desc:"most memory used for that, about, bytes"`
	KeepAlive         time.Duration `envconfig:"KEEP_ALIVE" default:"15s" desc:"how often a stream gets a comment, by which clients that have vanished are noticed"`
	WriteTimeout      time.Duration `envconfig:"WRITE_TIMEOUT" default:"5s" desc:"how long a client may take to accept what is written to it"`
	QueueEvents       int           `envconfig:"QUEUE_EVENTS" default:"512" desc:"most events that wait for a slow client before its stream is ended"`
	QueueBytes        int           `envconfig:"QUEUE_BYTES" default:"1048576" desc:"most bytes that wait for a slow client before its stream is ended"`
	Drain             time.Duration `envconfig:"DRAIN" default:"0s" desc:"over how long streams end when the process stops, so that their clients do not come back all at once; 0s is at once. ISM_LIFECYCLE_STOP_TIMEOUT must be longer by ten seconds"`
	MaxStreams        int           `envconfig:"MAX_STREAMS" default:"10000" desc:"most open streams of this process; above, 503. Fewer where the limit of file descriptors is too low, which is logged"`
	MaxStreamsPerUser int           `envconfig:"MAX_STREAMS_PER_USER" default:"20" desc:"most open streams of one user in this process; above, the oldest ends"`
	MaxPolls          int           `envconfig:"MAX_POLLS" default:"1000" desc:"most long polls of this process at a time; above, 503"`
	AudienceRooms     int           `envconfig:"AUDIENCE_ROOMS" default:"100000" desc:"rooms whose newest membership is remembered"`
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
		{"RING_WINDOW", c.RingWindow, time.Second, 24 * time.Hour},
		{"KEEP_ALIVE", c.KeepAlive, 100 * time.Millisecond, 5 * time.Minute},
		{"WRITE_TIMEOUT", c.WriteTimeout, 100 * time.Millisecond, 5 * time.Minute},
		{"DRAIN", c.Drain, 0, time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			faults = append(faults, config.Fault{Variable: d.variable, Problem: fmt.Sprintf("%s is out of range; allowed: %s to %s", d.value, d.least, d.most)})
		}
	}
	for _, n := range []struct {
		variable string
		value    int
	}{
		{"RING_RECORDS", c.RingRecords},
		{"RING_BYTES", c.RingBytes},
		{"QUEUE_EVENTS", c.QueueEvents},
		{"QUEUE_BYTES", c.QueueBytes},
		{"MAX_STREAMS", c.MaxStreams},
		{"MAX_STREAMS_PER_USER", c.MaxStreamsPerUser},
		{"MAX_POLLS", c.MaxPolls},
		{"AUDIENCE_ROOMS", c.AudienceRooms},
	} {
		if n.value < 1 {
			faults = append(faults, config.Fault{Variable: n.variable, Problem: fmt.Sprintf("%d is out of range; allowed: 1 or more", n.value)})
		}
	}
	return faults
}
