// Package cut is where a stream is: a cut through the logs that edges read.
//
// # What a cut says
//
// A [Cut] has, for each partition, the point before the next record: what stands before it has been offered to the stream, what stands behind it
// has not. Edges read the same partitions, but take records of different partitions in different orders. So no single number
// could say what a client has been given, while a cut says it for each partition, whichever edge gave it. That is why any edge understands any cut.
//
// # The argument
//
// Let an edge be at the cut E, and let a client that has been given exactly what stands before the cut C come to it.
//
//   - The edge attaches the client only when E is not before C in any partition. Until then it waits.
//   - It replays what stands at C or behind it and before E, partition by partition in the order of its offsets. The id of each replayed
//     event is C with that event's partition moved behind the event: exactly what the client has been given by then.
//   - All that the edge takes later stands at E or behind it, and is offered live. The id of a live event is the edge's own cut just behind it.
//     That is not before C anywhere, and what stands before it has been replayed or offered. So all live streams of an edge share their ids.
//
// By induction over the edges that a client visits, at each moment the client has been given exactly what stands before its last id: each event
// once, and those of one room, which are all in one partition, in the log's order. Tests of package edge hold it with random edges and faults.
//
// # Points
//
// The argument needs that an offset, once used, stands for one record. A broker that loses its newest records, by an unclean election, uses offsets
// again. So the place of a cut in a partition is a [Point]: the offset of the next record, and the leader epoch of the record before. Whoever
// becomes the leader of a partition has a newer epoch than all before, and stamps what it writes with it (KIP-101). So a log that has lost its end goes on
// under another epoch, the epochs of a log's records only grow, and two logs that have the same epoch before an offset are one up to there.
// An edge knows where each epoch begins within what its ring keeps, and one record before that. A cut whose point is not in that history is
// of records that the log has lost: the client is told to reload. It does not matter which edge gave the cut, what that had read, and
// when this edge was started. A leader that takes over with all records changes no point.
//
// The leader epoch is not known, [Unknown], at the beginning of a log and where an edge begins behind records that retention has removed. Nothing can
// be compared then, and nothing has to be: to be mistaken there, a log would have to lose records, grow again, and have all of it removed
// while a client stayed away. Brokers of old message formats give no leader epochs at all: then an edge knows only of losses that it sees itself.
//
// # Jumps
//
// The argument also needs that an edge takes all that stands behind its cut. Two things keep it from that:
//
//   - Retention removes records before an edge has read them. The edge moves its cut forward to what is left, and its floor with it: no cut
//     from before resumes in silence, and every open stream is told. From there on the argument holds as before.
//   - A log loses records that the edge has read. The edge goes on at the end of the log: its cut and floor are there, and every open stream is told.
//     Where the brokers' epochs are no newer than what the edge has read, as those of a broker that was given an old copy of its disk, the edge
//     counts on from there by itself: points from before are no points of what is after. Other edges that have not seen it count
//     otherwise, so that each change between them is a resync, until the edge is started anew.
//
// # Incarnations
//
// Offsets of a topic that was made anew say nothing about those of the old one, and a key moves when a topic gets more partitions. So a cut's
// text begins with a digest of the topics' ids, their partition counts, the configured epoch and the text's format: a cut of other logs, or
// of a version that wrote other texts, is never mistaken for one of these.
package cut

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"slices"
)

// Cut has for each partition the point before the next record. The partitions are in the order in which the edges number them.
type Cut []Point

// Point is a place between two records of a partition.
type Point struct {
	Offset      int64 // of the next record
	LeaderEpoch int32 // of the record before, or Unknown
}

// Unknown is the leader epoch where there is no record before, or none of which it could be told.
const Unknown int32 = -1

// Logs are what a cut is of.
type Logs struct {
	digest     uint32
	partitions int
}

// Topic is a log in one incarnation.
type Topic struct {
	Name       string
	ID         string // Kafka's topic id (KIP-516); "" where the brokers have none
	Partitions int32
}

