package sends

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// The ids are the same wherever and whenever they are made on a day, and none is another's.
func TestIDsFollowFromTheName(t *testing.T) {
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	name := Name{Sender: uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a"), Room: uuid.MustParse("0192d3a0-0000-7000-8000-000000000001"), Text: "17"}
	// What other nodes and later versions must make of the same name.
	if got := name.Message(noon).String(); got != "01a22499-f800-786c-b81a-fde7c47d32b6" {
		t.Errorf("the message is %s", got)
	}
	if got := name.Event(noon).String(); got != "fc55e3ee-77d2-8cde-ade2-32a09b060278" {
		t.Errorf("the event is %s", got)
	}
	seen := map[uuid.UUID]bool{}
	for _, n := range []Name{name, {name.Room, name.Sender, name.Text}, {name.Sender, name.Room, "1"}, {name.Sender, name.Room, "17 "}, {name.Sender, uuid.Nil, "17"}} {
		for _, at := range []time.Time{noon, noon.Add(day), noon.Add(-day)} {
			for _, id := range []uuid.UUID{n.Message(at), n.Event(at)} {
				if seen[id] {
					t.Errorf("%+v at %s has the id of another one", n, at)
				}
				seen[id] = true
			}
		}
	}
	id := name.Message(noon)
	seconds, nanos := id.Time().UnixTime()
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 || !time.Unix(seconds, nanos).Equal(noon.Truncate(day)) {
		t.Errorf("%s is of version %s, %s, %s", id, id.Version(), id.Variant(), time.Unix(seconds, nanos).UTC())
	}
	if late := noon.Add(day - time.Hour).In(time.FixedZone("", 12*3600)); name.Messages(late)[1] != id && name.Messages(late)[0] != id {
		t.Error("a day later it is not looked for")
	}
	if name.Messages(noon.Add(2*day)) == name.Messages(noon) {
		t.Error("it is looked for for ever")
	}
}

func TestSendsOfOneNameWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		name := Name{Sender: uuid.New(), Room: uuid.New(), Text: "a"}
		end, err := s.Begin(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		other := name
		other.Text = "b"
		endOther, err := s.Begin(t.Context(), other)
		if err != nil {
			t.Fatalf("another name: %v", err)
		}
		endOther()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Begin(ctx, name); !errors.Is(err, ErrUnderWay) {
			t.Errorf("while it is under way: %v", err)
		}
		begun := make(chan struct{})
		go func() {
			defer close(begun)
			if end, err := s.Begin(t.Context(), name); err != nil {
				t.Errorf("after it: %v", err)
			} else {
				end()
			}
		}()
		synctest.Wait()
		select {
		case <-begun:
			t.Error("it has begun while another one is under way")
		default:
		}
		end()
		<-begun
	})
}

func TestResultsAreRememberedWithinABound(t *testing.T) {
	s, err := New(64 << 10)
	if err != nil {
		t.Fatal(err)
	}
	var last wire.Message
	for range 100 {
		last = wire.Message{ID: uuid.New(), Body: json.RawMessage(strings.Repeat("a", 4<<10))}
		s.Remember(last)
	}
	if got, ok := s.Result(last.ID); !ok || string(got.Body) != string(last.Body) {
		t.Error("the newest is forgotten")
	}
	if s.results.Len() > 16 {
		t.Errorf("%d are remembered", s.results.Len())
	}
}
