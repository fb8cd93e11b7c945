package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

// output is what the demo prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	see  func(line string)
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.see != nil {
		o.see(string(line))
	}
	return o.text.Write(line)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start makes a demo against the stand-in that does not pause. It gives what was to be paused.
func start(t *testing.T, s *standIn, messages int) (*demo, *output, func() map[time.Duration]int) {
	t.Helper()
	out := &output{}
	opts, err := parse([]string{"-target", s.url, "-rate", "1000"}, out)
	if err != nil {
		t.Fatal(err)
	}
	opts.messages = messages
	d := newDemo(opts, out)
	t.Cleanup(d.http.CloseIdleConnections)
	d.every = time.Millisecond
	var mu sync.Mutex
	pauses := map[time.Duration]int{}
	d.pause = func(ctx context.Context, wait time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		pauses[wait]++
		return context.Cause(ctx)
	}
	return d, out, func() map[time.Duration]int {
		mu.Lock()
		defer mu.Unlock()
		return pauses
	}
}

func TestAStackThatHasJustStartedIsWaitedFor(t *testing.T) {
	s := newStandIn(t)
	s.slow = map[string]int{
		"/realms/ism/protocol/openid-connect/token": 2, "/api/rooms": 1, "/api/rooms/create-room": 2, "/api/rooms/ROOM/timeline": 1, "/api/sse": 2,
	}
	s.sends = map[string][]string{
		"Lunch?":     {refused, refused},
		"Soup 🥣":     {written},
		"measured 3": {refused},
		"measured 7": {written},
		"measured 8": {unwritten},
	}
	d, out, pauses := start(t, s, 50)
	// Messages come late: only when it has been said that they are waited for.
	s.deliver(false)
	out.see = func(line string) {
		if strings.Contains(line, "waiting for the message on the stream of bob") {
			s.deliver(true)
		}
	}
	if err := d.play(t.Context()); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"48 messages acknowledged, each delivered once.", "2 messages were not acknowledged", "The history is what both saw live"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	for text, want := range map[string]struct{ logged, asked int }{
		"Lunch?": {1, 3}, "Soup 🥣": {1, 1}, "measured 1": {1, 1}, "measured 3": {1, 2}, "measured 7": {1, 1}, "measured 8": {0, 1},
	} {
		if logged, asked := s.count(text); logged != want.logged || asked != want.asked {
			t.Errorf("%q was sent %d times and is there %d times, want %d and %d", text, asked, logged, want.asked, want.logged)
		}
	}
	if got := pauses(); got[7*time.Second] != 12 || len(got) != 1 {
		t.Errorf("it paused %v, want 12 times what the answers ask for", got)
	}
}

// A line that was lost on the way is said once more, when the history does not have it.
func TestALineThatTheHistoryDoesNotHaveIsSentAgain(t *testing.T) {
	s := newStandIn(t)
	s.sends = map[string][]string{"Lunch?": {unwritten, refused, unwritten}}
	d, out, _ := start(t, s, 1)
	if err := d.play(t.Context()); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if logged, asked := s.count("Lunch?"); logged != 1 || asked != 4 {
		t.Errorf("it was sent %d times and is there %d times", asked, logged)
	}
	if s.histories != 4 { // when they meet, at the end, and twice when nobody knew
		t.Errorf("the history was read %d times", s.histories)
	}
}

func TestMeasuredMessagesThatComeLateAreWaitedFor(t *testing.T) {
	s := newStandIn(t)
	d, out, _ := start(t, s, 30)
	out.see = func(line string) {
		switch {
		case strings.Contains(line, "Measuring"):
			s.deliver(false)
		case strings.Contains(line, "waiting for 30 of 30 messages, "):
			s.deliver(true)
		}
	}
	if err := d.play(t.Context()); err != nil || !strings.Contains(out.String(), "30 messages acknowledged, each delivered once.") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestAStreamThatBreaksIsResumed(t *testing.T) {
	s := newStandIn(t)
	d, out, pauses := start(t, s, 30)
	out.see = func(line string) {
		if strings.Contains(line, "Measuring") {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cut = len(s.log) + 10
		}
	}
	if err := d.play(t.Context()); err != nil || !strings.Contains(out.String(), "30 messages acknowledged, each delivered once.") {
		t.Errorf("%v:\n%s", err, out)
	}
	if strings.Count(out.String(), "(stream broke, resuming)") != 1 || pauses()[3*time.Second] != 1 {
		t.Errorf("it paused %v:\n%s", pauses(), out)
	}
}

func TestItEndsWithWhatIsMissing(t *testing.T) {
	s := newStandIn(t)
	d, out, _ := start(t, s, 30)
	out.see = func(line string) {
		if strings.Contains(line, "Measuring") {
			s.deliver(false)
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	overdue := errors.New("it takes too long")
	outer := out.see
	out.see = func(line string) {
		outer(line)
		if strings.Contains(line, "waiting for 30 of 30 messages") {
			stop(overdue)
		}
	}
	if err := d.play(ctx); !errors.Is(err, overdue) || !strings.Contains(err.Error(), "0 of 30 acknowledged messages were delivered") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestItHasADeadline(t *testing.T) {
	s := newStandIn(t)
	s.slow = map[string]int{"/api/rooms": 1 << 30}
	d, out, _ := start(t, s, 1)
	d.pause, d.deadline = pause, time.Millisecond
	if err := d.play(t.Context()); err == nil || !strings.Contains(err.Error(), "it takes longer than 2ms") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestWhatIsNoMatterOfTimeEndsItAtOnce(t *testing.T) {
	s := newStandIn(t)
	s.sends = map[string][]string{"Lunch?": {forbidden}}
	d, out, pauses := start(t, s, 1)
	if err := d.play(t.Context()); err == nil || !strings.Contains(err.Error(), "forbidden") || len(pauses()) > 0 {
		t.Errorf("%v, after %v:\n%s", err, pauses(), out)
	}
}

func TestWhatIsWaitedForIsToldEveryFewSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{}
		d := newDemo(options{}, out)
		err := d.until(t.Context(), "soup", func(ctx context.Context) error { return pause(ctx, 10*time.Second) })
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "waiting") {
				told = append(told, strings.TrimSpace(line))
			}
		}
		if got, want := strings.Join(told, "; "), "waiting for soup, 3 s; waiting for soup, 6 s; waiting for soup, 9 s"; got != want {
			t.Errorf("it says %s", got)
		}
	})
}
