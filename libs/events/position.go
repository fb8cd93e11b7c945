package events

import (
	"cmp"
	"math"
)

// Position is where a record stands in its room's log: the offset that Kafka gave it, in an epoch of the log. A log that had to be
// rebuilt with offsets from 0 begins a new epoch, and all of a newer epoch comes after all of an older one.
type Position struct {
	Epoch  int32
	Offset int64
}

// EndOfLog comes after every position.
var EndOfLog = Position{Epoch: math.MaxInt32, Offset: math.MaxInt64}

// Compare is negative where p comes before q, zero where they are the same, positive where p comes after q.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Offset, q.Offset))
}

// Next is the first position after p.
func (p Position) Next() Position { return Position{Epoch: p.Epoch, Offset: p.Offset + 1} }
