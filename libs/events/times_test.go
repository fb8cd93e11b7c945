package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/events/eventstest"
	"github.com/ism-chat/ism/libs/wire"
)

// A whole second is where decimals that are left out show.
func TestTimesOfRecordsHaveSixDecimals(t *testing.T) {
	event := posted("Soup?", alice, bob)
	event.Time = at.Truncate(time.Second)
	data := event.Data.(events.MessagePosted)
	data.Message.CreatedAt = wire.At(event.Time)
	event.Data = data
	headers, value, err := events.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Conforms(t, headers, value)
	const want = "2026-11-23T12:30:45.000000Z"
	if got := strings.Count(string(value), `"createdAt":"`+want+`"`); got != 2 || headers["ce_time"] != want {
		t.Errorf("it is %s, at %s", value, headers["ce_time"])
	}
	envelope, ok := events.OpenEnvelope(room.String(), headers, value)
	if seen := envelope.AppendPayload(nil); !ok || !envelope.At.Equal(event.Time) || strings.Count(string(seen), want) != 2 {
		t.Errorf("clients see %s (%v)", seen, ok)
	}
}

// A time.Time is written with as many decimals as it happens to have.
func TestNoEventHasATimeOfAnotherForm(t *testing.T) {
	var search func(path string, in reflect.Type)
	search = func(path string, in reflect.Type) {
		switch {
		case in == reflect.TypeFor[wire.Time]():
		case in == reflect.TypeFor[time.Time]():
			t.Errorf("%s is a time.Time: use wire.Time", path)
		case in.Kind() == reflect.Pointer, in.Kind() == reflect.Slice:
			search(path, in.Elem())
		case in.Kind() == reflect.Struct:
			for field := range in.Fields() {
				search(path+"."+field.Name, field.Type)
			}
		}
	}
	for _, entry := range events.Catalogue() {
		search(entry.Name, reflect.TypeOf(entry.Zero))
		if entry.Seen != nil {
			search(entry.Name+", as clients see it", reflect.TypeOf(entry.Seen))
		}
	}
}

// Logs have records of builds that left out zeros at a time's end.
func TestOlderRecordsAreRead(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "older", "message.posted.v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record eventstest.Record
	if err := json.Unmarshal(raw, &record); err != nil {
		t.Fatal(err)
	}
	var value bytes.Buffer
	if err := json.Compact(&value, record.Value); err != nil {
		t.Fatal(err)
	}
	want := at.Truncate(10 * time.Millisecond)
	event, err := events.Decode(record.Headers, value.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if data := event.Data.(events.MessagePosted); !event.Time.Equal(want) || !data.Message.CreatedAt.Equal(want) || data.Message.SenderID != alice {
		t.Errorf("it is read as %+v", event)
	}
	envelope, ok := events.OpenEnvelope(record.Key, record.Headers, value.Bytes())
	if !ok || !envelope.At.Equal(want) || len(envelope.Audience.Users) != 2 {
		t.Errorf("its envelope is %+v, %v", envelope, ok)
	}
	var seen wire.ChatMessage
	if err := json.Unmarshal(envelope.AppendPayload(nil), &seen); err != nil || !seen.CreatedAt.Equal(want) || !seen.Message.CreatedAt.Equal(want) {
		t.Errorf("clients see %s, %v", envelope.AppendPayload(nil), err)
	}
	headers, again, err := events.Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	eventstest.Conforms(t, headers, again)
}
