package traffic

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// healthy is the report of a room with ten messages, of which two streams have had all.
func healthy() (r Report, room uuid.UUID) {
	r, room = newReport(), uuid.New()
	begun := time.Now()
	for i := range 10 {
		m := Message{Room: room, ID: uuid.New(), Text: fmt.Sprint("message ", i), Position: fmt.Sprint("position ", i)}
		r.Acknowledged[m.Text] = m
		at := begun.Add(time.Duration(i) * time.Second)
		r.Sends[m.Text] = Send{Room: room, Begun: at, Answered: at.Add(900 * time.Millisecond), Named: i%2 == 0, Tries: 1 + i%3}
		r.History[room] = append(r.History[room], m)
		for _, user := range []string{"u01", "u02"} {
			r.Streams[user] = append(r.Streams[user], Delivery{Message: m})
		}
	}
	r.Refused["refused"], r.Unknown["unknown"] = true, true
	r.Pages = append(r.Pages, pageWith(r.History[room], 4, 8))
	return r, room
}

// pageWith is a page with some messages of a history, that was asked for a moment after the last of them was acknowledged.
func pageWith(history []Message, from, before int) Page {
	page := Page{Room: history[0].Room, Begun: time.Now().Add(time.Duration(before)*time.Second + 500*time.Millisecond), Oldest: history[from].Position, IDs: map[uuid.UUID]bool{}}
	for _, m := range history[from:before] {
		page.IDs[m.ID] = true
	}
	return page
}

// Each fault is planted in a report that has none.
func TestFaultsAreFound(t *testing.T) {
	written := func(room uuid.UUID, text string) Message { return Message{Room: room, ID: uuid.New(), Text: text} }
	for name, test := range map[string]struct {
		plant  func(r *Report, room uuid.UUID)
		resync bool
		behind bool
		want   string // "": there is no fault
	}{
		"none": {plant: func(*Report, uuid.UUID) {}},
		"an acknowledged message is lost": {plant: func(r *Report, room uuid.UUID) {
			r.History[room] = slices.Delete(r.History[room], 3, 4)
		}, want: `"message 3" was acknowledged and is not in the history`},
		"a message is stored twice": {plant: func(r *Report, room uuid.UUID) {
			r.History[room] = append(r.History[room], r.History[room][3])
		}, want: `the history has "message 3" twice`},
		"a message is written twice, with two ids": {plant: func(r *Report, room uuid.UUID) {
			r.History[room] = append(r.History[room], written(room, "message 3"))
		}, want: `the history has "message 3" twice`},
		"a refused message is written": {plant: func(r *Report, room uuid.UUID) {
			r.History[room] = append(r.History[room], written(room, "refused"))
		}, want: "was said not to be written"},
		"an unknown one is written": {plant: func(r *Report, room uuid.UUID) {
			m := written(room, "unknown")
			r.History[room] = append(r.History[room], m)
			for user := range r.Streams {
				r.Streams[user] = append(r.Streams[user], Delivery{Message: m})
			}
		}},
		"two messages are stored in another order": {plant: func(r *Report, room uuid.UUID) {
			r.History[room][3], r.History[room][4] = r.History[room][4], r.History[room][3]
		}, want: `"message 4" stands before "message 3", which had been acknowledged when it was begun`},
		"one that was begun before the other was acknowledged stands before it": {plant: func(r *Report, _ uuid.UUID) {
			send := r.Sends["message 4"]
			send.Answered = send.Answered.Add(30 * time.Second)
			r.Sends["message 4"] = send
		}},
		"a page has a hole": {plant: func(r *Report, room uuid.UUID) {
			delete(r.Pages[0].IDs, r.History[room][6].ID)
		}, want: `a page lacks "message 6"`},
		"a page lacks the newest": {plant: func(r *Report, room uuid.UUID) {
			delete(r.Pages[0].IDs, r.History[room][7].ID)
		}, want: `a page lacks "message 7"`},
		"a page says that it may lack some": {plant: func(r *Report, room uuid.UUID) {
			delete(r.Pages[0].IDs, r.History[room][7].ID)
			r.Pages[0].CompleteBefore = r.History[room][7].Position
		}},
		"a page lacks one before where it says that it may": {plant: func(r *Report, room uuid.UUID) {
			delete(r.Pages[0].IDs, r.History[room][6].ID)
			r.Pages[0].CompleteBefore = r.History[room][7].Position
		}, want: `a page lacks "message 6"`},
		"a named message is acknowledged as two": {plant: func(r *Report, _ uuid.UUID) {
			r.Twofold = append(r.Twofold, "message 4")
		}, want: `"message 4" was acknowledged as two messages`},
		"a named message is given up": {plant: func(r *Report, room uuid.UUID) {
			r.Sends["named"] = Send{Room: room, Named: true, Tries: 9, Failure: "no answer"}
		}, want: `"named" has a name and was never acknowledged: no answer`},
		"a stream lacks one": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Delete(r.Streams["u02"], 3, 4)
		}, want: `the stream of u02 lacks 1 messages before "message 4"`},
		"a stream lacks the last": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = r.Streams["u02"][:9]
		}, want: "the stream of u02 lacks the last 1 messages"},
		"a stream has one twice": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Insert(r.Streams["u02"], 4, r.Streams["u02"][3])
		}, want: `the stream of u02 has "message 3" twice`},
		"a stream has two swapped": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"][3], r.Streams["u02"][4] = r.Streams["u02"][4], r.Streams["u02"][3]
		}, want: `the stream of u02 has "message 3" behind what comes later`},
		"a stream has what was never stored": {plant: func(r *Report, room uuid.UUID) {
			r.Streams["u02"] = append(r.Streams["u02"], Delivery{Message: written(room, "unknown")})
		}, want: "which is not in the history"},
		"a gap is announced": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Replace(r.Streams["u02"], 3, 6, Delivery{Resync: "expired"})
		}, resync: true},
		"a gap at the end is announced": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Replace(r.Streams["u02"], 6, 10, Delivery{Resync: "expired"})
		}, resync: true},
		"a gap is announced where none may be": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Replace(r.Streams["u02"], 3, 6, Delivery{Resync: "expired"})
		}, want: "the stream of u02 has a Resync: expired"},
		"a gap is announced elsewhere": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Insert(slices.Delete(r.Streams["u02"], 3, 4), 8, Delivery{Resync: "expired"})
		}, resync: true, want: `the stream of u02 lacks 1 messages before "message 4"`},
		"an edge that is behind gives some again": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Insert(r.Streams["u02"], 6, append([]Delivery{{Resync: "unknown-position"}}, r.Streams["u02"][3:6]...)...)
		}, resync: true, behind: true},
		"no edge may be behind": {plant: func(r *Report, _ uuid.UUID) {
			r.Streams["u02"] = slices.Insert(r.Streams["u02"], 6, append([]Delivery{{Resync: "unknown-position"}}, r.Streams["u02"][3:6]...)...)
		}, resync: true, want: `the stream of u02 has "message 3" twice`},
		"an edge that is behind gives one twice again": {plant: func(r *Report, _ uuid.UUID) {
			again := r.Streams["u02"][5]
			r.Streams["u02"] = slices.Insert(r.Streams["u02"], 6, Delivery{Resync: "unknown-position"}, again, again)
		}, resync: true, behind: true, want: `the stream of u02 has "message 5" twice`},
	} {
		t.Run(name, func(t *testing.T) {
			report, room := healthy()
			test.plant(&report, room)
			faults := strings.Join(report.Faults(Options{Resync: test.resync, Behind: test.behind}), "\n")
			if (faults == "") != (test.want == "") || !strings.Contains(faults, test.want) {
				t.Errorf("found %q, want %q", faults, test.want)
			}
		})
	}
}

