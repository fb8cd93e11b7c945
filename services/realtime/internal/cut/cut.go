// Package cut is where a stream is: a cut through the logs that edges read.
//
// # What a cut says
//
// A [Cut] has, for each partition, the point of the next record, as a rule its offset: what stands before it has been offered to the stream,
// what stands at it and behind it has not. Edges read the same partitions, but take records of different partitions in different orders. So no single number
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
// # Jumps
//
// The argument needs that an offset, once used, stands for one record, and that an edge takes all that stands behind its cut. Both can fail:
//
//   - Retention removes records before an edge has read them. The edge moves its cut forward to what is left, and its floor with it: no cut
//     from before resumes in silence, and every open stream is told. From there on the argument holds as before.
//   - A log becomes shorter, because a broker has lost its newest records, and then uses offsets again. Let a cut C say the offset c of that
//     partition: whether it is from before, of records that are gone, or from after, no comparison of offsets could tell, until the log has
//     passed all that was ever used, and nobody knows how far that is: another edge may have read further. So the number in a cut is a
//     [Point], the offset behind the partition's generation, which counts how often the edge has seen the log become shorter. All points of a
//     new generation are behind all of those before. So to the edge it is a jump forward like the other: it begins the generation at the end
//     of the log, its cut and floor are there, and every open stream is told. What is from before is below the floor, whatever its offset,
//     for good; what is given from then on is a point like any other, and resumes exactly.
//
// An edge that has not seen the log become shorter, as one that was started afterwards, gives cuts of another generation. An edge with the newer one
// finds them below its floor, one with the older one finds the others' ahead of it: they resync, and none is ever mistaken for another.
// What no edge can know is that a cut of its own generation is from before, if it has not seen the log become shorter, or that it counts other losses than
// the edge that gave the cut. Where that matters the epoch is raised, see below.
//
// # Incarnations
//
// Offsets of a topic that was made anew say nothing about those of the old one, and a key moves when a topic gets more partitions. So a cut's
// text begins with a digest of the topics' ids, their partition counts and the configured epoch: a cut of other logs is never mistaken for one of these.
package cut

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"slices"
)

// Cut has for each partition the point of the next record. The partitions are in the order in which the edges number them.
type Cut []int64

// generationBits are those of a point above its offset. A log would have to have 2^48 records to need one more.
const generationBits = 48

// Point is where a record with this offset is, in a partition that has become shorter so many times. Without that it is the offset.
func Point(generation, offset int64) int64 { return generation<<generationBits | offset }

// OffsetAt is the offset of a point.
func OffsetAt(point int64) int64 { return point & (1<<generationBits - 1) }

// Generation is how many times the partition had become shorter at a point.
func Generation(point int64) int64 { return point >> generationBits }

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
const maxText = 1024

const digestLength = 4 // bytes

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

// Append appends the text of a cut: at most 19 characters with one partition whose offset is below 2^56, 61 with eight below 2^35.
func (l Logs) Append(dst []byte, c Cut) []byte {
	raw := binary.BigEndian.AppendUint32(make([]byte, 0, digestLength+len(c)*binary.MaxVarintLen64), l.digest)
	for _, next := range c {
		raw = binary.AppendUvarint(raw, uint64(next))
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
	c := make(Cut, 0, l.partitions)
	for rest := raw[digestLength:]; len(rest) > 0; {
		next, n := binary.Uvarint(rest)
		if n <= 0 || next > 1<<63-1 {
			return nil, ErrMalformed
		}
		c, rest = append(c, int64(next)), rest[n:]
	}
	switch {
	case string(Logs{digest: binary.BigEndian.Uint32(raw)}.Append(nil, c)) != text: // a number in more bytes than it needs; line breaks
		return nil, ErrMalformed
	case binary.BigEndian.Uint32(raw) != l.digest:
		return nil, ErrOtherLogs
	case len(c) != l.partitions:
		return nil, ErrMalformed
	}
	return c, nil
}

// Clone gives a copy.
func (c Cut) Clone() Cut { return slices.Clone(c) }

// Reached reports whether c is not before other in any partition. Both must be of the same logs.
func (c Cut) Reached(other Cut) bool {
	for i, next := range other {
		if c[i] < next {
			return false
		}
	}
	return true
}
