package messages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
	"github.com/ism-chat/ism/services/messages/store/cassandra/cassandratest"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
)

const asJSON = `{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":%q}}`

// sendNamed sends a text with an Idempotency-Key.
func (w *world) sendNamed(user, room uuid.UUID, key, text string) nodetest.Answer {
	w.tb.Helper()
	return w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(fmt.Sprintf(asJSON, room, text)), "Idempotency-Key", key)
}

// node starts another node of the world, with a store of its own on the same data.
func (w *world) node(s store.Store) *world {
	w.tb.Helper()
	other := *w
	other.store = &faulty{Store: s}
	other.start()
	other.awaitReady()
	return &other
}

// twoNodes are nodes with stores at a path, that have both read the log from where the consumer group is.
func twoNodes(t *testing.T) (w, other *world, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "messages.db")
	w = newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	other = w.node(sqliteAt(path))
	w.caughtUp(kafkaClient(t, w.brokers))
	return w, other, path
}

func sqliteAt(path string) store.Store { return sqlite.New(path, slog.New(slog.DiscardHandler)) }

func TestASendThatIsTriedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	room, user := w.newRoom()
	first := w.sendNamed(user, room, `"order-17"`, "Soup?")
	sent := message(t, first.Body)
	if first.Status != http.StatusOK || sent.ClientID != "order-17" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("the first: %s, %v", first, first.Header)
	}
	again := func(when string, got nodetest.Answer) {
		t.Helper()
		if string(got.Body) != string(first.Body) || got.Status != http.StatusOK || got.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %s, want %s", when, got, first)
		}
	}
	again("at once", w.sendNamed(user, room, `"order-17"`, "Soup?"))
	again("without quotes", w.sendNamed(user, room, `order-17`, "Soup?"))
	inBody := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"Soup?"},"clientMsgId":"order-17"}`, room)
	again("in the body", w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(inBody)))
	again("in both", w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(inBody), "Idempotency-Key", "order-17"))
	again("by another node", w.node(sqliteAt(path)).sendNamed(user, room, "order-17", "Soup?"))
	w.stop()
	w.store = &faulty{Store: sqliteAt(path)}
	w.start()
	w.awaitReady()
	again("after a restart", w.sendNamed(user, room, "order-17", "Soup?"))
	reused := func(got nodetest.Answer) {
		t.Helper()
		if got.Status != http.StatusUnprocessableEntity || got.Code() != "idempotency-key-reused" {
			t.Errorf("for another message: %s", got)
		}
	}
	reused(w.sendNamed(user, room, "order-17", "Salad?"))
	reused(w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(strings.ReplaceAll(inBody, `"Text","msgBody":{"text":"Soup?"}`, `"Media","msgBody":{"mediaUrl":"https://x/y","mediaType":"image"}`))))
	if got := w.sendNamed(w.rooms.other(room, user), room, "order-17", "Soup?"); got.Status != http.StatusOK || got.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("of another sender: %s", got)
	}
	if got := w.timeline(user, room); len(got) != 2 || got[1].ID != sent.ID || got[1].ClientID != "order-17" {
		t.Errorf("the timeline has %+v", got)
	}
	if got := w.posted(room); len(got) != 2 {
		t.Errorf("the log has %d messages", len(got))
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	named := func(id string) string {
		return fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Text","msgBody":{"text":"a"},"clientMsgId":%s}`, room, id)
	}
	for name, c := range map[string]struct {
		body, key string
		status    int
		code      string
	}{
		"an empty key":          {named(`null`), `""`, 400, "malformed-idempotency-key"},
		"half a string":         {named(`null`), `"a`, 400, "malformed-idempotency-key"},
		"two keys in a line":    {named(`null`), `"a", "b"`, 400, "malformed-idempotency-key"},
		"a key of 10 KB":        {named(`null`), strings.Repeat("a", 10<<10), 400, "malformed-idempotency-key"},
		"a key with a tab":      {named(`null`), "a\tb", 400, "malformed-idempotency-key"},
		"an empty name":         {named(`""`), "", 422, "invalid-request"},
		"a name of 256":         {named(`"` + strings.Repeat("ä", 256) + `"`), "", 422, "invalid-request"},
		"a name with a newline": {named(`"a\nb"`), "", 422, "invalid-request"},
		"a name with a NUL":     {named(`"a\u0000b"`), "", 422, "invalid-request"},
		"a number for a name":   {named(`17`), "", 400, "malformed-json"},
		"two names":             {named(`"a"`), `"b"`, 422, "invalid-request"},
	} {
		var headers []string
		if c.key != "" {
			headers = []string{"Idempotency-Key", c.key}
		}
		if got := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(c.body), headers...); got.Status != c.status || got.Code() != c.code {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := w.posted(room); len(got) != 0 {
		t.Errorf("the log has %d messages", len(got))
	}
}

