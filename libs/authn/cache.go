package authn

import (
	"crypto/sha256"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const maxJudged = 10_000 // tokens; some 5 MB when full

// judged remembers tokens that have been accepted, because a client sends the same one with every request and a signature
// costs some fifty times as much as a look-up (BenchmarkVerify). It holds digests, not tokens. What it says is as true as
// a new judgement: an entry ends with the token, and with the key set under which it was made.
type judged struct {
	entries *lru.Cache[[sha256.Size]byte, judgement]
	leeway  time.Duration
}

type judgement struct {
	principal  Principal
	generation uint64 // of the key set
}

func newJudged(leeway time.Duration) (*judged, error) {
	entries, err := lru.New[[sha256.Size]byte, judgement](maxJudged)
	if err != nil {
		return nil, fmt.Errorf("make the cache of accepted tokens: %w", err)
	}
	return &judged{entries: entries, leeway: leeway}, nil
}

func (j *judged) recall(digest [sha256.Size]byte, generation uint64) (Principal, bool) {
	entry, ok := j.entries.Get(digest)
	if !ok || entry.generation != generation || !time.Now().Before(entry.principal.ExpiresAt.Add(j.leeway)) {
		return Principal{}, false
	}
	return entry.principal, true
}

func (j *judged) remember(digest [sha256.Size]byte, generation uint64, principal Principal) {
	j.entries.Add(digest, judgement{principal: principal, generation: generation})
}
