package messages_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

// unwritable says that messages whose texts begin so cannot be written to the store.
func unwritable(text string) func(store.Entry) bool {
	return func(entry store.Entry) bool { return strings.HasPrefix(texts([]wire.Message{entry.Message})[0], text) }
}

// A message that the store does not take, while it takes those behind it, is in every page: of the node that sent it at once, of others once they have
// read the log. A node that has not read it says up to where its pages are whole, until the consumer group has written it.
func TestPagesHaveNoHoles(t *testing.T) {
	t.Parallel()
	w, other, path := twoNodes(t)
	room, user := w.newRoom()
	w.store.lose(unwritable("hole"))
	other.store.lose(unwritable("hole"))
	var sent []wire.Message
	for i := range 12 {
		text := fmt.Sprint("message ", i)
		if i%4 == 1 {
			text = fmt.Sprint("hole ", i)
		}
		sent = append(sent, w.mustSend(user, room, text))
		if got := texts(w.timeline(user, room)); len(got) != i+1 || got[0] != text {
			t.Errorf("at once the timeline is %v", got)
		}
	}
	whole := func(w *world, limit int) error {
		var walked []wire.Message
		for query := fmt.Sprint("?limit=", limit); ; {
			page, got := w.page(user, room, query)
			if before := got.Header.Get("X-Complete-Before"); before != "" {
				return fmt.Errorf("a page is complete before %s alone", before)
			}
			walked = append(walked, page...)
			if len(walked) > len(sent) || got.Header.Get("X-Next-Cursor") == "" {
				break
			}
			query = fmt.Sprintf("?limit=%d&cursor=%s", limit, got.Header.Get("X-Next-Cursor"))
		}
		if len(walked) != len(sent) {
			return fmt.Errorf("by %d there are %d messages, want %d: %v", limit, len(walked), len(sent), texts(walked))
		}
		for i, m := range walked {
			if want := sent[len(sent)-1-i]; m.ID != want.ID || m.Position != want.Position || string(m.Body) != string(want.Body) {
				return fmt.Errorf("by %d message %d is %+v, want %+v", limit, i, m, want)
			}
		}
		return nil
	}
	for _, limit := range []int{1, 2, 3, 5, 11, 12, 100} {
		for _, node := range []*world{w, other} {
			servicetest.AwaitSuccess(t, "pages are whole", func() error { return whole(node, limit) })
		}
	}
	if page, got := w.page(user, room, "?timestamp="+sent[5].CreatedAt.String()+"&limit=3"); len(page) != 3 || page[0].ID != sent[4].ID {
		t.Errorf("before a message that the store lacks: %s", got)
	}

	late := w.node(sqliteAt(path))
	late.store.lose(unwritable("hole"))
	page, got := late.page(user, room, "")
	if before := got.Header.Get("X-Complete-Before"); before == "" || before > sent[1].Position || got.Header.Get("Retry-After") != "1" {
		t.Errorf("a node that has not read the log gives %v, complete before %q, though it lacks %s", texts(page), before, sent[1].Position)
	}
	for _, node := range []*world{w, other, late} {
		node.store.lose(nil)
	}
	servicetest.AwaitSuccess(t, "the consumer group has written all", func() error { return whole(late, 5) })
	w.store.lose(func(entry store.Entry) bool { return true })
	missing := w.mustSend(user, room, "left to the group")
	if got := w.timeline(user, room); got[0].ID != missing.ID {
		t.Errorf("a message that was left to the group is not in the timeline at once: %v", texts(got))
	}
	w.store.lose(nil)
}

// interrupted is a store in which something happens between the reading of a page and what follows.
type interrupted struct {
	store.Store
	afterPage atomic.Pointer[func()] // once
}

func (i *interrupted) Page(ctx context.Context, room uuid.UUID, within store.Range, limit int) ([]store.Entry, error) {
	entries, err := i.Store.Page(ctx, room, within, limit)
	if then := i.afterPage.Swap(nil); then != nil {
		(*then)()
	}
	return entries, err
}

// What the consumer group writes and commits while a page is read is in it.
func TestPagesHaveNoHolesWhileTheyAreHealed(t *testing.T) {
	t.Parallel()
	s := &interrupted{Store: newSQLite(t)}
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), s)
	room, user := w.newRoom()
	for round := range 3 {
		w.store.lose(unwritable("hole"))
		w.mustSend(user, room, "before")
		hole := w.mustSend(user, room, "hole")
		w.mustSend(user, room, "behind")
		heal := func() {
			w.store.lose(nil)
			servicetest.AwaitSuccess(t, "the consumer group has written it", func() error {
				_, err := s.Find(t.Context(), room, hole.ID)
				return err
			})
		}
		s.afterPage.Store(&heal)
		if got := texts(w.timeline(user, room)); len(got) != 3*(round+1) || got[1] != "hole" {
			t.Errorf("while it is healed the timeline is %v", got)
		}
	}
}

