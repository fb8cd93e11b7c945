package messages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
)

// tagOf is the ETag that a client makes of a message that it has.
func tagOf(m wire.Message) string {
	if m.EditedAt != nil {
		return `"` + m.EditedAt.String() + `"`
	}
	return `"` + m.CreatedAt.String() + `"`
}

func (w *world) editIf(user, room, message uuid.UUID, tag, text string) nodetest.Answer {
	w.tb.Helper()
	body, _ := json.Marshal(map[string]any{"msgBody": wire.TextBody{Text: text}})
	return w.do(user, http.MethodPatch, pathOf(room, message), strings.NewReader(string(body)), "If-Match", tag)
}

func TestIfMatchRefusesALostUpdate(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	sent := w.mustSend(user, room, "first")
	alone := w.do(user, http.MethodGet, pathOf(room, sent.ID), nil)
	if alone.Header.Get("ETag") != tagOf(sent) {
		t.Errorf("the message has the tag %s, want %s", alone.Header.Get("ETag"), tagOf(sent))
	}
	if again := w.do(user, http.MethodGet, pathOf(room, sent.ID), nil, "If-None-Match", tagOf(sent)); again.Status != http.StatusNotModified {
		t.Errorf("asked again: %s", again)
	}
	edited := w.editIf(user, room, sent.ID, tagOf(sent), "second")
	if edited.Status != http.StatusOK || edited.Header.Get("ETag") != tagOf(message(t, edited.Body)) {
		t.Fatalf("%s with the tag %s", edited, edited.Header.Get("ETag"))
	}
	for tag, node := range map[string]*world{
		tagOf(sent): other, `"nothing"`: w, `W/` + edited.Header.Get("ETag"): w, `nothing`: other, strings.Trim(edited.Header.Get("ETag"), `"`): w,
	} {
		if got := node.editIf(user, room, sent.ID, tag, "lost"); got.Status != http.StatusPreconditionFailed || got.Code() != "message-changed" {
			t.Errorf("an edit of %s: %s", tag, got)
		}
		if got := node.do(user, http.MethodDelete, pathOf(room, sent.ID), nil, "If-Match", tag); got.Code() != "message-changed" {
			t.Errorf("a deletion of %s: %s", tag, got)
		}
	}
	if n := len(w.revisions(sent.ID)); n != 1 {
		t.Errorf("the log has %d revisions", n)
	}
	third := other.editIf(user, room, sent.ID, `"nothing", `+edited.Header.Get("ETag"), "third")
	if got := w.editIf(user, room, sent.ID, "*", "fourth"); third.Status != http.StatusOK || got.Status != http.StatusOK {
		t.Errorf("%s, and of any %s", third, got)
	}
	deleted := w.do(user, http.MethodDelete, pathOf(room, sent.ID), nil)
	if got := w.do(user, http.MethodDelete, pathOf(room, sent.ID), nil, "If-Match", tagOf(sent)); deleted.Status != http.StatusOK || got.Code() != "message-changed" {
		t.Errorf("%s, and then of the first %s", deleted, got)
	}
}

// Of many that edit what they have read, at once and on two nodes, each either comes behind all whose edit it has not read, or is refused: every
// increment that was answered with 200 is in the message.
func TestNoUpdateIsLost(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	sent := w.mustSend(user, room, "0")
	var counting sync.WaitGroup
	var mu sync.Mutex
	made, refused := 0, 0
	for i := range 6 {
		node := []*world{w, other}[i%2].with(t)
		counting.Go(func() {
			for range 5 {
				read := message(t, node.do(user, http.MethodGet, pathOf(room, sent.ID), nil).Body)
				n := 0
				_, _ = fmt.Sscan(texts([]wire.Message{read})[0], &n)
				got := node.editIf(user, room, sent.ID, tagOf(read), fmt.Sprint(n+1))
				mu.Lock()
				switch {
				case got.Status == http.StatusOK:
					made++
				case got.Code() == "message-changed", got.Code() == "revision-under-way":
					refused++
				default:
					t.Errorf("%s", got)
				}
				mu.Unlock()
			}
		})
	}
	counting.Wait()
	w.caughtUp(kafkaClient(t, w.brokers))
	final := message(t, w.do(user, http.MethodGet, pathOf(room, sent.ID), nil).Body)
	if got := texts([]wire.Message{final})[0]; made == 0 || got != fmt.Sprint(made) {
		t.Errorf("%d edits were made and %d refused: the message says %s", made, refused, got)
	}
}

// Who changes a message whatever it is waits for another one, and comes behind it.
func TestEditsAtOnceComeOneByOne(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	sent := w.mustSend(user, room, "first")
	var editing sync.WaitGroup
	for i := range 4 {
		node := []*world{w, other}[i%2].with(t)
		editing.Go(func() {
			got := node.editAs(caller{id: user}, room, sent.ID, fmt.Sprintf(`{"text":"by %d"}`, i))
			if got.Status != http.StatusOK && got.Code() != "revision-under-way" {
				t.Errorf("%s", got)
			}
		})
	}
	editing.Wait()
	if got := w.deleteAs(caller{id: user}, room, sent.ID); got.Status != http.StatusOK {
		t.Errorf("%s", got)
	}
}

// What was not written holds nobody up.
func TestARefusedEditLetsOthersEdit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	sent := w.mustSend(user, room, "first")
	for range 3 {
		if got := w.editAs(caller{id: user}, room, sent.ID, `{"text":""}`); got.Code() != "invalid-request" {
			t.Errorf("%s", got)
		}
	}
	if got := w.editAs(caller{id: user}, room, sent.ID, `{"text":"second"}`); got.Status != http.StatusOK {
		t.Errorf("%s", got)
	}
}
