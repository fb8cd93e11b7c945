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
	for _, what := range []string{"removed", "shorter", "elected", "unreadable", "again", "slow", "restart", "unseen", reasonJumped, reasonUnreadable, reasonLate, reasonExpired} {
		if happened[what] == 0 {
			t.Errorf("%q has never happened: %v", what, happened)
		}
	}
}

// written is a record that the log has had.
type written struct {
	bus.Record
	text   string
	to     []uuid.UUID // nil where it concerns everybody
	repeat bool        // its event has been written before
	broken bool        // nobody can read it
	lost   bool        // by the log's becoming shorter
}

// worries are what a world has to bear.
type worries struct {
	counted  bool // by leader epochs, as Kafka does
	restarts bool
	shorter  bool // brokers lose the newest records. Uncounted, an edge that begins then, or has not read them, cannot know: see package cut
	removed  bool // retention removes records that were not read
}

func worriesOf(seed uint64) worries {
	return []worries{
		{counted: true, restarts: true, shorter: true, removed: true},
		{counted: true, restarts: true},
		{restarts: true, removed: true},
		{shorter: true, removed: true},
	}[seed%4]
}

// troubledWorld is a world whose logs lose records, at their beginning and at their end, and have some that nobody can read, or come again or late.
type troubledWorld struct {
	world
	worries
	history  [partitions][]*written
	start    [partitions]int64   // where the log begins
	end      [partitions]int64   // the next offset
	losses   [partitions][]int64 // where the log ended each time that it became shorter
	noticed  [][partitions]int   // by edge, how many losses
	jumped   []bool              // by edge, whether it has been told of a jump
	again    map[string]bool     // texts that were lost: where they are written again, they are new to those who had not read them
	happened map[string]int
}

