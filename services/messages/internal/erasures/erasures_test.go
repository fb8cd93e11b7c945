package erasures_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/internal/erasures"
	"github.com/ism-chat/ism/services/messages/store"
	"github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/messages/store/storetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var errKilled = errors.New("the process is killed")

// world is a store, what erasures do to it, and a clock.
type world struct {
	t     *testing.T
	store store.Store
	now   time.Time

	next    int64 // offset
	left    int   // so many deletions until the process is killed; below 0: it is not
	deleted int
	changed int
	behind  bool // the timelines lack something of the log
	refused uuid.UUID
	told    []events.UserErased
}

var deletedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	s := storetest.Start(t, sqlite.New(filepath.Join(t.TempDir(), "messages.db"), slog.New(slog.DiscardHandler)))
	return &world{t: t, store: s, now: deletedAt, next: 1, left: -1}
}

// process is one that carries erasures on.
func (w *world) process() *erasures.Erasures {
	return erasures.New(w.store, w, func() time.Time { return w.now }, rate.Inf, slog.New(slog.DiscardHandler))
}

// write lets a user write messages of one type.
func (w *world) write(room, sender uuid.UUID, kind wire.MessageType, body string, at time.Time, mentions ...uuid.UUID) store.Entry {
	w.t.Helper()
	entry := store.Entry{Position: events.Position{Offset: w.next}, Message: wire.Message{
		RoomID: room, ID: uuid.Must(uuid.NewV7()), SenderID: sender, Type: kind, Body: json.RawMessage(body), CreatedAt: wire.At(at), Mentions: mentions,
	}}
	w.next++
	w.append(entry)
	return entry
}

