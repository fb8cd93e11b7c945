package pace_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/services/messages/internal/pace"
)

// log shows paces what rooms say, one offset after the other.
type log struct {
	*pace.Paces
	next int64
}

func newLog(t *testing.T) *log {
	t.Helper()
	paces, err := pace.New()
	if err != nil {
		t.Fatal(err)
	}
	return &log{Paces: paces}
}

// say appends messages of a room, each behind so many offsets of others.
func (l *log) say(room uuid.UUID, messages int, others int64) {
	for range messages {
		l.next += others
		l.Saw(room, l.next)
		l.next++
	}
}

func TestARoomHasThePaceOfItsMessages(t *testing.T) {
	for others, want := range map[int64]events.Pace{0: 17, 14: 17, 16: 20, 126: 20, 128: 23, 1_022: 23, 1_024: 26, 8_190: 26, 8_192: 0} {
		l, room := newLog(t), uuid.New()
		l.say(room, events.PaceMessages, others)
		if got := l.Of(room); got != 0 {
			t.Errorf("behind %d others before it has been measured the pace is %d", others, got)
		}
		l.say(room, 1, others)
		if got := l.Of(room); got != want {
			t.Errorf("behind %d others each the pace is %d, want %d", others, got, want)
		}
		if got := l.Of(uuid.New()); got != 0 {
			t.Errorf("another room has the pace %d", got)
		}
	}
}

func TestAPaceFollowsItsRoom(t *testing.T) {
	l, room := newLog(t), uuid.New()
	l.say(room, events.PaceMessages+1, 10_000)
	l.say(room, 2*events.PaceMessages, 0)
	if got := l.Of(room); got != 17 {
		t.Errorf("of a room that has got busy the pace is %d", got)
	}
	var paces []events.Pace // as it gets quiet
	for range 300 {
		l.say(room, 1, 1<<18)
		if got := l.Of(room); len(paces) == 0 || got != paces[len(paces)-1] {
			paces = append(paces, got)
		}
	}
	if want := []events.Pace{20, 23, 26, 0}; !slices.Equal(paces, want) {
		t.Errorf("of a room that gets quiet the paces are %v, want %v", paces, want)
	}
	l.Forget()
	if got := l.Of(room); got != 0 {
		t.Errorf("of a room that is forgotten the pace is %d", got)
	}
}

func TestRoomsThatSayLittleAreForgotten(t *testing.T) {
	l, busy, quiet := newLog(t), uuid.New(), uuid.New()
	l.say(busy, events.PaceMessages+1, 0)
	l.say(quiet, events.PaceMessages+1, 0)
	for i := range 20_000 {
		l.say(uuid.New(), 1, 0)
		if i%1000 == 0 {
			l.say(busy, 1, 0)
		}
	}
	if l.Of(busy) == 0 || l.Of(quiet) != 0 {
		t.Errorf("the paces are %d and %d", l.Of(busy), l.Of(quiet))
	}
}