// A send that comes while the first of its name is under way waits for it, and is not kept waiting for ever.
func TestASendWaitsForTheOneOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		answers = map[string]int{}
	)
	for range 20 {
		all.Go(func() {
			got := w.sendNamed(user, room, "once", "Soup?")
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(got.Status, string(got.Body))]++
		})
	}
	all.Wait()
	if len(answers) != 1 {
		t.Errorf("the answers are %v", answers)
	}
	if got := w.posted(room); len(got) != 1 {
		t.Errorf("the log has %d messages", len(got))
	}
}

// While no store answers, sends go on, also those that are tried again by another node. Of what the log has twice the first counts.
func TestWithoutTheStoreTheFirstOfTwoCounts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "messages.db")
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), sqliteAt(path))
	other := w.node(sqliteAt(path))
	room, user := w.newRoom()
	w.store.set(true, false)
	other.store.set(true, false)
	var want []uuid.UUID
	for i := range 10 {
		key := fmt.Sprintf("send-%d", i)
		a, b := w.sendNamed(user, room, key, key), other.sendNamed(user, room, key, key)
		if a.Status != http.StatusOK || b.Status != http.StatusOK || message(t, a.Body).ID != message(t, b.Body).ID {
			t.Fatalf("%s and %s", a, b)
		}
		if again := w.sendNamed(user, room, key, key); string(again.Body) != string(a.Body) {
			t.Errorf("the node that sent it answers %s, and then %s", a, again)
		}
		want = append(want, message(t, a.Body).ID)
	}
	// A node that has read the log knows what the other one has sent.
	if got := w.posted(room); len(got) < len(want) || len(got) > 2*len(want) {
		t.Errorf("the log has %d messages, want each once or twice", len(got))
	}
	w.store.set(false, false)
	other.store.set(false, false)
	w.caughtUp(kafkaClient(t, w.brokers))
	w.eachOnce(t, room, user, want)
}

// A node that has read of a send knows it, though no store has it.
func TestASendThatNoStoreHasIsKnownFromTheLog(t *testing.T) {
	t.Parallel()
	w, other, _ := twoNodes(t)
	room, user := w.newRoom()
	for _, node := range []*world{w, other} {
		node.store.lose(unwritable("lost"))
	}
	first := w.sendNamed(user, room, "a", "lost")
	servicetest.AwaitSuccess(t, "the other node has read of it", func() error {
		if page, _ := other.page(user, room, ""); len(page) != 1 {
			return fmt.Errorf("its page has %d messages", len(page))
		}
		return nil
	})
	again := other.sendNamed(user, room, "a", "lost")
	if string(again.Body) != string(first.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s, and by the other node %s", first, again)
	}
	if got := w.posted(room); len(got) != 1 {
		t.Errorf("the log has %d messages", len(got))
	}
}

