package timeline_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
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

// revision is what an edit at so many seconds says of a message that is at an offset.
func revision(of events.MessagePosted, offset int64, text string, seconds int) events.Revision {
	at := wire.At(of.Message.CreatedAt.Add(time.Duration(seconds) * time.Second))
	message := of.Message
	message.Body, _ = json.Marshal(wire.TextBody{Text: text})
	message.EditedAt, message.Position = &at, events.Position{Epoch: 5, Offset: offset}.String()
	return events.Revision{
		RoomID: of.RoomID, Message: message, Preview: wire.TextPreview("x", text), Audience: of.Audience,
	}
}

func deletion(of events.MessagePosted, offset int64, seconds int) events.Revision {
	deleted := revision(of, offset, "", seconds)
	deleted.Message.Body, deleted.Message.EditedAt, deleted.Message.DeletedAt = json.RawMessage(`{}`), nil, deleted.Message.EditedAt
	deleted.Preview = wire.DeletedPreview()
	return deleted
}

// Whatever part of a log is applied, in batches of any size, and applied again: once all of it has been, each message has the content that its newest
// revision gave it, at its own position, and a deletion is final.
func TestALogWithRevisionsMayBeAppliedAgain(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	edited, deleted, lost := posted(1), posted(2), posted(3)
	log := []bus.Record{
		record(t, edited, 10), record(t, deleted, 11),
		record(t, events.MessageEdited{Revision: revision(edited, 10, "older", 1)}, 12),
		record(t, events.MessageEdited{Revision: revision(deleted, 11, "in vain", 2)}, 13),
		record(t, events.MessageDeleted{Revision: deletion(deleted, 11, 3)}, 14),
		record(t, events.MessageEdited{Revision: revision(deleted, 11, "too late", 4)}, 15),
		record(t, events.MessageEdited{Revision: revision(edited, 10, "newest", 5)}, 16),
		record(t, events.MessageEdited{Revision: revision(lost, 9, "of one that the log has no more", 6)}, 17),
	}
	entry := func(of events.MessagePosted, offset, by int64, body string, edited, deleted int) store.Entry {
		e := store.Entry{Position: events.Position{Epoch: 5, Offset: offset}, Message: of.Message, Revision: events.Position{Epoch: 5, Offset: by}}
		e.Message.Body = json.RawMessage(body)
		if edited > 0 {
			e.EditedAt = of.Message.CreatedAt.Add(time.Duration(edited) * time.Second)
		}
		if deleted > 0 {
			e.DeletedAt = of.Message.CreatedAt.Add(time.Duration(deleted) * time.Second)
		}
		return e
	}
	want := []store.Entry{
		entry(deleted, 11, 14, `{}`, 0, 3), entry(edited, 10, 16, `{"text":"newest"}`, 5, 0), entry(lost, 9, 17, `{"text":"of one that the log has no more"}`, 6, 0),
	}
	random := rand.New(rand.NewPCG(1, 5403))
	for round := range 50 {
		from := random.IntN(len(log))
		if round == 0 {
			from = 0
		}
		for rest := log[from:]; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			if err := lines.Apply(t.Context(), rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got := stored(t, s); !reflect.DeepEqual(got, want) {
			t.Fatalf("in round %d the timeline is\n%+v\nwant\n%+v", round, got, want)
		}
		lines = another(t, s)
	}
}

// another is a timeline of a process that has just started, and remembers nothing.
func another(t *testing.T, s *counting) *timeline.Timeline {
	t.Helper()
	tel := telemetry.Discard(nil)
	lines, err := timeline.New(s, inEpoch(5), forEver, bus.New(bus.Config{}, tel).Tracing("ism.test"), tel)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestARevisionThatWasWrittenThroughIsNotWrittenAgain(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	message := posted(1)
	if err := lines.Apply(t.Context(), []bus.Record{record(t, message, 10)}); err != nil {
		t.Fatal(err)
	}
	edit := revision(message, 10, "edited", 1)
	through := record(t, events.MessageEdited{Revision: edit}, 12)
	event := uuid.MustParse(through.Headers[events.HeaderID])
	settle := lines.Begin(event)
	if err := lines.WriteThrough(t.Context(), events.Event{ID: event, Data: events.MessageEdited{Revision: edit}}, events.Position{Epoch: 5, Offset: 12}); err != nil {
		t.Fatal(err)
	}
	settle()
	want := stored(t, s)
	if len(want) != 1 || string(want[0].Message.Body) != `{"text":"edited"}` || want[0].Revision != (events.Position{Epoch: 5, Offset: 12}) {
		t.Fatalf("the timeline is %+v", want)
	}
	s.taken()
	if err := lines.Apply(t.Context(), []bus.Record{through}); err != nil {
		t.Fatal(err)
	}
	if n := s.taken(); n != 0 {
		t.Errorf("it is written %d times more", n)
	}
	if !reflect.DeepEqual(stored(t, s), want) {
		t.Errorf("the timeline is %+v, was %+v", stored(t, s), want)
	}
}

func TestARevisionThatCouldNotBeWrittenThroughIsWrittenByTheConsumer(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	message := posted(1)
	first := record(t, message, 10)
	if err := lines.Apply(t.Context(), []bus.Record{first}); err != nil {
		t.Fatal(err)
	}
	s.fail(store.ErrUnavailable)
	gone := deletion(message, 10, 1)
	through := record(t, events.MessageDeleted{Revision: gone}, 12)
	event := uuid.MustParse(through.Headers[events.HeaderID])
	if err := lines.WriteThrough(t.Context(), events.Event{ID: event, Data: events.MessageDeleted{Revision: gone}}, events.Position{Epoch: 5, Offset: 12}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("write through gives %v", err)
	}
	if err := lines.Apply(t.Context(), []bus.Record{through}); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, bus.ErrRejected) {
		t.Fatalf("apply gives %v", err)
	}
	s.fail(nil)
	if err := lines.Apply(t.Context(), []bus.Record{first, through}); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, s); len(got) != 1 || string(got[0].Message.Body) != `{}` || got[0].DeletedAt.IsZero() {
		t.Errorf("the timeline is %+v", got)
	}
}

