package body

import (
	"encoding/json"
	"testing"

	"github.com/ism-chat/ism/libs/wire"
)

func TestAMessageSaysWhatWasSent(t *testing.T) {
	for _, c := range []struct {
		kind         wire.MessageType
		stored, sent string
		same         bool
	}{
		{wire.Text, `{"text":"\u003cb\u003e"}`, `{"text":"<b>"}`, true},
		{wire.Text, `{"text":"a"}`, `{"text":"b"}`, false},
		{wire.Text, `{}`, `{"text":"b"}`, false},
		{wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image"}`, `{"mediaType":"image","mediaUrl":"https://x/y","mimeType":null}`, true},
		{wire.Media, `{"mediaUrl":"https://x/y","mediaType":"image"}`, `{"mediaUrl":"https://x/y","mediaType":"image","altText":"soup"}`, false},
		{
			wire.Reply, `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyMsgType":"Text","replyMsgDetails":{"text":"a"},"replyText":"b"}`,
			`{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyText":"b"}`, true,
		},
		{wire.Reply, `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000001","replyText":"b"}`, `{"replyMsgId":"0192d3a0-0000-7000-8000-000000000002","replyText":"b"}`, false},
		{wire.SystemMessage, `{"text":"a","data":{"b":[1,2]}}`, `{"text":"a","data":{ "b" : [1, 2] }}`, true},
		{wire.SystemMessage, `{"text":"a","data":{"b":[1,2]}}`, `{"text":"a"}`, false},
		{wire.SystemMessage, `{"text":"a"}`, `{"text":"a","data":null}`, true},
		{wire.SystemMessage, `{"text":"a","data":{"b":"\u003c"}}`, `{"text":"a","data":{"b":"<"}}`, true},
	} {
		what, err := Decode(c.kind, json.RawMessage(c.sent))
		if err != nil {
			t.Fatal(err)
		}
		if got := Says(wire.Message{Type: c.kind, Body: json.RawMessage(c.stored)}, what); got != c.same {
			t.Errorf("%s and %s are the same: %t", c.stored, c.sent, got)
		}
		if Says(wire.Message{Type: wire.RoomChange, Body: json.RawMessage(c.stored)}, what) {
			t.Errorf("%s of another type is the same", c.stored)
		}
	}
}
