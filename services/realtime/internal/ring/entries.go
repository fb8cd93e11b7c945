package ring

import (
	"slices"

	"github.com/google/uuid"
)

// kept is an entry and its users.
type kept struct {
	Entry
	to []link
}

// link says which of the user's entries comes before this one.
type link struct {
	user   *User
	before uint64 // 0 where there was none
}

// before is the user's entry before this one.
func (k *kept) before(user *User) uint64 {
	i := slices.IndexFunc(k.to, func(l link) bool { return l.user == user })
	return k.to[i].before
}

// overhead is about what an entry takes besides its text and its users, bytes.
const overhead = 200

func (k *kept) size() int { return overhead + len(k.Event.Data) + len(k.to)*len(uuid.UUID{}) }

// blockLength is how many entries are allocated at once: a ring that grows must not copy all that it has.
const blockLength = 1024

// entries is a queue whose entries are numbered from 1 on.
type entries struct {
	blocks []*[blockLength]kept
	base   uint64 // number of the first entry of the first block
	first  uint64 // number of the oldest entry
	next   uint64 // number of the entry to come
}

func newEntries() entries { return entries{base: 1, first: 1, next: 1} }

func (e *entries) len() int { return int(e.next - e.first) }

func (e *entries) at(seq uint64) *kept {
	i := seq - e.base
	return &e.blocks[i/blockLength][i%blockLength]
}

func (e *entries) push(entry Entry, users int) *kept {
	if i := e.next - e.base; i/blockLength == uint64(len(e.blocks)) {
		e.blocks = append(e.blocks, new([blockLength]kept))
	}
	added := e.at(e.next)
	*added = kept{Entry: entry, to: make([]link, 0, users)}
	e.next++
	return added
}

// pop drops the oldest entry, and its block once that is empty.
func (e *entries) pop() {
	*e.at(e.first) = kept{}
	e.first++
	if e.first-e.base == blockLength {
		e.blocks[0] = nil
		e.blocks = e.blocks[1:]
		e.base = e.first
	}
}
