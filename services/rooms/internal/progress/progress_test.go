package progress

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// world is a log of two partitions, keyed by their numbers, and a store of which several processes tell each other.
type world struct {
	mu          sync.Mutex
	epoch       int32 // below 0: not known
	ends        [2]int64
	committed   [2]int64
	asked       int // how often the ends were asked for
	group       int // how often what the group has committed was
	read        int // how often the store was
	taken       map[int32]events.Position
	noEnds      error
	noCommitted error
	noAnswer    error
}

func (w *world) Epoch() (int32, bool)         { return w.epoch, w.epoch >= 0 }
func (w *world) PartitionOf(key string) int32 { return int32(key[0] - '0') }

func (w *world) end() ([]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return w.ends[:], w.noEnds
}

func (w *world) GoesOn(context.Context) ([]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.group++
	return w.committed[:], w.noCommitted
}

func (w *world) Progress(context.Context) (map[int32]events.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read++
	copied := map[int32]events.Position{}
	for partition, next := range w.taken {
		copied[partition] = next
	}
	return copied, w.noAnswer
}

func (w *world) SetProgress(_ context.Context, partition int32, next events.Position) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken[partition] = next
	return w.noAnswer
}

func newWorld() *world {
	return &world{epoch: 1, ends: [2]int64{10, 20}, taken: map[int32]events.Position{0: {Epoch: 1, Offset: 10}, 1: {Epoch: 1, Offset: 15}}}
}

// run runs a process in a bubble until the test ends.
func run(t *testing.T, w *world) *Progress {
	t.Helper()
	p := New(w, w.end, w)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

// await begins to wait, and gives what comes of it.
func await(wait func() bool) <-chan bool {
	waited := make(chan bool, 1)
	go func() { waited <- wait() }()
	synctest.Wait()
	return waited
}

func TestWhatHasBeenTakenIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := run(t, newWorld())
		began := time.Now()
		if !p.Await(t.Context(), "0") || time.Since(began) > 0 {
			t.Errorf("it waits %s", time.Since(began))
		}
	})
}

// What another process takes is in the store; what this one takes it knows at once.
func TestARequestWaitsUntilEverythingBeforeItIsTaken(t *testing.T) {
	for name, take := range map[string]func(w *world, p *Progress, offset int64) error{
		"here": func(_ *world, p *Progress, offset int64) error {
			return p.Reached(context.Background(), 1, events.Position{Epoch: 1, Offset: offset})
		},
		"elsewhere": func(w *world, _ *Progress, offset int64) error {
			err := w.SetProgress(context.Background(), 1, events.Position{Epoch: 1, Offset: offset})
			time.Sleep(lookEvery)
			synctest.Wait()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				p := run(t, w)
				one := await(func() bool { return p.Await(t.Context(), "1") })
				all := await(func() bool { return p.AwaitAll(t.Context()) })
				time.Sleep(lookEvery)
				synctest.Wait() // both have their ends
				w.mu.Lock()
				w.ends[1] = 30 // written behind the requests
				w.mu.Unlock()
				if err := take(w, p, 19); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				select {
				case <-one:
					t.Error("one record before the end it goes on")
				case <-all:
					t.Error("with one record before the end all go on")
				default:
				}
				if err := take(w, p, 20); err != nil {
					t.Fatal(err)
				}
				if !<-one || !<-all {
					t.Error("it is not taken")
				}
				if w.group > 0 {
					t.Errorf("the group is asked %d times for what the store says", w.group)
				}
			})
		})
	}
}

// Before the first batch in a new store, or of a topic that was made anew, the store says nothing of a partition, or what was in another epoch. So does
// a process of a version that writes no progress, of which nothing but commits is seen.
func TestWhatTheStoreDoesNotSayIsWaitedForAllTheSame(t *testing.T) {
	stores := map[string]func(w *world){
		"nothing":        func(w *world) { delete(w.taken, 1) },
		"a former epoch": func(w *world) { w.taken[1] = events.Position{Epoch: 0, Offset: 99} },
	}
	takers := map[string]func(w *world, p *Progress) error{
		"a batch": func(_ *world, p *Progress) error {
			return p.Reached(context.Background(), 1, events.Position{Epoch: 1, Offset: 20})
		},
		"a commit": func(w *world, _ *Progress) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.committed[1] = 20
			return nil
		},
	}
	for said, prepare := range stores {
		for taker, take := range takers {
			t.Run(said+", then "+taker, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					w.committed = [2]int64{10, 19}
					prepare(w)
					p := run(t, w)
					one := await(func() bool { return p.Await(t.Context(), "1") })
					all := await(func() bool { return p.AwaitAll(t.Context()) })
					time.Sleep(timeout / 2)
					synctest.Wait()
					select {
					case <-one:
						t.Fatal("one record before the end it goes on")
					case <-all:
						t.Fatal("with one record before the end all go on")
					default:
					}
					if err := take(w, p); err != nil {
						t.Fatal(err)
					}
					if !<-one || !<-all {
						t.Error("it is not taken")
					}
				})
			})
		}
	}
}

