package storetest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/rooms/store"
)

// BeforeCounts is a room with a latest message, and one without, of a schema that did not count: at microsecond 1000 and 1 since 1970. One user has
// read both up to 1000, one both up to 999, and one has never read anything.
type BeforeCounts struct {
	Room, New           uuid.UUID
	Read, Unread, Never uuid.UUID
}

// NewBeforeCounts makes the ids.
func NewBeforeCounts() BeforeCounts {
	return BeforeCounts{Room: uuid.New(), New: uuid.New(), Read: uuid.New(), Unread: uuid.New(), Never: uuid.New()}
}

// Check holds a store whose schema is up to date to what was unread before, and to what is counted from then on.
func (b BeforeCounts) Check(t *testing.T, s store.Store) {
	t.Helper()
	for user, want := range map[uuid.UUID]bool{b.Read: false, b.Unread: true, b.Never: true} {
		if seen := get(t, s, b.Room, user); seen.Unread != want || seen.UnreadCount > 1 {
			t.Errorf("it is %+v, want unread to be %t", seen, want)
		}
	}
	for user, want := range map[uuid.UUID]bool{b.Read: false, b.Unread: false, b.Never: true} {
		if seen := get(t, s, b.New, user); seen.Unread != want || seen.UnreadCount != 0 {
			t.Errorf("without messages it is %+v, want unread to be %t", seen, want)
		}
	}
	apply(t, s, talk(b.Room, 41, b.Never, b.Never)...) // the first of them was taken before
	unread(t, s, "one more", b.Room, map[uuid.UUID]int{b.Read: 1, b.Unread: 2, b.Never: 0})
	markRead(t, s, b.Room, b.Unread, start())
	unread(t, s, "marked", b.Room, map[uuid.UUID]int{b.Unread: 0})
}
