package messages_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/servicetest/nodetest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/messages/store"
)

func exportOf(user uuid.UUID) string { return "/api/admin/users/" + user.String() + "/messages" }

// export gives what each part of the export of a user's messages has.
func (w *world) export(by caller, of uuid.UUID) (parts [][]wire.Message) {
	w.tb.Helper()
	for path := exportOf(of); path != ""; {
		answer := w.doAs(by, http.MethodGet, path, nil)
		if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "application/x-ndjson" {
			w.tb.Fatalf("%s: %s", path, answer)
		}
		var part []wire.Message
		for text := range bytes.Lines(answer.Body) {
			var line struct {
				Type string `json:"type"`
				wire.Message
			}
			if err := json.Unmarshal(text, &line); err != nil || line.Type != "Message" || text[len(text)-1] != '\n' {
				w.tb.Fatalf("line %q: %v", text, err)
			}
			part = append(part, line.Message)
		}
		parts = append(parts, part)
		path, _, _ = strings.Cut(strings.TrimPrefix(answer.Header.Get("Link"), "<"), ">; ")
	}
	return parts
}

// What a user has written is exported, each message once and as it is now, and nothing that others have written.
func TestMessagesAreExported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	shop, user := backend(uuid.New()), uuid.New()
	w.rooms.belongs(user, "")
	want := map[uuid.UUID]wire.Message{}
	for range 2 {
		room, other := w.newRoom()
		w.rooms.put(events.Membership{RoomID: room, Audience: events.Audience{Users: []uuid.UUID{user, other}, Version: 1}})
		edited, deleted := w.mustSend(user, room, "Soup?"), w.mustSend(user, room, "Or bread?")
		w.mustSend(other, room, "Soup!")
		want[edited.ID] = message(t, w.editAs(caller{id: user}, room, edited.ID, `{"text":"Rice?"}`).Body)
		want[deleted.ID] = message(t, w.deleteAs(caller{id: user}, room, deleted.ID).Body)
	}
	parts := w.export(shop, user)
	got := map[uuid.UUID]wire.Message{}
	for _, exported := range parts[0] {
		got[exported.ID] = exported
	}
	if len(parts) != 1 || len(parts[0]) != len(want) || !maps.EqualFunc(got, want, func(a, b wire.Message) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("exported are %+v, want %+v", parts, want)
	}

	// More than a part has lines come in several.
	room := uuid.New()
	var many []store.Entry
	for i := range 1100 {
		many = append(many, store.Entry{Position: events.Position{Epoch: 9, Offset: int64(i)}, Message: wire.Message{
			RoomID: room, ID: uuid.New(), SenderID: user, Type: wire.Text, Body: json.RawMessage(`{"text":"soup"}`), CreatedAt: want[parts[0][0].ID].CreatedAt,
		}})
	}
	if err := w.store.Append(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	seen := map[uuid.UUID]bool{}
	parts = w.export(shop, user)
	for _, part := range parts {
		for _, exported := range part {
			seen[exported.ID] = true
		}
	}
	if len(parts) != 3 || len(parts[0]) != 500 || len(parts[1]) != 500 || len(parts[2]) != 104 || len(seen) != 1104 {
		t.Errorf("%d parts have %d messages", len(parts), len(seen))
	}
	cursor := w.doAs(shop, http.MethodGet, exportOf(user), nil).Header.Get("X-Next-Cursor")
	other := uuid.New()
	w.rooms.belongs(other, "")
	for name, path := range map[string]string{"another's cursor": exportOf(other) + "?cursor=" + cursor, "none": exportOf(user) + "?cursor=AQAAAAAA"} {
		if got := w.doAs(shop, http.MethodGet, path, nil); got.Code() != "invalid-cursor" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhoMayExportMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nodetest.Broker(t).ListenAddrs(), newSQLite(t))
	alice := uuid.New()
	w.rooms.belongs(alice, "acme")
	shop, at := backend(uuid.New()), exportOf(alice)
	of := func(tenant string) caller {
		return caller{uuid.New(), map[string]any{"azp": backendClient, "tenant": tenant}}
	}
	for name, c := range map[string]struct {
		caller caller
		path   string
		want   string
	}{
		"nobody":                   {caller{}, at, "401 unauthorized"},
		"the user":                 {caller{id: alice}, at, "403 forbidden"},
		"the backend":              {shop, at, "200 "},
		"acme's backend":           {of("acme"), at, "200 "},
		"another tenant's backend": {of("umbrella"), at, "404 user-not-found"},
		"of an unknown user":       {shop, exportOf(uuid.New()), "404 user-not-found"},
		"of no id":                 {shop, "/api/admin/users/me/messages", "400 invalid-id"},
	} {
		if got := w.doAs(c.caller, http.MethodGet, c.path, nil); fmt.Sprint(got.Status, " ", got.Code()) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	w.rooms.setDown(true)
	if got := w.doAs(shop, http.MethodGet, at, nil); got.Status != http.StatusServiceUnavailable || got.Code() != "rooms-unavailable" {
		t.Errorf("while rooms is down: %s", got)
	}
	w.rooms.setDown(false)
	w.store.set(true, false)
	if got := w.doAs(shop, http.MethodGet, at, nil); got.Status != http.StatusServiceUnavailable || got.Code() != "store-unavailable" {
		t.Errorf("while the store is down: %s", got)
	}
}
