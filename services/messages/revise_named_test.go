package messages_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/ism-chat/ism/libs/servicetest"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// Who tries a named send again, at any node, is given what has become of the message meanwhile, also at the node that remembers what it has sent.
func TestANamedSendThatIsTriedAgainGivesWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	other := w.node(sqliteAt(path))
	room, user := w.newRoom()
	author := caller{id: user}
	sent := message(t, w.sendNamed(user, room, "order-17", "Soup?").Body)
	again := func(when string, at *world, want nodetest.Answer) {
		t.Helper()
		servicetest.AwaitSuccess(t, when, func() error {
			got := at.sendNamed(user, room, "order-17", "Soup?")
			if got.Status != http.StatusOK || got.Header.Get("Idempotency-Replayed") != "true" || string(got.Body) != string(want.Body) {
				return fmt.Errorf("%s, want %s", got, want)
			}
			return nil
		})
	}
	edited := w.editAs(author, room, sent.ID, `{"text":"Soup!"}`)
	if got := message(t, edited.Body); edited.Status != http.StatusOK || got.ClientID != "order-17" || got.Position != sent.Position {
		t.Fatalf("the edit: %s", edited)
	}
	again("at the node that edited it", w, edited)
	again("at the other node", other, edited)
	deleted := other.deleteAs(author, room, sent.ID)
	if deleted.Status != http.StatusOK {
		t.Fatalf("the deletion: %s", deleted)
	}
	again("at the node that deleted it", other, deleted)
	again("at the node that sent it", w, deleted)
	if got := w.posted(room); len(got) != 1 {
		t.Errorf("the log has %d messages", len(got))
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	w.is(user, message(t, deleted.Body))
}

// Many edit one message at once, and of another while it is being deleted. What the timeline shows at the end is the last edit that the log has, and the
// deletion.
func TestManyReviseAtOnce(t *testing.T) {
	t.Parallel()
	const writers = 20
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	author, kept, gone := caller{id: user}, w.mustSend(user, room, "kept"), w.mustSend(user, room, "gone")
	// On a busy machine one may have to ask again: so many come before it.
	insist := func(ask func() nodetest.Answer) nodetest.Answer {
		got := ask()
		for got.Code() == "revision-under-way" {
			got = ask()
		}
		return got
	}
	edit := func(message uuid.UUID, body string) nodetest.Answer {
		return insist(func() nodetest.Answer { return w.editAs(author, room, message, body) })
	}
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			body := fmt.Sprintf(`{"text":"edit %d"}`, i)
			if got := edit(kept.ID, body); got.Status != http.StatusOK {
				t.Errorf("an edit: %s", got)
			}
			if i == writers/2 {
				if got := insist(func() nodetest.Answer { return w.deleteAs(author, room, gone.ID) }); got.Status != http.StatusOK {
					t.Errorf("the deletion: %s", got)
				}
				return
			}
			if got := edit(gone.ID, body); got.Status != http.StatusOK && got.Code() != "message-deleted" {
				t.Errorf("an edit beside a deletion: %s", got)
			}
		})
	}
	all.Wait()
	inLog := func() (last, deletion wire.Message) {
		edits := w.revisions(kept.ID)
		if len(edits) != writers {
			t.Errorf("the log has %d edits", len(edits))
		}
		for i := 1; i < len(edits); i++ {
			if before, now := edits[i-1].Revises().Message, edits[i].Revises().Message; !now.EditedAt.After(before.EditedAt.Time) {
				t.Errorf("edit %d is of %s, the one before of %s", i, now.EditedAt, before.EditedAt)
			}
		}
		for _, revision := range w.revisions(gone.ID) {
			if revision.EventName() == "message.deleted" {
				deletion = revision.Revises().Message
			}
		}
		return edits[len(edits)-1].Revises().Message, deletion
	}
	last, deletion := inLog()
	w.is(user, last)
	w.is(user, deletion)
	w.caughtUp(kafkaClient(t, w.brokers))
	w.is(user, last)
	w.is(user, deletion)
}
