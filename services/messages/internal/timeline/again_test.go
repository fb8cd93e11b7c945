package timeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/timeline"
	"github.com/ism-chat/ism/services/messages/store"
)

// laterBy gives a record as if its event had happened so much later.
func laterBy(record bus.Record, later time.Duration) bus.Record {
	record.Headers["ce_time"] = wire.At(time.Now().Add(later)).String()
	return record
}

// A message that the log has at several positions, as its sender has tried again to send it or the record was written twice, is in the timeline at the
// first. Whatever sends have written through, however the log is cut into batches, and whether or not another process goes on between them.
func TestAMessageThatTheLogHasAgainStaysAtItsFirstPosition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		clientID string
		later    time.Duration // than the process has begun to read the partition
		restarts bool
	}{
		"named":                                   {clientID: "a name"},
		"named, taken on by others":               {clientID: "a name", restarts: true},
		"written twice":                           {},
		"written twice, taken on by others":       {restarts: true},
		"written twice, after a minute's reading": {later: 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, s, tel := newTimeline(t, 2)
			for _, through := range [][]int64{nil, {10}, {12}, {10, 12}, {12, 10}, {13, 12, 10}} {
				for _, batches := range [][][]int64{{{10, 11, 12, 13}}, {{10}, {11}, {12}, {13}}, {{10, 11}, {12, 13}}, {{10, 11, 12, 13}, {10}, {11, 12, 13}}, {{10}, {10, 11, 12}, {12, 13}}} {
					in := uuid.New()
					message, other := postedIn(in, 1), postedIn(in, 2)
					message.Message.ClientID = c.clientID
					for _, offset := range through {
						if err := lines.WriteThrough(t.Context(), events.Event{ID: eventOf(message), Data: message}, events.Position{Epoch: 2, Offset: offset}); err != nil {
							t.Fatal(err)
						}
					}
					for _, batch := range batches {
						var records []bus.Record
						for _, offset := range batch {
							what := message
							if offset == 11 {
								what = other
							}
							records = append(records, laterBy(record(t, what, offset), c.later))
						}
						if c.restarts {
							lines = timelineOn(t, s, 2, tel)
						}
						if err := lines.Apply(t.Context(), records); err != nil {
							t.Fatal(err)
						}
					}
					got := storedOf(t, s, in)
					if len(got) != 2 || got[0].Message.ID != other.Message.ID || got[1].Message.ID != message.Message.ID || got[1].Position != (events.Position{Epoch: 2, Offset: 10}) {
						t.Errorf("written through at %v, and taken in the batches %v, the timeline has %+v", through, batches, got)
					}
				}
			}
		})
	}
}

func postedIn(in uuid.UUID, i int) events.MessagePosted {
	message := posted(i)
	message.RoomID, message.Message.RoomID = in, in
	return message
}

// Who edits a message may have found it at its second position, where its send has written it.
func TestARevisionOfAMessageThatTheLogHasAgainIsAtItsFirstPosition(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]time.Duration{"at once": 0, "after a minute's reading": 2 * time.Minute} {
		for _, batches := range [][][]int64{{{10, 11, 12, 13}}, {{10}, {11}, {12}, {13}}, {{10, 11}, {12, 13}, {13}}, {{10, 11, 12}, {12, 13}}} {
			t.Run(fmt.Sprint(name, batches), func(t *testing.T) {
				t.Parallel()
				lines, s, _ := newTimeline(t, 5)
				message := posted(1)
				edit := events.MessageEdited{Revision: revision(message, 11, "edited", 3)}
				log := map[int64]bus.Record{10: record(t, message, 10), 11: record(t, message, 11), 12: record(t, edit, 12), 13: record(t, posted(4), 13)}
				for offset, data := range map[int64]events.Data{11: message, 12: edit} {
					event := events.Event{ID: uuid.MustParse(log[offset].Headers[events.HeaderID]), Data: data}
					if err := lines.WriteThrough(t.Context(), event, events.Position{Epoch: 5, Offset: offset}); err != nil {
						t.Fatal(err)
					}
				}
				for _, batch := range batches {
					var records []bus.Record
					for _, offset := range batch {
						records = append(records, laterBy(log[offset], later))
					}
					if err := lines.Apply(t.Context(), records); err != nil {
						t.Fatal(err)
					}
				}
				got := stored(t, s)
				if len(got) != 2 || got[1].Message.ID != message.Message.ID || got[1].Position.Offset != 10 || got[1].Revision.Offset != 12 {
					t.Fatalf("the timeline has %+v", got)
				}
				var body wire.TextBody
				if err := json.Unmarshal(got[1].Message.Body, &body); err != nil || body.Text != "edited" {
					t.Errorf("the message is %s, %v", got[1].Message.Body, err)
				}
			})
		}
	}
}

// looking counts how often it is asked for first positions.
type looking struct {
	store.Store
	asked int
}

func (l *looking) FirstPositions(ctx context.Context, messages []store.Key) (map[store.Key]events.Position, error) {
	l.asked += len(messages)
	return l.Store.FirstPositions(ctx, messages)
}

// Only who has just begun to read a partition asks the store whether it has its messages already.
func TestAMessageCostsNoLookUp(t *testing.T) {
	t.Parallel()
	_, s, tel := newTimeline(t, 2)
	asked := &looking{Store: s}
	lines := timelineOn(t, asked, 2, tel)
	for i, c := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {50 * time.Second, 1}, {2 * time.Minute, 0}, {2 * time.Minute, 0}} {
		asked.asked = 0
		if err := lines.Apply(t.Context(), []bus.Record{laterBy(record(t, posted(i), int64(100+i)), c.later)}); err != nil {
			t.Fatal(err)
		}
		if asked.asked != c.want {
			t.Errorf("message %d: %d are looked up, want %d", i, asked.asked, c.want)
		}
	}
}

func timelineOn(t *testing.T, s store.Store, epoch int32, tel *telemetry.Telemetry) *timeline.Timeline {
	t.Helper()
	lines, err := timeline.New(s, inEpoch(epoch), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
