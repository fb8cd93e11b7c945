package ring

import "github.com/ism-chat/ism/services/realtime/internal/cut"

// maxEpochs is how many leader epochs of a partition are remembered. A ring reaches no further back than they do.
const maxEpochs = 64

// lineage knows the leader epochs of a partition's records, as far back as the ring reaches and one record further: it tells cuts of this log from
// those of records that the log has lost, see package cut.
type lineage struct {
	reigns []reign // the oldest first
	newest int32   // of all leader epochs that were met
	// shift is added to what the brokers say, where their epochs are no newer behind a loss than before.
	shift int32
	// shortened says that the log has become shorter while it was read: a point without leader epoch may be from before.
	shortened bool
}

// reign is the time of a leader: its records begin here, or behind here where the first of them are not known.
type reign struct {
	epoch  int32
	offset int64
}

// begin forgets all, and goes on at a point.
func (l *lineage) begin(at cut.Point) {
	l.reigns = l.reigns[:0]
	if at.LeaderEpoch != cut.Unknown {
		l.append(at.LeaderEpoch, at.Offset-1)
	}
}

func (l *lineage) append(epoch int32, offset int64) {
	l.reigns = append(l.reigns, reign{epoch: epoch, offset: offset})
	l.newest = max(l.newest, epoch)
}

// take notes the leader epoch of a record behind all others, and gives it as points have it.
func (l *lineage) take(offset int64, epoch int32) int32 {
	epoch += l.shift
	if last := len(l.reigns) - 1; last < 0 || l.reigns[last].epoch != epoch {
		l.append(epoch, offset)
	}
	return epoch
}

// shorten goes on at a point of the log that has become shorter. The leader epoch now is newer than all that is lost; where it is not, the brokers
// do not count as they should.
func (l *lineage) shorten(to cut.Point, now int32) (at cut.Point) {
	l.shortened = true
	switch {
	case now+l.shift <= l.newest:
		l.shift = l.newest + 1 - now
		to.LeaderEpoch = now + l.shift
	case to.Offset == 0: // nothing is before it
		to.LeaderEpoch = cut.Unknown
	case to.LeaderEpoch == cut.Unknown: // newer than any that was before it
		to.LeaderEpoch = now + l.shift
	default:
		to.LeaderEpoch += l.shift
	}
	l.begin(to)
	return to
}

// skip goes on at a later point. What has no leader epoch there would be taken for something from before a loss.
func (l *lineage) skip(to cut.Point, now int32) (at cut.Point) {
	if to.LeaderEpoch == cut.Unknown && l.shortened {
		to.LeaderEpoch = now
	}
	if to.LeaderEpoch != cut.Unknown || l.shortened {
		to.LeaderEpoch += l.shift
	}
	l.begin(to)
	return to
}

// before is the leader epoch of the record before an offset. It reports false where nothing is known of that record.
func (l *lineage) before(offset int64) (epoch int32, known bool) {
	for i := len(l.reigns) - 1; i >= 0; i-- {
		if l.reigns[i].offset < offset {
			return l.reigns[i].epoch, true
		}
	}
	return cut.Unknown, false
}

// has reports whether a point is one of this log's, as far as that has been read: of a point that is ahead, whether it may be one. The point must not
// be before what is remembered.
func (l *lineage) has(at, end cut.Point) bool {
	own, known := l.before(at.Offset)
	switch {
	case at.Offset == 0: // nothing is before it, or else a loss that this edge has seen
		return at.LeaderEpoch == cut.Unknown || at.LeaderEpoch == own
	case !known || at.LeaderEpoch == cut.Unknown: // of an edge that could not know, or of brokers that do not say
		return !l.shortened
	case at.Offset > end.Offset: // what is read next is not of an earlier leader
		return own <= at.LeaderEpoch
	default:
		return own == at.LeaderEpoch
	}
}

// forget forgets what is not needed for points from an offset on.
func (l *lineage) forget(before int64) {
	for len(l.reigns) > 1 && l.reigns[1].offset < before {
		l.reigns = l.reigns[1:]
	}
}

// crop bounds the memory. It gives the first offset that is still known; 0 where nothing has become unknown.
func (l *lineage) crop() (from int64) {
	if len(l.reigns) <= maxEpochs {
		return 0
	}
	l.reigns = l.reigns[1:]
	return l.reigns[0].offset + 1
}