// A log that has lost its end may have another message at the position of the revised one.
func TestARevisionOfAPositionThatAnotherMessageHasWaits(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	message := posted(1)
	if err := lines.Apply(t.Context(), []bus.Record{record(t, message, 10)}); err != nil {
		t.Fatal(err)
	}
	edit := revision(posted(2), 10, "of another", 1)
	err := lines.Apply(t.Context(), []bus.Record{record(t, events.MessageEdited{Revision: edit}, 12)})
	if !errors.Is(err, timeline.ErrLogLost) || errors.Is(err, bus.ErrRejected) {
		t.Errorf("apply gives %v, want ErrLogLost", err)
	}
	if got := stored(t, s); len(got) != 1 || got[0].Message.ID != message.Message.ID || !got[0].EditedAt.IsZero() {
		t.Errorf("the timeline is %+v", got)
	}
}

// A message that was sent again may be revised where a send has written it, at another position than its first. The revision is then of the first, however
// the log is cut into batches and whatever requests have written through.
func TestARevisionOfAMessageThatWasSentAgainIsOfItsFirstPosition(t *testing.T) {
	first := posted(1)
	first.Message.ClientID = "a name"
	again := first
	again.Message.CreatedAt = wire.At(first.Message.CreatedAt.Add(time.Second)) // another process has made it
	edit, gone := revision(again, 12, "edited", 10), deletion(again, 12, 20)
	log := map[int64]bus.Record{
		10: record(t, first, 10), 12: record(t, again, 12),
		13: record(t, events.MessageEdited{Revision: edit}, 13), 14: record(t, events.MessageDeleted{Revision: gone}, 14),
	}
	for name, c := range map[string]struct {
		through []int64 // what requests have written through
		batches [][]int64
		want    string
		by      int64
	}{
		"one batch":                        {nil, [][]int64{{10, 12, 13}}, `{"text":"edited"}`, 13},
		"one by one":                       {nil, [][]int64{{10}, {12}, {13}}, `{"text":"edited"}`, 13},
		"written through":                  {[]int64{12, 13}, [][]int64{{10}, {12, 13}}, `{"text":"edited"}`, 13},
		"written through, in one batch":    {[]int64{12, 13}, [][]int64{{10, 12, 13}}, `{"text":"edited"}`, 13},
		"again from the beginning":         {[]int64{12, 13}, [][]int64{{10, 12, 13}, {10}, {12, 13}}, `{"text":"edited"}`, 13},
		"again from the middle":            {[]int64{12}, [][]int64{{10, 12, 13}, {12, 13}}, `{"text":"edited"}`, 13},
		"deleted":                          {[]int64{12, 13, 14}, [][]int64{{10, 12}, {13, 14}}, `{}`, 14},
		"deleted, again from the middle":   {[]int64{12, 14}, [][]int64{{10, 12, 13, 14}, {13}}, `{}`, 14},
		"deleted, and the edit comes late": {[]int64{12}, [][]int64{{10, 12}, {14}, {13}, {12, 13}}, `{}`, 14},
	} {
		t.Run(name, func(t *testing.T) {
			lines, s, _ := newTimeline(t, 5)
			for _, offset := range c.through {
				event, at := uuid.MustParse(log[offset].Headers[events.HeaderID]), events.Position{Epoch: 5, Offset: offset}
				var err error
				switch offset {
				case 13:
					err = lines.WriteThrough(t.Context(), events.Event{ID: event, Data: events.MessageEdited{Revision: edit}}, at)
				case 14:
					err = lines.WriteThrough(t.Context(), events.Event{ID: event, Data: events.MessageDeleted{Revision: gone}}, at)
				default:
					err = lines.WriteThrough(t.Context(), events.Event{ID: event, Data: again}, at)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, batch := range c.batches {
				var records []bus.Record
				for _, offset := range batch {
					records = append(records, log[offset])
				}
				if err := lines.Apply(t.Context(), records); err != nil {
					t.Fatal(err)
				}
			}
			got := stored(t, s)
			if len(got) != 1 || got[0].Position.Offset != 10 || got[0].Revision.Offset != c.by || string(got[0].Message.Body) != c.want ||
				!got[0].Message.CreatedAt.Equal(first.Message.CreatedAt.Time) {
				t.Errorf("the timeline is %+v", got)
			}
		})
	}
}

// A store may place messages by their pace: the revision is where its message is, and that of one that was sent again where the first is.
func TestARevisionHasThePaceOfItsMessage(t *testing.T) {
	lines, s, _ := newTimeline(t, 5)
	apply := func(records ...bus.Record) store.Entry {
		t.Helper()
		if err := lines.Apply(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		return s.newest
	}
	message := posted(1)
	message.Pace = 20
	edit := revision(message, 10, "edited", 1)
	edit.Pace = 20
	if got := apply(record(t, message, 10)); got.Pace != 20 {
		t.Errorf("a message is written as %+v", got)
	}
	if got := apply(record(t, events.MessageEdited{Revision: edit}, 11)); got.Pace != 20 || got.Revision.Offset != 11 {
		t.Errorf("a revision is written as %+v", got)
	}

	first := posted(2)
	first.Message.ClientID, first.Pace = "a name", 17
	again := first
	again.Pace = 23
	edit = revision(again, 14, "edited", 1)
	edit.Pace = 23
	if got := apply(record(t, first, 12), record(t, again, 14), record(t, events.MessageEdited{Revision: edit}, 15)); got.Pace != 17 || got.Position.Offset != 12 || got.Revision.Offset != 15 {
		t.Errorf("a revision of what was sent again is written as %+v", got)
	}
}
