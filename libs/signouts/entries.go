package signouts

import "container/heap"

// entries are the latest time of each key, in seconds since 1970. It is not safe for concurrent use.
type entries struct {
	byKey map[key]*entry
	byAge ages
}

type entry struct {
	key   key
	at    int64
	index int // in ages
}

func newEntries() entries { return entries{byKey: map[key]*entry{}} }

func (e *entries) len() int { return len(e.byKey) }

func (e *entries) at(key key) (at int64, ok bool) {
	found, ok := e.byKey[key]
	if !ok {
		return 0, false
	}
	return found.at, true
}

// put enters a time, unless there is a later one.
func (e *entries) put(key key, at int64) {
	found, ok := e.byKey[key]
	switch {
	case !ok:
		added := &entry{key: key, at: at}
		e.byKey[key] = added
		heap.Push(&e.byAge, added)
	case at > found.at:
		found.at = at
		heap.Fix(&e.byAge, found.index)
	}
}

// expire removes what is of a time or before.
func (e *entries) expire(at int64) {
	for len(e.byAge) > 0 && e.byAge[0].at <= at {
		e.forgetOldest()
	}
}

// forgetOldest removes one of the earliest time.
func (e *entries) forgetOldest() {
	oldest, _ := heap.Pop(&e.byAge).(*entry)
	delete(e.byKey, oldest.key)
}

// ages is a heap of entries, one of the earliest time first.
type ages []*entry

func (a ages) Len() int           { return len(a) }
func (a ages) Less(i, j int) bool { return a[i].at < a[j].at }

func (a ages) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

// Push implements [heap.Interface].
func (a *ages) Push(added any) {
	one, _ := added.(*entry)
	one.index = len(*a)
	*a = append(*a, one)
}

// Pop implements [heap.Interface].
func (a *ages) Pop() any {
	all := *a
	last := all[len(all)-1]
	all[len(all)-1] = nil
	*a = all[:len(all)-1]
	return last
}
