package edge

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
)

// What happens to the logs of a troubled world.

// add appends a record to the log.
func (w *troubledWorld) add(partition int32, r *written) {
	r.Partition, r.Offset, r.Time, r.LeaderEpoch = partition, w.end[partition], time.Now(), w.leader[partition]
	w.end[partition]++
	w.history[partition] = append(w.history[partition], r)
}

// post appends a message; some have waited long.
func (w *troubledWorld) post(partition int32) {
	room, to := uuid.New(), []uuid.UUID{uuid.New()}
	for _, c := range w.clients {
		if w.random.IntN(2) == 0 {
			to = append(to, c.user)
		}
	}
	text := fmt.Sprintf("%d/%s", partition, uuid.NewString())
	event := events.New("/ism/test", time.Now(), posted(room, text, 1, to...))
	if w.random.IntN(6) == 0 {
		w.happened["slow"]++
		event.Time = event.Time.Add(-time.Duration(w.random.Int64N(int64(4 * time.Minute))))
	}
	headers, value, err := events.Encode(event)
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(partition, &written{
		Record: bus.Record{Topic: events.TopicRooms, Key: room.String(), Headers: headers, Value: value}, text: text, to: to,
	})
}

// readable gives a record of the partition's whole history, nil where there is none.
func (w *troubledWorld) readable(partition int32) *written {
	all := slices.DeleteFunc(slices.Clone(w.history[partition]), func(r *written) bool { return r.broken })
	if len(all) == 0 {
		return nil
	}
	if w.random.IntN(2) == 0 {
		all = all[max(0, len(all)-5):]
	}
	return all[w.random.IntN(len(all))]
}

// postAgain appends an event once more, soon or long after it was.
func (w *troubledWorld) postAgain(partition int32) {
	if before := w.readable(partition); before != nil {
		again := *before
		again.repeat, again.lost = true, false
		w.happened["again"]++
		w.add(partition, &again)
	}
}

// breakRecord appends a record that nobody can read: with an audience that can be told, of a room that may be known, or of no room at all.
func (w *troubledWorld) breakRecord(partition int32) {
	w.happened["unreadable"]++
	room, to := uuid.NewString(), []uuid.UUID{w.any().user}
	r := &written{broken: true, Record: bus.Record{Topic: events.TopicRooms, Headers: map[string]string{events.HeaderType: "ism.room.read.v1"}}}
	switch before := w.readable(partition); {
	case w.random.IntN(3) == 0:
		r.Key, r.to, r.Value = room, to, fmt.Appendf(nil, `{"membershipVersion":7,"audience":[%q]}`, to[0])
	case before != nil && w.random.IntN(2) == 0:
		r.Key, r.to, r.Value = before.Key, before.to, []byte("{")
	default:
		r.Key, r.Value = "nobody's", []byte("{")
	}
	w.add(partition, r)
}

// removeOldest has retention remove some of the oldest records. It keeps what an edge reads back that is started.
func (w *troubledWorld) removeOldest(partition int32) {
	keep := w.end[partition]
	if w.restarts {
		keep = w.since(partition, time.Now().Add(-w.limits().Window-w.limits().Margin))
	}
	if left := keep - w.start[partition]; left > 0 {
		w.happened["removed"]++
		w.start[partition] += 1 + w.random.Int64N(left)
	}
}

// since gives the offset of the first record that the partition has from a time on.
func (w *troubledWorld) since(partition int32, from time.Time) int64 {
	for _, r := range w.history[partition] {
		if !r.lost && r.Offset >= w.start[partition] && !r.Time.Before(from) {
			return r.Offset
		}
	}
	return w.end[partition]
}

// elect has a broker lead the partition that has all of it.
func (w *troubledWorld) elect(partition int32) {
	if w.counted {
		w.happened["elected"]++
		w.leader[partition] += 1 + w.random.Int32N(2)
	}
}

// shorten has a broker lose the newest records, and another lead. Uncounted, all edges have read some of them, and have noticed the loss before.
func (w *troubledWorld) shorten(partition int32) {
	to := w.end[partition]
	for edge := range w.edges {
		if !w.counted {
			w.notice(edge, partition)
			to = min(to, w.read[edge][partition])
		}
	}
	to -= 1 + w.random.Int64N(3)
	if to < w.start[partition] {
		return
	}
	w.happened["shorter"]++
	for _, r := range w.history[partition] {
		if !r.lost && r.Offset >= to {
			r.lost = true
			w.again[r.text] = w.counted
		}
	}
	w.end[partition] = to
	w.losses[partition] = append(w.losses[partition], to)
	w.elect(partition)
}
