package authn

import (
	"crypto/sha256"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const maxAccepted = 10_000 // tokens; some 5 MB when full

// acceptedTokens remembers tokens that have been accepted, because a client sends the same one with every request and a signature
// costs some fifty times as much as a look-up (BenchmarkVerify). It holds digests, not tokens. What it says is as true as
// a new verification: an entry ends with the token, and with the key set under which it was made; and while that is too old, no entry counts.
type acceptedTokens struct {
	entries *lru.Cache[[sha256.Size]byte, acceptance]
	leeway  time.Duration
}

type acceptance struct {
	principal  Principal
	by         *trust
	generation uint64 // of the key set of by
}

func newAcceptedTokens(leeway time.Duration) (*acceptedTokens, error) {
	entries, err := lru.New[[sha256.Size]byte, acceptance](maxAccepted)
	if err != nil {
		return nil, fmt.Errorf("make the cache of accepted tokens: %w", err)
	}
	return &acceptedTokens{entries: entries, leeway: leeway}, nil
}

func (a *acceptedTokens) recall(digest [sha256.Size]byte) (Principal, bool) {
	entry, ok := a.entries.Get(digest)
	if !ok || entry.by.keys.generation.Load() != entry.generation || entry.by.keys.old() || !time.Now().Before(entry.principal.ExpiresAt.Add(a.leeway)) {
		return Principal{}, false
	}
	return entry.principal, true
}

func (a *acceptedTokens) remember(digest [sha256.Size]byte, principal Principal, by *trust, generation uint64) {
	a.entries.Add(digest, acceptance{principal: principal, by: by, generation: generation})
}