func newTroubledWorld(t *testing.T, seed uint64) *troubledWorld {
	w := &troubledWorld{happened: map[string]int{}, worries: worriesOf(seed), again: map[string]bool{}}
	if !w.counted {
		for partition := range w.leader {
			w.leader[partition] = bus.NoLeaderEpoch
		}
	}
	w.t, w.random = t, rand.New(rand.NewPCG(seed, 12))
	w.lost = func(text string) bool { return w.again[text] }
	for range 1 + w.random.IntN(3) {
		w.edges, w.read = append(w.edges, caughtUp(t, w.limits())), append(w.read, make([]int64, partitions))
		w.noticed, w.jumped = append(w.noticed, [partitions]int{}), append(w.jumped, false)
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
	switch w.random.IntN(29) {
	case 0, 1, 2, 3, 4, 5:
		w.post(partition)
	case 6:
		w.postAgain(partition)
	case 7:
		w.breakRecord(partition)
	case 8:
		if w.removed && w.random.IntN(4) == 0 {
			w.removeOldest(partition)
		}
	case 9:
		if w.shorter {
			w.shorten(partition)
		}
	case 28:
		w.elect(partition)
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

// epochBefore is the leader epoch of the record before an offset of the log.
func (w *troubledWorld) epochBefore(partition int32, offset int64) int32 {
	for _, r := range w.history[partition] {
		if !r.lost && r.Offset == offset-1 && r.Offset >= w.start[partition] {
			return r.LeaderEpoch
		}
	}
	return bus.NoLeaderEpoch
}

// notice does what a reader does before it reads on.
func (w *troubledWorld) notice(edge int, partition int32) {
	read := &w.read[edge][partition]
	jump := bus.Jump{Topic: events.TopicRooms, Partition: partition, From: *read, To: *read, LeaderNow: w.leader[partition]}
	unknown := w.losses[partition][w.noticed[edge][partition]:]
	w.noticed[edge][partition] = len(w.losses[partition])
	switch {
	case len(unknown) > 0 && slices.Min(unknown) < *read:
		jump.To = min(*read, w.end[partition])
	case *read < w.start[partition]:
		jump.To = w.start[partition]
	default:
		return
	}
	*read, w.jumped[edge] = jump.To, true
	jump.LeaderEpoch = w.epochBefore(partition, jump.To)
	w.edges[edge].Jumped([]bus.Jump{jump})
	w.notice(edge, partition)
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
	begin, from := make(cut.Cut, partitions), make([]int64, partitions)
	for partition := range int32(partitions) {
		from[partition] = w.since(partition, since.Add(-w.limits().Margin))
		begin[partition] = cut.Point{Offset: from[partition], LeaderEpoch: w.epochBefore(partition, from[partition])}
		w.noticed[edge][partition] = len(w.losses[partition])
	}
	w.jumped[edge] = false
	w.edges[edge] = startingSince(w.t, w.limits(), telemetry.Discard(nil), since, begin...)
	w.read[edge] = from
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
		if !slices.Contains(w.reasons(), reason) {
			w.t.Errorf("a client is told %s behind %s, at %v", reason, c.id, c.at.ring.Cut())
		}
		if reason == reasonJumped && !w.jumped[edge] {
			w.happened["unseen"]++ // at an edge that saw nothing of the loss
		}
		began = true
	}
	c.id, c.backlog = idOf(w.t, attachment.Opening), attachment.Backlog
	if began {
		c.began, _ = cut.Of(0, rooms()).Parse(c.id)
		c.seen = nil
	}
}

// reasons are those for which a client may have to reload in this world. Leaders that change are none.
func (w *troubledWorld) reasons() []string {
	reasons := []string{reasonExpired, reasonUnreadable}
	if w.shorter || w.removed {
		reasons = append(reasons, reasonJumped)
	}
	if w.shorter && w.counted { // a client may be ahead of a log that has lost what it has been given
		reasons = append(reasons, reasonUnknown)
	}
	return reasons
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

// stands reports whether a point is one of the log as it is.
func (w *troubledWorld) stands(partition int, at cut.Point) bool {
	if !w.counted { // the edges count the losses, of which they have seen all
		for _, loss := range w.losses[partition][at.LeaderEpoch+1:] {
			if loss < at.Offset {
				return false
			}
		}
		return true
	}
	before := cut.Unknown
	for _, r := range w.history[partition] {
		if !r.lost && r.Offset < at.Offset {
			before = r.LeaderEpoch
		}
	}
	gone := at.Offset <= w.start[partition] // the record before, so that edges may not know its leader
	return at.Offset == 0 || at.LeaderEpoch == before || gone && at.LeaderEpoch > before || at.LeaderEpoch == cut.Unknown
}

func (w *troubledWorld) checkTroubled(c *wanderer) {
	var want []string
	for partition, records := range w.history {
		if !w.stands(partition, c.began[partition]) {
			w.t.Errorf("a client that began at %v was not told what partition %d has lost since", c.began, partition)
		}
		for _, r := range records {
			switch concerned := r.to == nil || slices.Contains(r.to, c.user); {
			case !concerned || r.lost || r.Offset < c.began[partition].Offset:
			case r.broken:
				w.t.Errorf("a client that began at %v was not told of the broken record %d of partition %d", c.began, r.Offset, partition)
			case !r.repeat && !w.again[r.text]:
				want = append(want, r.text)
			}
		}
	}
	seen := slices.DeleteFunc(slices.Clone(c.seen), func(text string) bool { return w.again[text] })
	for partition := range partitions {
		ours := func(text string) bool { return !strings.HasPrefix(text, fmt.Sprintf("%d/", partition)) }
		got, should := slices.DeleteFunc(slices.Clone(seen), ours), slices.DeleteFunc(slices.Clone(want), ours)
		if !slices.Equal(got, should) {
			w.t.Errorf("since %v a client saw of partition %d %v, want %v", c.began, partition, got, should)
		}
	}
	if missing := len(want) - len(seen); missing != 0 {
		w.t.Errorf("%d are missing; %v", missing, slices.Sorted(maps.Keys(c.ever)))
	}
}