// withoutEpochs is a store that does not say which log positions are of.
type withoutEpochs struct{ store.Store }

func (withoutEpochs) RecordedLogs(context.Context, string) ([]bus.RecordedLog, error) {
	return nil, store.ErrUnavailable
}

// A node that does not know the log yet knows nothing of what the store may lack, and says so.
func TestPagesSayThatTheyMayLackMessagesBeforeTheLogIsKnown(t *testing.T) {
	open := reopening()["sqlite"](t)
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), open())
	room, user := w.newRoom()
	w.mustSend(user, room, "before")
	w.stop()
	w.store = &faulty{Store: withoutEpochs{open()}}
	w.start()
	servicetest.AwaitSuccess(t, "the page is given", func() error {
		page, got := w.page(user, room, "")
		if got.Status != http.StatusOK || len(page) != 1 {
			return fmt.Errorf("%s", got)
		}
		if before := got.Header.Get("X-Complete-Before"); before != (events.Position{}).String() || got.Header.Get("Retry-After") != "1" {
			t.Errorf("it says that it is complete before %q", before)
		}
		return nil
	})
}

// A message that the log has twice is in pages once, also before the consumer group has come to it.
func TestPagesHaveNothingTwice(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	for _, node := range []*world{w, other} {
		node.store.lose(unwritable("twice"))
	}
	var ids []uuid.UUID
	for i := range 5 {
		key := fmt.Sprint("key-", i)
		a, b := w.sendNamed(user, room, key, "twice"), other.sendNamed(user, room, key, "twice")
		if a.Status != 200 || b.Status != 200 {
			t.Fatalf("%s, %s", a, b)
		}
		ids = append(ids, message(t, a.Body).ID)
	}
	for _, node := range []*world{w, other} {
		servicetest.AwaitSuccess(t, "the page is whole", func() error {
			page, got := node.page(user, room, "?limit=20")
			if len(page) != len(ids) || got.Header.Get("X-Complete-Before") != "" {
				return fmt.Errorf("%d messages, complete before %q", len(page), got.Header.Get("X-Complete-Before"))
			}
			return nil
		})
	}
}

// What becomes of a message is in pages and answers before the store has taken it, on the node that has made it at once.
func TestPagesShowRevisionsThatTheStoreHasNot(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	kept, edited, deleted := w.mustSend(user, room, "kept"), w.mustSend(user, room, "first"), w.mustSend(user, room, "gone")
	for _, node := range []*world{w, other} {
		node.store.lose(func(entry store.Entry) bool { return entry.Message.RoomID == room })
	}
	late := w.mustSend(user, room, "late")
	at := func(m wire.Message) string { return fmt.Sprintf("/api/rooms/%s/messages/%s", room, m.ID) }
	for _, change := range []struct{ method, path, body string }{
		{"PATCH", at(edited), `{"msgBody":{"text":"second"}}`},
		{"PATCH", at(edited), `{"msgBody":{"text":"third"}}`},
		{"DELETE", at(deleted), ""},
		{"PATCH", at(late), `{"msgBody":{"text":"later"}}`},
	} {
		if got := w.do(user, change.method, change.path, strings.NewReader(change.body)); got.Status != 200 {
			t.Fatalf("%s %s: %s", change.method, change.path, got)
		}
	}
	shows := func(w *world) error {
		page, _ := w.page(user, room, "")
		if got := fmt.Sprint(texts(page)); got != "[later  third kept]" || page[1].DeletedAt == nil || page[2].EditedAt == nil {
			return fmt.Errorf("the page is %s", got)
		}
		for i, m := range []wire.Message{late, deleted, edited, kept} {
			if got := w.do(user, "GET", at(m), nil); got.Status != 200 || message(t, got.Body).ID != m.ID || string(message(t, got.Body).Body) != string(page[i].Body) {
				return fmt.Errorf("alone it is %s", got)
			}
		}
		return nil
	}
	if err := shows(w); err != nil {
		t.Errorf("at once: %v", err)
	}
	servicetest.AwaitSuccess(t, "the other node shows it", func() error { return shows(other) })
	if got := w.do(user, "PATCH", at(deleted), strings.NewReader(`{"msgBody":{"text":"back"}}`)); got.Code() != "message-deleted" {
		t.Errorf("an edit of what was deleted: %s", got)
	}
	for _, node := range []*world{w, other} {
		node.store.lose(nil)
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	for _, node := range []*world{w, other} {
		if err := shows(node); err != nil {
			t.Errorf("from the store: %v", err)
		}
	}
}