// Whether a failure came too soon is told from when others were sent and acknowledged.
func TestHastyFailuresAreFound(t *testing.T) {
	const stall = 3 * time.Second
	begun, room := time.Now(), uuid.New()
	at := func(seconds float64) time.Time { return begun.Add(time.Duration(seconds * float64(time.Second))) }
	for name, test := range map[string]struct {
		acknowledged, failed Send
		hasty                bool
	}{
		"after a stall":             {Send{Begun: at(0), Answered: at(0.1)}, Send{Begun: at(0.2), Answered: at(3.5), Failure: "kafka-unavailable"}, false},
		"while another waited":      {Send{Begun: at(2), Answered: at(4)}, Send{Begun: at(0.2), Answered: at(3.5), Failure: "kafka-unavailable"}, false},
		"at once":                   {Send{Begun: at(2), Answered: at(2.1)}, Send{Begun: at(3), Answered: at(3.1), Failure: "kafka-unavailable"}, true},
		"at once, in another room":  {Send{Room: room, Begun: at(2), Answered: at(2.1)}, Send{Begun: at(3), Answered: at(3.1), Failure: "kafka-unavailable"}, false},
		"at once, of another fault": {Send{Begun: at(2), Answered: at(2.1)}, Send{Begun: at(3), Answered: at(3.1), Failure: "rooms-unavailable"}, false},
		"unknown in time":           {Send{}, Send{Begun: at(3), Answered: at(7), Failure: "outcome-unknown"}, false},
		"unknown too soon":          {Send{}, Send{Begun: at(3), Answered: at(4), Failure: "outcome-unknown"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			report := newReport()
			report.Sends["acknowledged"], report.Sends["failed"] = test.acknowledged, test.failed
			if hasty := report.Hasty(stall); (len(hasty) > 0) != test.hasty {
				t.Errorf("found %q", hasty)
			}
		})
	}
}
