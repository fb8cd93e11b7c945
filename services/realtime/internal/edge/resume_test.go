package edge

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Clients that break and resume at random while events come in must each see every event of theirs once and in order.
func TestResumingClientsMissNothingAndSeeNothingTwice(t *testing.T) {
	const clients, length = 100, 400
	e := caughtUp(limits())
	users := make([]uuid.UUID, clients)
	for i := range users {
		users[i] = userIn(int32(i % partitions))
	}
	var records [partitions][]bus.Record
	var want [clients][]int64
	for number := range int32(partitions) {
		for offset := range int64(length) {
			var to []uuid.UUID
			for i, user := range users {
				if int32(i%partitions) == number && rand.IntN(3) > 0 {
					to = append(to, user)
					want[i] = append(want[i], offset)
				}
			}
			records[number] = append(records[number], record(t, number, offset, `{}`, append(to, uuid.New())...))
		}
	}
	attached := make([]chan struct{}, clients)
	for i := range attached {
		attached[i] = make(chan struct{})
	}
	var work sync.WaitGroup
	for i, user := range users {
		work.Go(func() {
			got := resumeUntil(t, e, user, len(want[i]), attached[i])
			if fmt.Sprint(got) != fmt.Sprint(want[i]) {
				t.Errorf("client %d got %v, want %v", i, got, want[i])
			}
		})
	}
	for i := range attached {
		<-attached[i]
	}
	for number := range records {
		work.Go(func() {
			for rest := records[number]; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(20))
				ingest(t, e, rest[:n]...)
				rest = rest[n:]
			}
		})
	}
	work.Wait()
}

// resumeUntil reads a user's stream over many connections until it has so many events, and gives their offsets.
func resumeUntil(t *testing.T, e *Edge, user uuid.UUID, events int, attached chan struct{}) []int64 {
	var got []int64
	lastEventID := ""
	deadline := time.Now().Add(time.Minute)
	for len(got) < events && time.Now().Before(deadline) {
		sub := newClient()
		attachment, err := e.Attach(t.Context(), user, lastEventID, sub)
		if err != nil {
			t.Error(err)
			return nil
		}
		if lastEventID == "" {
			close(attached)
		}
		lastEventID = attachment.ID.String()
		frames := attachment.Backlog
		for reads := rand.IntN(30); reads >= 0 && len(got) < events; reads-- {
			position := e.Position(user)
			frames = append(frames, sub.take()...)
			written := len(frames)
			if rand.IntN(2) == 0 { // the connection breaks within what was handed over
				written = rand.IntN(written + 1)
			}
			for _, frame := range frames[:written] {
				got = append(got, frame.Offset)
				lastEventID = sse.ID{Partition: position.Partition, Offset: frame.Offset}.String()
			}
			if written < len(frames) {
				break
			}
			frames = nil
			if last, _ := sse.ParseID(lastEventID); position.Offset > last.Offset {
				lastEventID = position.String() // as a keep-alive announces it
			}
			select {
			case <-sub.news:
			case <-time.After(time.Millisecond):
			}
		}
		e.Detach(user, sub)
	}
	return got
}
