package edge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/realtime/internal/cut"
	"github.com/ism-chat/ism/services/realtime/internal/sse"
)

// Clients that change between edges at random, which take the partitions' records in orders of their own and are restarted, see each event of
// theirs once, and those of a partition in order: package cut has the argument.
func TestClientsThatChangeBetweenEdgesMissNothingAndSeeNothingTwice(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			for range 300 {
				w.step()
			}
			w.finish()
		})
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// world is a log, edges that read it, and clients that read from the edges.
type world struct {
	t       *testing.T
	random  *rand.Rand
	log     [partitions][]bus.Record
	edges   []*Edge
	read    [][]int64 // how far each edge has read
	clients []*wanderer
	// back is how many records of each partition a restarted edge reads back; 0: all.
	back   int64
	leader [partitions]int32      // the leader epoch
	lost   func(text string) bool // what may come once more, since the log has lost it; nil: nothing
}

// wanderer is a client and what it has seen.
type wanderer struct {
	user    uuid.UUID
	began   cut.Cut  // all at or behind it must be seen: where the client began, or was last told to reload
	seen    []string // since then
	ever    map[string]bool
	id      string
	at      *Edge // nil while it is not connected
	sub     *client
	backlog []sse.Frame
	resyncs int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 11))}
	if seed%3 == 0 {
		w.back = 1 + w.random.Int64N(20)
	}
	for range 1 + w.random.IntN(4) {
		w.edges, w.read = append(w.edges, caughtUp(t, limits())), append(w.read, make([]int64, partitions))
	}
	for range 4 {
		c := &wanderer{user: uuid.New(), ever: map[string]bool{}}
		w.clients = append(w.clients, c)
		w.connect(c)
	}
	return w
}

func (w *world) step() {
	switch w.random.IntN(12) {
	case 0, 1, 2:
		w.write()
	case 3, 4, 5, 6:
		w.ingest(w.random.IntN(len(w.edges)))
	case 7, 8, 9:
		w.receive(w.clients[w.random.IntN(len(w.clients))])
	case 10:
		w.reconnect(w.clients[w.random.IntN(len(w.clients))])
	case 11:
		if w.random.IntN(4) == 0 {
			w.restart(w.random.IntN(len(w.edges)))
		}
	}
}

// write appends a message to some clients' rooms. Offsets have gaps, as those of a compacted log.
func (w *world) write() {
	partition := w.random.Int32N(partitions)
	offset := int64(0)
	if last := len(w.log[partition]); last > 0 {
		offset = w.log[partition][last-1].Offset + 1 + w.random.Int64N(3)/2
	}
	to := []uuid.UUID{uuid.New()}
	for _, c := range w.clients {
		if w.random.IntN(2) == 0 {
			to = append(to, c.user)
		}
	}
	r := record(w.t, partition, offset, fmt.Sprintf("%d/%d", partition, offset), to...)
	w.leader[partition] += w.random.Int32N(8) / 7 // brokers that take over have all that is there
	r.LeaderEpoch = w.leader[partition]
	w.log[partition] = append(w.log[partition], r)
}

// ingest has an edge read some records of a partition. It reports whether there were any.
func (w *world) ingest(edge int) bool {
	partition := w.random.IntN(partitions)
	var batch []bus.Record
	for _, r := range w.log[partition] {
		if r.Offset >= w.read[edge][partition] && len(batch) < 5 {
			batch = append(batch, r)
		}
	}
	if len(batch) == 0 {
		return false
	}
	batch = batch[:1+w.random.IntN(len(batch))]
	ingest(w.t, w.edges[edge], batch...)
	w.read[edge][partition] = batch[len(batch)-1].Offset + 1
	return true
}

// restart kills an edge and the connections to it. A new one reads back, and on to where the log ended when it began.
func (w *world) restart(edge int) {
	for _, c := range w.clients {
		if c.at == w.edges[edge] {
			c.at = nil
		}
	}
	begin, ends, from := make([]int64, partitions), make([]int64, partitions), at(make([]int64, partitions)...)
	for partition, records := range w.log {
		if len(records) == 0 {
			continue
		}
		ends[partition] = records[len(records)-1].Offset + 1
		if back := int64(len(records)) - w.back; w.back > 0 && back > 0 {
			begin[partition] = records[back].Offset
			from[partition] = cut.Point{Offset: begin[partition], LeaderEpoch: cut.Unknown}
			if before := records[back-1]; before.Offset == begin[partition]-1 {
				from[partition].LeaderEpoch = before.LeaderEpoch
			}
		}
	}
	w.edges[edge] = starting(w.t, limits(), telemetry.Discard(nil), from...)
	w.read[edge] = begin
	for !at(w.read[edge]...).Reached(at(ends...)) {
		w.ingest(edge)
	}
	w.edges[edge].CaughtUp()
}

