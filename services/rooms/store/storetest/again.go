package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

// messagesSentAgain takes named messages that the log has several times, in batches of every size, and all of it again.
func messagesSentAgain(t *testing.T, s store.Store) {
	for size := 1; size <= 7; size++ {
		users := addUsers(t, s, "alice", "bob")
		alice, bob := users[0], users[1]
		room, other := create(t, s, newRoom(wire.Group, "", start(), users...)).ID, create(t, s, newRoom(wire.Group, "", start(), users...)).ID
		log := talk(room, 0, alice, alice, alice, alice, alice, alice, alice)
		for _, i := range []int{0, 2, 3, 6} {
			log[i].MessageID, log[i].MayRepeat = log[0].MessageID, true
		}
		log[4].MayRepeat = true
		elsewhere := talk(other, 7, alice)[0]
		elsewhere.MessageID, elsewhere.MayRepeat = log[0].MessageID, true
		log = append(log, elsewhere)
		for range 2 {
			for batch := range slices.Chunk(log, size) {
				apply(t, s, batch...)
			}
			unread(t, s, fmt.Sprint("in batches of ", size), room, map[uuid.UUID]int{bob: 4, alice: 0})
			unread(t, s, fmt.Sprint("elsewhere, in batches of ", size), other, map[uuid.UUID]int{bob: 1})
		}
		if seen := get(t, s, room, bob); !seen.LatestMessage.Equal(log[5].At) {
			t.Errorf("the latest message is of %s, want %s", seen.LatestMessage, log[5].At)
		}
	}
}
