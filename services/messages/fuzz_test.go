package messages_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest/nodetest"
)

// FuzzSend sends any body as an outsider. The answer is never a fault of ours, and never tells that the room exists.
func FuzzSend(f *testing.F) {
	for _, seed := range []string{
		`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Text","msgBody":{"text":"Soup?"}}`,
		`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Media","msgBody":{}}`,
		`{"chatRoomId":null,"msgType":null,"msgBody":null}`, `[]`, `{`, "\xff", `"\u0000"`, `{"msgBody":{"text":"\ud800"}}`,
		`{"a":{"a":{"a":[[[[]]]]}}}`, `{"chatRoomId":1e999}`, `{"msgType":"Text","MSGTYPE":"Text"}`,
		`{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","msgType":"Text","msgBody":{"text":"Soup?"},"mentions":["0192d3a0-0000-7000-8000-00000000000b",null]}`,
	} {
		f.Add([]byte(seed))
	}
	w := newWorld(f, nodetest.Broker(f).ListenAddrs(), newSQLite(f))
	user := uuid.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		w := w.with(t)
		got := w.do(user, http.MethodPost, "/api/send-msg", bytes.NewReader(body))
		switch got.Status {
		case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusNotFound:
		default:
			t.Errorf("%q is answered with %s", body, got)
		}
		if got.Code() == "" || !json.Valid(got.Body) {
			t.Errorf("%q is answered with %s", body, got)
		}
		if lines := w.log.taken(); len(lines) > 0 {
			t.Errorf("%q is logged as an error: %q", body, lines)
		}
	})
}
