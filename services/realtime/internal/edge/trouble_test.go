package edge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
)

// Whatever happens to the logs, a client is given each event of theirs at most once, those of a partition in order, and what it is not given it is told
// of: since it was last told to reload, it has everything.
func TestNoGapGoesUnannounced(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	happened := map[string]int{}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("with seed %d", seed)
				}
			}()
			w := newTroubledWorld(t, seed)
			for range 300 {
				w.trouble()
			}
			w.finishTroubled()
			for what, times := range w.happened {
				happened[what] += times
			}
		})
	}
	for _, what := range []string{"removed", "shorter", "unreadable", "again", "slow", "restart", reasonJumped, reasonUnreadable, reasonLate, reasonExpired} {
		if happened[what] == 0 {
			t.Errorf("%q has never happened: %v", what, happened)
		}
	}
}

// written is a record that the log has had.
type written struct {
	bus.Record
	life   int64 // how often the partition had become shorter before
	text   string
	to     []uuid.UUID // nil where it concerns everybody
	repeat bool        // its event has been written before
	broken bool        // nobody can read it
	lost   bool        // by the log's becoming shorter
}

func (r written) point() int64 { return cut.Point(r.life, r.Offset) }

// troubledWorld is a world whose logs lose records, at their beginning and at their end, and have some that nobody can read, or come again or late.
type troubledWorld struct {
	world
	history  [partitions][]*written
	start    [partitions]int64   // where the log begins
	end      [partitions]int64   // the next offset
	life     [partitions]int64   // how often it has become shorter
	noticed  [][partitions]int64 // by edge, of life
	restarts bool                // or logs become shorter: an edge that begins then cannot know, see package cut
	happened map[string]int
}

func newTroubledWorld(t *testing.T, seed uint64) *troubledWorld {
	w := &troubledWorld{happened: map[string]int{}, restarts: seed%2 == 0}
	w.t, w.random = t, rand.New(rand.NewPCG(seed, 12))
	for range 1 + w.random.IntN(3) {
		w.edges, w.read = append(w.edges, caughtUp(t, w.limits())), append(w.read, make(cut.Cut, partitions))
		w.noticed = append(w.noticed, [partitions]int64{})
	}
	for range 4 {
		w.clients = append(w.clients, &wanderer{user: uuid.New(), ever: map[string]bool{}})
	}
	return w
}

func (w *troubledWorld) limits() Config {
	cfg := limits()
	cfg.Window, cfg.Margin = time.Minute, 20*time.Second
	return cfg
}

func (w *troubledWorld) any() *wanderer { return w.clients[w.random.IntN(len(w.clients))] }

func (w *troubledWorld) trouble() {
	time.Sleep(time.Duration(w.random.Int64N(int64(2 * time.Second))))
	partition := w.random.Int32N(partitions)
	switch w.random.IntN(28) {
	case 0, 1, 2, 3, 4, 5:
		w.post(partition)
	case 6:
		w.postAgain(partition)
	case 7:
		w.breakRecord(partition)
	case 8:
		if w.random.IntN(4) == 0 {
			w.removeOldest(partition)
		}
	case 9:
		if !w.restarts {
			w.shorten(partition)
		}
	case 10:
		if w.restarts {
			w.restartEdge(w.random.IntN(len(w.edges)))
		}
	case 11:
		if w.random.IntN(4) == 0 {
			time.Sleep(time.Duration(w.random.Int64N(int64(3 * time.Minute))))
		}
	case 12, 13, 14, 15, 16, 17, 18, 19:
		w.goOn(w.random.IntN(len(w.edges)))
	case 20, 21, 22, 23, 24, 25:
		w.receiveSome(w.any())
	case 26, 27:
		w.reconnectTo(w.any())
	}
}

