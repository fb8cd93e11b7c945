package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/store"
)

func TestAPreviewIsShownUntilItsMessageExpires(t *testing.T) {
	expires, name := time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC), "Alice"
	shown := store.LatestMessage{Preview: wire.TextPreview("alice", "Soup?"), Sender: uuid.New(), Expires: expires}.Shown()
	for _, c := range []struct {
		now  time.Time
		name *string
		want wire.Preview
	}{
		{expires.Add(-time.Microsecond), nil, wire.TextPreview("alice", "Soup?")},
		{expires.Add(-time.Microsecond), &name, wire.TextPreview("Alice", "Soup?")},
		{expires, nil, wire.NewRoomPreview()},
		{expires.Add(time.Hour), &name, wire.NewRoomPreview()},
	} {
		if got := shown.By(c.name, c.now); *got != c.want {
			t.Errorf("at %s it is %+v, want %+v", c.now, *got, c.want)
		}
	}
	shown.Expires = time.Time{}
	if got := shown.By(nil, expires.AddDate(1000, 0, 0)); *got != wire.TextPreview("alice", "Soup?") {
		t.Errorf("what never expires is %+v", *got)
	}
}