var (
	// ErrMalformed says that a text is no cut.
	ErrMalformed = errors.New("malformed event id")
	// ErrOtherLogs says that a cut is of another incarnation of the logs.
	ErrOtherLogs = errors.New("the event id is of other logs")
)

// maxText is the most characters that are looked at: far more than those of any cut that an edge has written.
const maxText = 2048

const (
	digestLength = 4 // bytes
	format       = 2 // of the text
	maxOffset    = 1<<62 - 1
)

// Of gives the logs of the topics, whose partitions are numbered in this order, in an epoch of the suite's own.
func Of(epoch int32, topics ...Topic) Logs {
	h := fnv.New32a()
	number := func(n int32) {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
	text := func(s string) {
		number(int32(len(s)))
		_, _ = h.Write([]byte(s))
	}
	number(format)
	number(epoch)
	logs := Logs{}
	for _, topic := range topics {
		text(topic.Name)
		text(topic.ID)
		number(topic.Partitions)
		logs.partitions += int(topic.Partitions)
	}
	logs.digest = h.Sum32()
	return logs
}

// Partitions is how many partitions a cut of these logs has.
func (l Logs) Partitions() int { return l.partitions }

// Append appends the text of a cut: each offset, and each leader epoch that is another than the partition before it has. Most are the same, since brokers that
// restart lead many partitions. Then the text is at most 35 characters with four partitions of offsets below 2^34, and 62 with eight.
func (l Logs) Append(dst []byte, c Cut) []byte {
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, digestLength+len(c)*(binary.MaxVarintLen64+binary.MaxVarintLen32)), l.digest)
	epoch := Unknown
	for _, at := range c {
		offset := uint64(at.Offset) << 1
		if at.LeaderEpoch == epoch {
			raw = binary.AppendUvarint(raw, offset)
			continue
		}
		epoch = at.LeaderEpoch
		raw = binary.AppendUvarint(binary.AppendUvarint(raw, offset|1), uint64(epoch+1))
	}
	return base64.RawURLEncoding.AppendEncode(dst, raw)
}

// Parse reads the text of a cut as [Logs.Append] writes it, and nothing else. Errors: [ErrMalformed], [ErrOtherLogs].
func (l Logs) Parse(text string) (Cut, error) {
	if len(text) > maxText {
		return nil, ErrMalformed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < digestLength {
		return nil, ErrMalformed
	}
	if binary.BigEndian.Uint32(raw) != l.digest { // also of a version that wrote other texts
		return nil, ErrOtherLogs
	}
	c, err := points(raw[digestLength:])
	switch {
	case err != nil:
		return nil, err
	case len(c) != l.partitions || string(l.Append(nil, c)) != text: // also a number in more bytes than it needs, or line breaks
		return nil, ErrMalformed
	}
	return c, nil
}

// points reads what follows the digest.
func points(raw []byte) (Cut, error) {
	var c Cut
	epoch := Unknown
	for len(raw) > 0 {
		offset, n := binary.Uvarint(raw)
		if n <= 0 || offset>>1 > maxOffset {
			return nil, ErrMalformed
		}
		raw = raw[n:]
		if offset&1 != 0 {
			behind, n := binary.Uvarint(raw)
			if n <= 0 || behind > math.MaxInt32 {
				return nil, ErrMalformed
			}
			epoch, raw = int32(behind)-1, raw[n:]
		}
		c = append(c, Point{Offset: int64(offset >> 1), LeaderEpoch: epoch})
	}
	return c, nil
}

// Clone gives a copy.
func (c Cut) Clone() Cut { return slices.Clone(c) }

// Reached reports whether the offsets of c are not before those of other in any partition. Both must be of the same logs.
func (c Cut) Reached(other Cut) bool {
	for i, at := range other {
		if c[i].Offset < at.Offset {
			return false
		}
	}
	return true
}