// add appends a record to the log.
func (w *troubledWorld) add(partition int32, r *written) {
	r.Partition, r.Offset, r.Time, r.life = partition, w.end[partition], time.Now(), w.life[partition]
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

// shorten has a broker lose the newest records, some that all edges have read among them. Those of the one before are over then.
func (w *troubledWorld) shorten(partition int32) {
	to := w.end[partition]
	for edge := range w.edges {
		w.notice(edge, partition)
		to = min(to, w.read[edge][partition])
	}
	to -= 1 + w.random.Int64N(3)
	if to < w.start[partition] {
		return
	}
	w.happened["shorter"]++
	for _, r := range w.history[partition] {
		r.lost = r.lost || r.Offset >= to
	}
	w.end[partition] = to
	w.life[partition]++
}

// notice does what a reader does before it reads on.
func (w *troubledWorld) notice(edge int, partition int32) {
	read := &w.read[edge][partition]
	jump := bus.Jump{Topic: events.TopicRooms, Partition: partition, From: *read, To: *read}
	switch {
	case w.noticed[edge][partition] < w.life[partition]:
		w.noticed[edge][partition] = w.life[partition]
		jump.To = min(*read, w.end[partition])
		*read = jump.To
		w.edges[edge].Jumped([]bus.Jump{jump})
		w.notice(edge, partition)
	case *read < w.start[partition]:
		jump.To = w.start[partition]
		*read = jump.To
		w.edges[edge].Jumped([]bus.Jump{jump})
	}
}

// goOn has an edge read some records of a partition.
func (w *troubledWorld) goOn(edge int) {
	for partition := range int32(partitions) {
		if w.random.IntN(2) == 0 {
			w.goOnIn(edge, partition, 1+w.random.IntN(5))
		}
	}
}

func (w *troubledWorld) goOnIn(edge int, partition int32, most int) {
	w.notice(edge, partition)
	var batch []bus.Record
	for _, r := range w.history[partition] {
		if !r.lost && r.Offset >= w.read[edge][partition] && len(batch) < most {
			batch = append(batch, r.Record)
		}
	}
	if len(batch) == 0 {
		return
	}
	ingest(w.t, w.edges[edge], batch...)
	w.read[edge][partition] = batch[len(batch)-1].Offset + 1
}

func (w *troubledWorld) readAll(edge int) {
	for partition := range int32(partitions) {
		w.goOnIn(edge, partition, 1<<30)
	}
}

// restartEdge kills an edge and the connections to it. A new one reads back for as long as it remembers.
func (w *troubledWorld) restartEdge(edge int) {
	w.happened["restart"]++
	for _, c := range w.clients {
		if c.at == w.edges[edge] {
			c.at = nil
		}
	}
	since := time.Now().Add(-w.limits().Window)
	begin := make(cut.Cut, partitions)
	for partition := range int32(partitions) {
		begin[partition] = w.since(partition, since.Add(-w.limits().Margin))
	}
	w.edges[edge] = startingSince(w.t, w.limits(), telemetry.Discard(nil), since, begin...)
	w.read[edge] = begin
	w.readAll(edge)
	w.edges[edge].CaughtUp()
}

// connectTo attaches a client to some edge. An edge that has not read so far does so first: a client waits for it.
func (w *troubledWorld) connectTo(c *wanderer) {
	edge := w.random.IntN(len(w.edges))
	if behind, err := cut.Of(0, rooms()).Parse(c.id); err == nil && !w.edges[edge].ring.Cut().Reached(behind) {
		w.readAll(edge)
	}
	c.at, c.sub = w.edges[edge], newClient()
	attachment := attach(w.t, c.at, c.user, c.id, c.sub)
	began := c.id == ""
	if _, told, resync := strings.Cut(string(attachment.Opening), `"reason":"`); resync {
		reason, _, _ := strings.Cut(told, `"`)
		w.happened[reason]++
		if !slices.Contains([]string{reasonExpired, reasonUnreadable, reasonJumped}, reason) {
			w.t.Errorf("a client is told %s behind %s, at %v", reason, c.id, c.at.ring.Cut())
		}
		began = true
	}
	c.id, c.backlog = idOf(w.t, attachment.Opening), attachment.Backlog
	if began {
		c.began, _ = cut.Of(0, rooms()).Parse(c.id)
		c.seen = nil
	}
}

func (w *troubledWorld) reconnectTo(c *wanderer) {
	if c.at != nil {
		w.receiveSome(c)
		c.at.Detach(c.user, c.sub)
	}
	w.connectTo(c)
}

func (w *troubledWorld) receiveSome(c *wanderer) {
	if c.at == nil {
		w.connectTo(c)
	}
	before := c.resyncs
	w.receive(c)
	w.happened["told"] += c.resyncs - before
}

func (w *troubledWorld) finishTroubled() {
	for edge := range w.edges {
		w.readAll(edge)
	}
	for _, c := range w.clients {
		if c.at == nil {
			w.connectTo(c)
		}
		c.backlog = append(c.backlog, c.sub.take()...)
		for _, frame := range c.backlog {
			if frame.Event.Resync != "" {
				w.happened[frame.Event.Resync]++
			}
			w.reads(c, frame)
		}
		w.checkTroubled(c)
	}
}

func (w *troubledWorld) checkTroubled(c *wanderer) {
	var want []string
	for partition, records := range w.history {
		for _, r := range records {
			switch concerned := r.to == nil || slices.Contains(r.to, c.user); {
			case !concerned || r.point() < c.began[partition]:
			case r.broken:
				w.t.Errorf("a client that began at %v was not told of the broken record %d of partition %d", c.began, r.point(), partition)
			case !r.repeat && !r.lost:
				want = append(want, r.text)
			}
		}
	}
	for partition := range partitions {
		ours := func(text string) bool { return !strings.HasPrefix(text, fmt.Sprintf("%d/", partition)) }
		got, should := slices.DeleteFunc(slices.Clone(c.seen), ours), slices.DeleteFunc(slices.Clone(want), ours)
		if !slices.Equal(got, should) {
			w.t.Errorf("since %v a client saw of partition %d %v, want %v", c.began, partition, got, should)
		}
	}
	if missing := len(want) - len(c.seen); missing != 0 {
		w.t.Errorf("%d are missing; %v", missing, slices.Sorted(maps.Keys(c.ever)))
	}
}