// connect attaches a client to some edge. An edge that has not read so far does so first: a client waits for it.
func (w *world) connect(c *wanderer) {
	edge := w.random.IntN(len(w.edges))
	if behind, err := cut.Of(0, rooms()).Parse(c.id); err == nil {
		for !w.edges[edge].ring.Cut().Reached(behind) {
			w.ingest(edge)
		}
	}
	c.at, c.sub = w.edges[edge], newClient()
	attachment := attach(w.t, c.at, c.user, c.id, c.sub)
	began := c.id == ""
	if strings.Contains(string(attachment.Opening), "Resync") {
		if w.back == 0 || !strings.Contains(string(attachment.Opening), reasonExpired) {
			w.t.Errorf("an edge that has everything answers %q", attachment.Opening)
		}
		c.resyncs++
		began = true // the client reloads: it knows all before the edge's cut
	}
	c.id, c.backlog = idOf(w.t, attachment.Opening), attachment.Backlog
	if began {
		c.seen = nil
		c.began, _ = cut.Of(0, rooms()).Parse(c.id)
	}
}

func (w *world) reconnect(c *wanderer) {
	if c.at != nil {
		w.receive(c)
		c.at.Detach(c.user, c.sub)
	}
	w.connect(c)
}

// receive has a client get some of what was written to its stream; what is left is lost if the connection breaks.
func (w *world) receive(c *wanderer) {
	if c.at == nil {
		w.connect(c)
	}
	position := c.at.Position()
	c.backlog = append(c.backlog, c.sub.take()...)
	n := w.random.IntN(len(c.backlog) + 1)
	for _, frame := range c.backlog[:n] {
		w.reads(c, frame)
	}
	c.backlog = c.backlog[n:]
	if len(c.backlog) == 0 && w.random.IntN(2) == 0 {
		c.id = idOf(w.t, position.ID) // as a keep-alive announces it
	}
}

// reads has a client read a frame. What has been read once must never come again, whatever else happens.
func (w *world) reads(c *wanderer, frame sse.Frame) {
	c.id = idOf(w.t, frame.ID)
	if frame.Event.Resync != "" {
		c.began, _ = cut.Of(0, rooms()).Parse(c.id)
		c.seen, c.resyncs = nil, c.resyncs+1
		return
	}
	text := textOf(w.t, frame)
	if c.ever[text] && (w.lost == nil || !w.lost(text)) {
		w.t.Errorf("a client got %s twice, at %s", text, c.id)
	}
	c.ever[text] = true
	c.seen = append(c.seen, text)
}

// finish has all read everything, and checks what each client has seen.
func (w *world) finish() {
	for edge := range w.edges {
		for idle := 0; idle < 20*partitions; idle++ {
			if w.ingest(edge) {
				idle = 0
			}
		}
	}
	for _, c := range w.clients {
		if c.at == nil {
			w.connect(c)
		}
		c.backlog = append(c.backlog, c.sub.take()...)
		for _, frame := range c.backlog {
			w.reads(c, frame)
		}
		w.check(c)
	}
}

func (w *world) check(c *wanderer) {
	for partition, records := range w.log {
		var want, got []string
		for _, r := range records {
			occurred, err := read(r)
			if err != nil {
				w.t.Fatal(err)
			}
			if r.Offset >= c.began[partition].Offset && slices.Contains(occurred.audience.Users, c.user) {
				want = append(want, fmt.Sprintf("%d/%d", partition, r.Offset))
			}
		}
		for _, text := range c.seen {
			if strings.HasPrefix(text, fmt.Sprintf("%d/", partition)) {
				got = append(got, text)
			}
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("since %v, after %d resyncs, a client saw of partition %d %v, want %v", c.began, c.resyncs, partition, got, want)
		}
	}
}

// A stream that is attached while records come in is given each of them either in its backlog or live.
func TestAttachingWhileRecordsComeIn(t *testing.T) {
	e := caughtUp(t, limits())
	user := uuid.New()
	const length = 2000
	var records []bus.Record
	for offset := range int64(length) {
		records = append(records, record(t, 1, offset, fmt.Sprint(offset), user))
	}
	var work sync.WaitGroup
	work.Go(func() {
		for rest := records; len(rest) > 0; {
			n := min(len(rest), 1+rand.IntN(20))
			if err := e.Ingest(t.Context(), rest[:n]); err != nil {
				t.Error(err)
			}
			rest = rest[n:]
		}
	})
	for range 20 {
		work.Go(func() {
			lastEventID, next := id(0, 0, 0, 0), 0
			for next < length && !t.Failed() {
				sub := newClient()
				attachment, err := e.Attach(t.Context(), user, lastEventID, sub)
				if err != nil {
					t.Error(err)
					return
				}
				frames := slices.Concat(attachment.Backlog, sub.take())
				for _, frame := range frames[:rand.IntN(len(frames)+1)] {
					if got := textOf(t, frame); got != fmt.Sprint(next) {
						t.Errorf("got %s, want %d", got, next)
					}
					next++
					lastEventID = idOf(t, frame.ID)
				}
				e.Detach(user, sub)
			}
		})
	}
	work.Wait()
}