// eachOnce looks for each message in the timeline once, at the first position that the log has for it, and for nothing else.
func (w *world) eachOnce(t *testing.T, room, user uuid.UUID, want []uuid.UUID) {
	t.Helper()
	first := map[uuid.UUID]string{}
	var inOrder []uuid.UUID
	for _, posted := range w.posted(room) {
		id := posted.Message.ID
		if _, there := first[id]; !there {
			first[id] = events.Position{Offset: posted.offset}.String()
			inOrder = append(inOrder, id)
		}
	}
	timeline := w.timeline(user, room)
	slices.Reverse(timeline)
	var got []uuid.UUID
	for _, m := range timeline {
		got = append(got, m.ID)
		if m.Position != first[m.ID] {
			t.Errorf("message %s is at %s, the log has it first at %s", m.ID, m.Position, first[m.ID])
		}
	}
	if !slices.Equal(got, inOrder) {
		t.Errorf("the timeline has %d messages, the log %d, not in the same order", len(got), len(inOrder))
	}
	missing := slices.DeleteFunc(slices.Clone(want), func(id uuid.UUID) bool { return slices.Contains(got, id) })
	if len(missing) > 0 {
		t.Errorf("%d acknowledged messages are not in the timeline", len(missing))
	}
}

// The answers of sends are cut off at random, and another node is asked again, on Kafka and Cassandra themselves: each is sent once.
func TestSendsWhoseAnswersAreCutAreSentOnce(t *testing.T) {
	cfg := cassandratest.Config(t)
	newStore := func() store.Store {
		s, err := cassandra.New(cfg, cassandra.MigrateAuto, telemetry.Discard(nil))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w := newWorld(t, enginetest.KafkaBrokers(t), newStore())
	other := w.node(newStore())
	room, user := w.newRoom()
	const senders, each = 10, 60
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		sent []uuid.UUID
	)
	for s := range senders {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(7, uint64(s)))
			for i := range each {
				key := fmt.Sprintf("%d of %d", i, s)
				nodes := []*world{w, other}
				if dice.IntN(2) == 0 {
					slices.Reverse(nodes)
				}
				nodes[0].sendCut(user, room, key, time.Duration(dice.IntN(12_000))*time.Microsecond)
				answer := nodes[1].sendNamed(user, room, `"`+key+`"`, key)
				servicetest.AwaitSuccess(t, "it is sent", func() error {
					if answer.Status == http.StatusOK {
						return nil
					}
					answer = nodes[1].sendNamed(user, room, `"`+key+`"`, key)
					return fmt.Errorf("send: %s", answer)
				})
				mu.Lock()
				sent = append(sent, message(t, answer.Body).ID)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.SortFunc(sent, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if distinct := len(slices.Compact(slices.Clone(sent))); distinct != senders*each {
		t.Fatalf("%d messages were acknowledged, want %d", distinct, senders*each)
	}
	w.caughtUp(kafkaClient(t, w.brokers))
	w.eachOnce(t, room, user, sent)
	if twice := len(w.posted(room)) - senders*each; twice == 0 {
		t.Log("no send came to the log twice")
	}
}

// sendCut sends a text and goes away before the answer.
func (w *world) sendCut(user, room uuid.UUID, key string, after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/api/send-msg", strings.NewReader(fmt.Sprintf(asJSON, room, key)))
	if err != nil {
		w.tb.Error(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+w.issuer.Token(w.tb, user, tokenName))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", `"`+key+`"`)
	answer, err := w.http.Do(request)
	if err == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// A reply that is tried again is the same, also after what it quotes has gone.
func TestAReplyIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	room, user := w.newRoom()
	quoted := w.mustSend(user, room, "Soup?")
	body := fmt.Sprintf(`{"chatRoomId":%q,"msgType":"Reply","msgBody":{"replyMsgId":%q,"replyText":"yes"},"clientMsgId":"1"}`, room, quoted.ID)
	first := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(body))
	entry, err := w.store.Find(t.Context(), room, quoted.ID)
	if err != nil {
		t.Fatal(err)
	}
	entry.Revision, entry.DeletedAt, entry.Message.Body = entry.Position.Next(), time.Now(), json.RawMessage("{}")
	if err := w.store.Append(t.Context(), []store.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	again := w.do(user, http.MethodPost, "/api/send-msg", strings.NewReader(body))
	if first.Status != http.StatusOK || string(again.Body) != string(first.Body) {
		t.Errorf("%s, and then %s", first, again)
	}
	var reply wire.ReplyBody
	if err := json.Unmarshal(message(t, again.Body).Body, &reply); err != nil || reply.MessageID != quoted.ID {
		t.Errorf("%+v, %v", reply, err)
	}
}
