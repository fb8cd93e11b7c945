package membership

import (
	"errors"
	"time"
)

// probeEvery is how often rooms is asked, at most, on behalf of those who do not wait for its answer.
const probeEvery = time.Second

// outage knows whether rooms has left the last question unanswered. Until it answers one, nobody waits for it who can do without; it is still asked: by those who
// cannot, and once a second for those who can. It is under the cache's lock.
type outage struct {
	silent bool
	asked  time.Time // when that showed, or rooms was asked again since
}

// heard takes what has come of a question to rooms.
func (o *outage) heard(err error) {
	if o.silent = err != nil && !errors.Is(err, ErrRoomNotFound); o.silent {
		o.asked = time.Now()
	}
}

// due reports whether somebody is to ask again, and takes it that this is done.
func (o *outage) due() bool {
	now := time.Now()
	if now.Sub(o.asked) < probeEvery {
		return false
	}
	o.asked = now
	return true
}
