package eventloop

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWheelGivesWhatIsDueAndNothingEarly(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var w wheel
		now := time.Duration(random.Int64N(int64(time.Hour)))
		w.tick = int64(now / wheelTick)
		due := map[*connection]time.Duration{}
		var all []*connection
		for range 50 {
			all = append(all, &connection{bucket: noBucket})
		}
		for range 2000 {
			c := all[random.IntN(len(all))]
			switch random.IntN(4) {
			case 0:
				at := now + time.Duration(random.Int64N(int64(2*time.Minute))) - time.Second
				w.set(c, at)
				due[c] = max(at, now) // it may have been due before
			case 1:
				w.remove(c)
				delete(due, c)
			case 2:
				w.set(c, 0)
				delete(due, c)
			case 3:
				now += time.Duration(random.Int64N(int64([]time.Duration{wheelTick, time.Second, time.Minute}[random.IntN(3)])))
				for c := w.pop(now); c != nil; c = w.pop(now) {
					if at, known := due[c]; !known || c.due > now {
						t.Fatalf("seed %d: at %v comes what is due at %v, %v", seed, now, at, known)
					}
					delete(due, c)
				}
				for _, at := range due {
					if at <= now-wheelTick {
						t.Fatalf("seed %d: at %v what is due at %v has not come", seed, now, at)
					}
				}
			}
			if w.count != len(due) {
				t.Fatalf("seed %d: %d connections, want %d", seed, w.count, len(due))
			}
			next := w.next()
			for _, at := range due {
				if next == 0 || next > max(at+wheelTick, now+wheelTick) {
					t.Fatalf("seed %d: at %v the next bucket is that of %v, though something is due at %v", seed, now, next, at)
				}
			}
		}
	}
}
