package webclient

import (
	"testing"

	"github.com/google/uuid"
	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

// hostile are texts that become markup or a script where they are taken for it.
var hostile = []string{
	`<script>globalThis.__ran = 1</script>`,
	`<img src=x onerror="globalThis.__ran = 1">`,
	`<svg onload="globalThis.__ran = 1"><animate onbegin=globalThis.__ran=1 attributeName=x>`,
	`"><iframe srcdoc="<script>parent.__ran = 1</script>"></iframe>`,
	`javascript:globalThis.__ran=1`,
	`https://example.com/"onmouseover="globalThis.__ran=1`,
	`<a href="javascript:globalThis.__ran=1">click</a>`,
	`data:text/html,<script>globalThis.__ran=1</script>`,
	`{{constructor.constructor('globalThis.__ran=1')()}}`,
	`${globalThis.__ran=1}`,
	`<style>*{display:none}</style>`,
	`<base href="https://evil.example.com/">`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=globalThis.__ran=1&gt;">`,
	`<form action="https://evil.example.com/"><button>`,
	`&lt;script&gt;globalThis.__ran=1&lt;/script&gt;`,
	"\u202e<script>globalThis.__ran=1</script>",
	`__proto__`,
	`[x](javascript:globalThis.__ran=1)`,
}

// Whatever others write, and call their rooms, is text: nothing runs, and the policy has nothing to refuse.
func TestNothingThatOthersWriteRuns(t *testing.T) {
	c := startChat(t)
	for _, text := range hostile {
		if _, err := c.byBob.SendText(t.Context(), c.room, text); err != nil {
			t.Fatalf("send %q: %v", text, err)
		}
		c.alice.awaitText(text, "sent")
	}
	for _, name := range []string{hostile[0], hostile[1], hostile[3]} {
		room, err := c.byBob.CreateRoom(t.Context(), client.NewRoom{Type: wire.Group, Name: name, Invited: []uuid.UUID{c.byBob.ID, c.aliceID}})
		if err != nil {
			t.Fatalf("create the room %q: %v", name, err)
		}
		c.alice.await("the room", "document.querySelector('[data-room=\""+room.ID.String()+"\"]')?.textContent.includes("+quote(name)+")")
	}
	c.alice.await("the timeline", "document.querySelectorAll('[data-text]').length >= "+jsonOf(len(hostile)))
	links := evaluate[[]string](c.alice, "[...document.querySelectorAll('[data-text] a')].map((a) => a.protocol + ' ' + a.rel + ' ' + a.target)")
	for _, link := range links {
		if link != "https: noopener noreferrer _blank" && link != "http: noopener noreferrer _blank" {
			t.Errorf("a link is %q", link)
		}
	}
	if len(links) == 0 {
		t.Error("an address is no link")
	}
	if evaluate[bool](c.alice, "globalThis.__ran !== undefined") {
		t.Error("something has run")
	}
	if refused := c.alice.refused(); len(refused) > 0 {
		t.Errorf("the policy refuses %q", refused)
	}
	if n := evaluate[int](c.alice, "document.querySelectorAll('iframe, base, [data-text] script, [data-text] img, [data-text] style, [data-text] svg, [onerror], [onload]').length"); n != 0 {
		t.Errorf("%d elements are of what others wrote", n)
	}
}