func (w *world) append(entry store.Entry) {
	w.t.Helper()
	if err := w.store.Append(w.t.Context(), []store.Entry{entry}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) find(of store.Entry) store.Entry {
	w.t.Helper()
	found, err := w.store.Find(w.t.Context(), of.Message.RoomID, of.Message.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// Delete implements [erasures.Timeline].
func (w *world) Delete(_ context.Context, entry store.Entry) error {
	if entry.Message.SenderID == w.refused {
		return errors.New("it is refused")
	}
	if w.left == 0 {
		return errKilled
	}
	w.left--
	w.deleted++
	w.revise(entry, `{}`, func(e *store.Entry) { e.DeletedAt = w.now })
	return nil
}

// Rename implements [erasures.Timeline].
func (w *world) Rename(_ context.Context, entry store.Entry, body wire.RoomChangeBody) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.revise(entry, string(raw), func(e *store.Entry) { e.EditedAt = w.now })
	return nil
}

// Change implements [erasures.Timeline].
func (w *world) Change(ctx context.Context, of store.Key, change func(wire.Message) (wire.Message, bool)) error {
	entry, err := w.store.Find(ctx, of.Room, of.Message)
	if err != nil {
		return err
	}
	changed, any := change(entry.Message)
	if !any {
		return errors.New("there is nothing to change")
	}
	w.changed++
	w.revise(entry, string(changed.Body), func(e *store.Entry) { e.EditedAt, e.Message.Mentions = w.now, changed.Mentions })
	return nil
}

func (w *world) revise(entry store.Entry, body string, mark func(e *store.Entry)) {
	entry.Revision, entry.Message.Body = events.Position{Offset: w.next}, json.RawMessage(body)
	w.next++
	mark(&entry)
	w.append(entry)
}

func (w *world) Ends() ([]int64, error) { return []int64{w.next}, nil }

func (w *world) Has(ends []int64) (bool, error) {
	return !w.behind && ends[0] <= w.next, nil
}

func (w *world) Tell(_ context.Context, erased events.UserErased) error {
	w.told = append(w.told, erased)
	return nil
}

// work lets a process do what there is to do now.
func (w *world) work(p *erasures.Erasures) error {
	for {
		if more, err := p.Step(w.t.Context()); err != nil || !more {
			return err
		}
	}
}

func (w *world) mustWork(p *erasures.Erasures) {
	w.t.Helper()
	if err := w.work(p); err != nil {
		w.t.Fatal(err)
	}
}

// take says that a user has been deleted.
func (w *world) take(p *erasures.Erasures, user uuid.UUID) events.UserDeleted {
	w.t.Helper()
	deleted := events.UserDeleted{UserID: user, ErasureID: uuid.Must(uuid.NewV7()), Tenant: "acme"}
	if err := p.Take(w.t.Context(), deleted, deletedAt); err != nil {
		w.t.Fatal(err)
	}
	return deleted
}

// What a user has written goes, what others have written stays, and the receipt is told once all that was on its way has come.
func TestWhatAUserHasWrittenIsErased(t *testing.T) {
	w := newWorld(t)
	alice, bob, room, other := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	var mine, others []store.Entry
	for i := range 120 { // more than two steps take
		at := deletedAt.Add(-time.Duration(i) * time.Hour)
		mine = append(mine, w.write([]uuid.UUID{room, other}[i%2], alice, wire.Text, fmt.Sprintf(`{"text":"%d"}`, i), at))
		others = append(others, w.write(room, bob, wire.Text, `{"text":"stays"}`, at))
	}
	before := mine[0]
	w.revise(before, `{}`, func(e *store.Entry) { e.DeletedAt = deletedAt.Add(-time.Hour) }) // alice has deleted it herself
	process := w.process()
	deleted := w.take(process, alice)
	w.mustWork(process)
	if w.deleted != 119 || len(w.told) != 0 {
		t.Errorf("at first %d are deleted, told is %+v", w.deleted, w.told)
	}
	late := w.write(room, alice, wire.Text, `{"text":"on its way"}`, deletedAt.Add(30*time.Second))
	again := w.write(room, alice, wire.Text, `{"text":"put again"}`, deletedAt.Add(erasures.Settle+time.Second))
	w.now = deletedAt.Add(erasures.Settle - time.Second)
	w.mustWork(process)
	w.now, w.behind = deletedAt.Add(erasures.Settle), true
	w.mustWork(process)
	if w.deleted != 119 || len(w.told) != 0 {
		t.Errorf("before it has settled %d are deleted, told is %+v", w.deleted, w.told)
	}
	w.behind = false
	w.mustWork(process)
	want := events.UserErased{UserID: alice, ErasureID: deleted.ErasureID, Service: "messages", Erased: 120, FinishedAt: wire.At(w.now)}
	if len(w.told) != 1 || w.told[0] != want {
		t.Errorf("told is %+v, want %+v", w.told, want)
	}
	for _, entry := range append(mine, late) {
		if found := w.find(entry); found.DeletedAt.IsZero() || string(found.Message.Body) != `{}` {
			t.Fatalf("alice's is %+v", found)
		}
	}
	for _, entry := range append(others, again) {
		if found := w.find(entry); !found.DeletedAt.IsZero() || found.Revision != (events.Position{}) {
			t.Fatalf("what stays is %+v", found)
		}
	}
	w.take(process, uuid.New()) // somebody who has written nothing
	if err := process.Take(t.Context(), deleted, deletedAt); err != nil {
		t.Fatal(err)
	}
	w.mustWork(process)
	w.now = w.now.Add(10 * time.Second)
	w.mustWork(process)
	if len(w.told) != 2 || w.told[1].Erased != 0 || w.deleted != 120 {
		t.Errorf("afterwards told is %+v, and %d are deleted", w.told, w.deleted)
	}
}

// reply lets a user reply to what another has written.
func (w *world) reply(sender uuid.UUID, to store.Entry, at time.Time, mentions ...uuid.UUID) store.Entry {
	w.t.Helper()
	body, err := json.Marshal(wire.ReplyBody{
		MessageID: to.Message.ID, SenderID: to.Message.SenderID, Type: to.Message.Type, CreatedAt: to.Message.CreatedAt, Details: to.Message.Body, Text: "Soup!",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.write(to.Message.RoomID, sender, wire.Reply, string(body), at, mentions...)
}

// What others quote of a user goes, and so do mentions; all else of these messages stays, and they are not counted. So does what a user who was put again is
// quoted with, and whoever else is quoted and mentioned.
func TestOthersQuoteAndMentionTheUserNoLonger(t *testing.T) {
	w := newWorld(t)
	alice, bob, carol, room := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	before, again := deletedAt.Add(-time.Hour), deletedAt.Add(erasures.Settle+time.Second)
	mine := w.write(room, alice, wire.Text, `{"text":"Soup?"}`, before)
	media := w.write(room, alice, wire.Media, `{"mediaUrl":"https://x/soup.png","mediaType":"image"}`, before)
	bobs := w.write(room, bob, wire.Text, `{"text":"Rice?"}`, before)
	quoting := []store.Entry{w.reply(bob, mine, before), w.reply(carol, media, before, carol, alice, bob), w.reply(bob, mine, again, alice)}
	mentioning := w.reply(carol, bobs, before, alice)
	stays := []store.Entry{bobs, w.reply(carol, bobs, before, bob), w.write(room, bob, wire.Reply, `[]`, before)}
	process := w.process()
	w.take(process, alice)
	w.mustWork(process)
	late := w.reply(carol, mine, deletedAt.Add(time.Second)) // was on its way
	put := w.write(room, alice, wire.Text, `{"text":"Bread?"}`, again)
	stays = append(stays, w.reply(bob, put, again, alice))
	w.now = deletedAt.Add(erasures.Settle)
	w.mustWork(process)
	for i, entry := range append(quoting, late) {
		var was, is wire.ReplyBody
		if err := errors.Join(json.Unmarshal(entry.Message.Body, &was), json.Unmarshal(w.find(entry).Message.Body, &is)); err != nil {
			t.Fatal(err)
		}
		was.Details = json.RawMessage(`{}`)
		if fmt.Sprintf("%+v", is) != fmt.Sprintf("%+v", was) {
			t.Errorf("reply %d has %+v, want %+v", i, is, was)
		}
	}
	for i, want := range [][]uuid.UUID{nil, {carol, bob}, {alice}} { // the last is a message of later
		if got := w.find(quoting[i]).Message.Mentions; !slices.Equal(got, want) {
			t.Errorf("reply %d mentions %v, want %v", i, got, want)
		}
	}
	if found := w.find(mentioning); found.Message.Mentions != nil || string(found.Message.Body) != string(mentioning.Message.Body) {
		t.Errorf("who was mentioned is in %+v", found)
	}
	for _, entry := range stays {
		if found := w.find(entry); found.Revision != (events.Position{}) {
			t.Errorf("what stays is %+v", found)
		}
	}
	if w.changed != 5 || len(w.told) != 1 || w.told[0].Erased != 2 {
		t.Errorf("%d are changed, told is %+v", w.changed, w.told)
	}
}

// Who had read a message shortly before the walk erased it may have replied to it since: the last walk comes after that, also where the first was long.
func TestALongWalkWaitsForRepliesToWhatItErases(t *testing.T) {
	w := newWorld(t)
	alice, bob, room := uuid.New(), uuid.New(), uuid.New()
	mine := w.write(room, alice, wire.Text, `{"text":"Soup?"}`, deletedAt.Add(-time.Hour))
	process := w.process()
	w.take(process, alice)
	w.now = deletedAt.Add(time.Hour)
	w.mustWork(process)
	reply := w.reply(bob, mine, w.now)
	w.now = w.now.Add(4 * time.Second)
	w.mustWork(process)
	if len(w.told) != 0 {
		t.Fatalf("told is %+v", w.told)
	}
	w.now = w.now.Add(2 * time.Second)
	w.mustWork(process)
	if found := w.find(reply); found.Revision == (events.Position{}) || len(w.told) != 1 {
		t.Errorf("it is %+v, told is %+v", found, w.told)
	}
}

// Processes die in the middle, and each goes on where the last was, once its claim is over: the count is that of one that does not die.
func TestAnErasureSurvivesItsProcesses(t *testing.T) {
	w := newWorld(t)
	alice, room := uuid.New(), uuid.New()
	for range 170 {
		w.write(room, alice, wire.Text, `{"text":"soup"}`, deletedAt.Add(-time.Hour))
	}
	w.take(w.process(), alice)
	processes := 0
	for killed := errKilled; killed != nil; processes++ {
		w.left = 60
		p := w.process()
		killed = w.work(p)
		if killed != nil && !errors.Is(killed, errKilled) {
			t.Fatal(killed)
		}
		deleted := w.deleted
		w.mustWork(w.process()) // another, which leaves it to the one that has it
		if w.deleted != deleted {
			t.Fatal("two processes work on one erasure")
		}
		w.now = w.now.Add(35 * time.Second)
	}
	w.left = -1
	w.now = deletedAt.Add(time.Hour)
	w.mustWork(w.process())
	if processes != 3 || w.deleted != 170 || len(w.told) != 1 || w.told[0].Erased != 170 {
		t.Errorf("%d processes have deleted %d, told is %+v", processes, w.deleted, w.told)
	}
}

// An erasure that cannot go on holds up no other.
func TestAnErasureThatFailsHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	alice, bob, room := uuid.New(), uuid.New(), uuid.New()
	w.write(room, alice, wire.Text, `{"text":"soup"}`, deletedAt)
	mine := w.write(room, bob, wire.Text, `{"text":"soup"}`, deletedAt)
	process := w.process()
	w.refused = alice
	w.take(process, alice)
	w.take(process, bob)
	if err := w.work(process); err == nil {
		t.Error("nothing is said of what fails")
	}
	if found := w.find(mine); found.DeletedAt.IsZero() {
		t.Errorf("bob's is %+v", found)
	}
}

// Who has joined and left keeps its place in the timeline, without a name.
func TestChangesOfMembersNameNobody(t *testing.T) {
	w := newWorld(t)
	alice, room := uuid.New(), uuid.New()
	body := func(name, picture string) string {
		member := wire.Member{ID: alice, DisplayName: name, JoinedAt: wire.At(deletedAt), Status: wire.Left}
		if picture != "" {
			member.ProfilePicture = &picture
		}
		raw, err := json.Marshal(wire.RoomChangeBody{Type: "UserLeft", RelatedUser: member})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	named := w.write(room, alice, wire.RoomChange, body("alice", "https://x/alice.png"), deletedAt)
	nameless := w.write(room, alice, wire.RoomChange, body(wire.DeletedName, ""), deletedAt)
	unreadable := w.write(room, alice, wire.RoomChange, `[]`, deletedAt)
	process := w.process()
	w.take(process, alice)
	w.mustWork(process)
	w.now = deletedAt.Add(erasures.Settle)
	w.mustWork(process)
	if found := w.find(named); string(found.Message.Body) != body(wire.DeletedName, "") || !found.DeletedAt.IsZero() {
		t.Errorf("it is %+v", found)
	}
	for _, entry := range []store.Entry{nameless, unreadable} {
		if found := w.find(entry); found.Revision != (events.Position{}) {
			t.Errorf("it is %+v", found)
		}
	}
	if len(w.told) != 1 || w.told[0].Erased != 0 || slices.ContainsFunc(w.told, func(e events.UserErased) bool { return e.UserID != alice }) {
		t.Errorf("told is %+v", w.told)
	}
}
