package media_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
)

func TestWhatBecomesOfAMediumGetsToTheLogInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, config())
	room := uuid.New()
	alice := w.member(room)
	medium := w.uploaded(alice, room, "text/plain", []byte("soup"))
	if answer := w.do(alice, http.MethodDelete, "/api/media/"+medium.ID.String(), ""); answer.Status != http.StatusNoContent {
		t.Fatalf("withdraw: %s", answer)
	}
	var (
		mu   sync.Mutex
		told []wire.MediaState
	)
	w.hears(events.TopicMedia, func(_ context.Context, records []bus.Record) error {
		decoded, err := bus.Decode[events.MediaChanged](records)
		if err != nil {
			return err //nolint:wrapcheck // the test's
		}
		mu.Lock()
		defer mu.Unlock()
		for i, event := range decoded {
			if event.Data.MediaID != medium.ID || records[i].Key != alice.String() {
				t.Errorf("told is %+v, by the key %s", event.Data, records[i].Key)
			}
			told = append(told, event.Data.State)
		}
		return nil
	})
	servicetest.Await(t, "all is told, in order", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(told, []wire.MediaState{wire.MediaUploaded, wire.MediaReady, wire.MediaDeleted})
	})
}