// A group that has no coordinator says nothing either. Those who wait wait on.
func TestWhatNobodySaysIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		delete(w.taken, 1)
		w.committed, w.noCommitted = [2]int64{10, 20}, errors.New("no answer")
		p, began := run(t, w), time.Now()
		if p.Await(t.Context(), "1") || time.Since(began) != AwaitTimeout {
			t.Errorf("after %s it is taken", time.Since(began))
		}
	})
}

// Lists are behind by as much as a fetch leaves records out, where all is well.
func TestWhatAFetchHadLeftOutIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := run(t, w)
		one := await(func() bool { return p.Await(t.Context(), "1") })
		all := await(func() bool { return p.AwaitAll(t.Context()) })
		time.Sleep(2 * bus.LongestWait(200*time.Millisecond)) // twice, for a busy machine
		if err := p.Reached(t.Context(), 1, events.Position{Epoch: 1, Offset: 20}); err != nil {
			t.Fatal(err)
		}
		if !<-one || !<-all {
			t.Error("it is not waited for")
		}
	})
}

func TestAWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := run(t, w)
		began := time.Now()
		if p.Await(t.Context(), "1") || time.Since(began) != AwaitTimeout {
			t.Errorf("after %s it is taken", time.Since(began))
		}
		time.Sleep(time.Second)
		read := w.read
		time.Sleep(time.Minute)
		if w.read != read {
			t.Errorf("the store is asked %d times while nobody waits", w.read-read)
		}
	})
}

func TestManyAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p := run(t, w)
		var waiting []<-chan bool
		for range 1000 {
			waiting = append(waiting, await(func() bool { return p.Await(t.Context(), "1") }))
		}
		time.Sleep(lookEvery)
		synctest.Wait()
		if w.asked > 3 || w.read > 3 {
			t.Errorf("the brokers were asked %d times, the store %d times", w.asked, w.read)
		}
		if err := p.Reached(t.Context(), 1, events.Position{Epoch: 1, Offset: 20}); err != nil {
			t.Fatal(err)
		}
		for _, one := range waiting {
			if !<-one {
				t.Fatal("one of them waits for ever")
			}
		}
	})
}

func TestNobodyWaitsForWhatNobodyTells(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"the epoch is not known":     func(w *world) { w.epoch = -1 },
		"nothing was written":        func(w *world) { w.ends, w.taken = [2]int64{}, map[int32]events.Position{} },
		"the group has committed it": func(w *world) { w.committed, w.taken = w.ends, map[int32]events.Position{} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				change(w)
				p, began := run(t, w), time.Now()
				if !p.Await(t.Context(), "1") || !p.AwaitAll(t.Context()) || time.Since(began) > lookEvery {
					t.Errorf("it waits %s", time.Since(began))
				}
			})
		})
	}
}

// Brokers say nothing for a moment when a partition gets another leader. Who marks what it has been shown before waits for them, and for what they say then.
func TestBrokersThatDoNotAnswerAreWaitedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.noEnds = errors.New("no answer")
		p, began := run(t, w), time.Now()
		if waited := p.Await(t.Context(), "1"); !waited || time.Since(began) < endsTimeout || time.Since(began) > endsTimeout+lookEvery {
			t.Errorf("it waits %s", time.Since(began))
		}
		waiting := await(func() bool { return p.Await(t.Context(), "1") })
		time.Sleep(endsTimeout / 2)
		w.mu.Lock()
		w.noEnds = nil
		w.mu.Unlock()
		time.Sleep(2 * lookEvery)
		select {
		case <-waiting:
			t.Error("it does not wait for what the brokers have said")
		default:
		}
		if err := p.Reached(t.Context(), 1, events.Position{Epoch: 1, Offset: 20}); err != nil || !<-waiting {
			t.Errorf("%v", err)
		}
	})
}

func TestAStoreThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.noAnswer = errors.New("no answer")
		p := run(t, w)
		waiting := await(func() bool { return p.Await(t.Context(), "0") })
		time.Sleep(lookEvery)
		w.mu.Lock()
		w.noAnswer = nil
		w.mu.Unlock()
		if !<-waiting {
			t.Error("it is not taken")
		}
	})
}
