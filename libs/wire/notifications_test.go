package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

func TestAnEntryOfAnInboxIsItsEventWithMoreFields(t *testing.T) {
	id := uuid.MustParse("0192d3a0-0000-7000-8000-00000000000a")
	entry := wire.InboxEntry{Event: json.RawMessage(`{"type":"LeaveRoom","roomId":"a}b"}`), ID: id, Cursor: "AQ", Read: true}
	const want = `{"type":"LeaveRoom","roomId":"a}b","notificationId":"0192d3a0-0000-7000-8000-00000000000a","cursor":"AQ","read":true}`
	text, err := json.Marshal(entry)
	if err != nil || string(text) != want {
		t.Errorf("encoded %s, %v", text, err)
	}
	var decoded wire.InboxEntry
	if err := json.Unmarshal(text, &decoded); err != nil || decoded.ID != id || decoded.Cursor != "AQ" || !decoded.Read || string(decoded.Event) != want {
		t.Errorf("decoded %+v, %v", decoded, err)
	}
	custom, err := json.Marshal(wire.CustomNotification{Type: "SystemMessage", ID: id, Message: json.RawMessage(`{"a":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(wire.InboxEntry{Event: custom, ID: id, Cursor: "AQ"})
	if err != nil || strings.Count(string(text), id.String()) != 1 || !strings.HasSuffix(string(text), `,"cursor":"AQ","read":false}`) {
		t.Errorf("a notification that names itself is encoded %s, %v", text, err)
	}
	for _, event := range []string{``, `{}`, `[]`, `null`} {
		if text, err := json.Marshal(wire.InboxEntry{Event: json.RawMessage(event)}); err == nil {
			t.Errorf("%q gives %s", event, text)
		}
	}
}
