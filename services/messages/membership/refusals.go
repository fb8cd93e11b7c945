package membership

import (
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/weighed"
)

const (
	// refusalTime is how long a refusal counts.
	refusalTime = time.Second
	// mostRefusals is how many count before rooms is not asked again in that time: somebody who tries at once whether it is in gets through.
	mostRefusals = 3
)

// refusals counts who has been refused lately, so that a stranger who insists does not keep rooms busy. It is under the cache's lock.
type refusals struct {
	counted *weighed.Cache[key, refusal]
}

type refusal struct {
	count int
	until time.Time
}

func newRefusals(bytes int) (refusals, error) {
	counted, err := weighed.New[key](bytes, func(refusal) int { return len(key{}.room) + len(key{}.user) })
	return refusals{counted}, err
}

func (r *refusals) add(of key, now time.Time) {
	known, ok := r.counted.Get(of)
	if !ok || !now.Before(known.until) {
		known = refusal{until: now.Add(refusalTime)}
	}
	known.count++
	r.counted.Add(of, known)
}

func (r *refusals) tooOften(of key, now time.Time) bool {
	known, ok := r.counted.Peek(of)
	return ok && known.count >= mostRefusals && now.Before(known.until)
}

// forget lets users of a room in who have joined.
func (r *refusals) forget(room uuid.UUID, users ...uuid.UUID) {
	for _, user := range users {
		r.counted.Remove(key{room, user})
	}
}
