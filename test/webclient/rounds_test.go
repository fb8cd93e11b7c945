package webclient

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/servicetest"
)

// rounds is how often something goes wrong: a few times, or as the environment has it (make test-browser).
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ISM_TEST_BROWSER_ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ISM_TEST_BROWSER_ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// Whatever goes wrong, both pages have the history in the end, in its order, and each message once.
func TestPagesShowTheHistoryWhateverGoesWrong(t *testing.T) {
	play(t, startChat(t))
}

func play(t *testing.T, c *chat) {
	t.Helper()
	byAlice := c.d.SignIn(t, "alice")
	seed := seedOf(t)
	t.Logf("ISM_TEST_BROWSER_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	both := []*tab{c.alice, c.bob}
	wrong := []struct {
		name string
		do   func(n int)
	}{
		{"the edge is killed", func(n int) {
			c.d.Kill(t, c.edge)
			c.alice.send(fmt.Sprintf("%d, to nobody", n))
			c.d.Restart(t, c.edge)
		}},
		{"a page is offline", func(n int) {
			c.bob.offline(true)
			c.bob.await("the page to say so", "document.querySelector('[data-connection=offline]')")
			if _, err := byAlice.SendText(t.Context(), c.room, fmt.Sprintf("%d, unheard", n)); err != nil {
				t.Fatal(err)
			}
			c.bob.send(fmt.Sprintf("%d, offline", n))
			c.bob.offline(false)
		}},
		{"a page is loaded anew", func(n int) {
			one := both[chance.IntN(2)]
			one.send(fmt.Sprintf("%d, and away", n))
			one.do(chromedp.Reload())
		}},
		{"the tokens are refused", func(n int) {
			if err := c.d.Backend(t).SignOutUser(t.Context(), c.byBob.ID); err != nil {
				t.Fatalf("sign bob out: %v", err)
			}
			asBob := func() error {
				_, err := client.New(c.d.BaseURL, c.d.HTTP(), client.Token(c.d.Token(t, "bob"))).Rooms(t.Context())
				return err
			}
			servicetest.AwaitSuccess(t, "the token to be refused", func() error { // which takes up to a second
				if err := asBob(); err == nil {
					return errors.New("it is accepted")
				}
				return nil
			})
			servicetest.AwaitSuccess(t, "a new token to be accepted", func() error { // one of the same second is not
				c.d.SignAnew("bob")
				return asBob()
			})
			c.byBob = c.d.SignIn(t, "bob")
			c.bob.send(fmt.Sprintf("%d, signed out", n))
		}},
		{"the clock is moved", func(n int) {
			days := []int{-1, 1}[chance.IntN(2)]
			evaluate[int](c.alice, fmt.Sprintf("((now) => { Date.now = () => now() + %d * 86400e3; return 0; })(Date.now.bind(Date))", days))
			c.alice.send(fmt.Sprintf("%d, another day", n))
		}},
	}
	order := chance.Perm(len(wrong))
	for n := range rounds(t) {
		if n%len(wrong) == 0 {
			order = chance.Perm(len(wrong))
		}
		now := wrong[order[n%len(wrong)]]
		t.Logf("round %d: %s", n, now.name)
		now.do(n)
		if _, err := c.byBob.SendText(t.Context(), c.room, fmt.Sprintf("%d, the end", n)); err != nil {
			t.Fatal(err)
		}
		for _, one := range both {
			one.awaitText(fmt.Sprintf("%d, the end", n), "sent")
			one.await("all to be sent", "document.querySelectorAll('[data-state=sending], [data-state=failed]').length === 0")
		}
		c.compare(t)
	}
}
