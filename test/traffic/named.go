package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	// cutWithin is when at the latest somebody goes away who does not wait for the answer: about as long as a send takes.
	cutWithin = 15 * time.Millisecond
	// namedTimeout is how long a send that has a name is tried: longer than any engine takes to come back, which on a busy machine was three minutes and more.
	namedTimeout = 10 * time.Minute
	retryEvery   = 50 * time.Millisecond
	pageInterval = 100 * time.Millisecond
)

// BeginNamed is [Begin] with senders who name every other message. Such a one is tried until it is acknowledged, at one process of messages after the
// other; some tries are cut off before the answer, and some messages are sent once more behind it. Somebody reads pages all the time.
func BeginNamed(t *testing.T, d *deployment.Deployment) *Traffic {
	t.Helper()
	w := begin(t, d)
	w.send(t, func(ctx context.Context, user *deployment.User, room uuid.UUID, i int) {
		if i%2 == 0 {
			w.sendPlain(ctx, user, room, i)
		} else {
			w.sendNamed(ctx, user, room, i)
		}
	})
	w.senders.Go(func() { w.readPages(w.sending) })
	return w
}

// sendNamed sends a message with a text of its own, which is its name, too.
func (w *Traffic) sendNamed(ctx context.Context, user *deployment.User, room uuid.UUID, i int) {
	text := fmt.Sprintf("%s %d", user.Name, i)
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), namedTimeout)
	defer cancel()
	send := Send{Room: room, Begun: time.Now(), Named: true}
	message, err := w.try(trying, user, &send, text, i)
	send.Answered = time.Now()
	again := wire.Message{}
	if err == nil && rand.IntN(4) == 0 {
		again, _ = user.At(i+send.Tries).SendNamed(trying, room, text, text) // that it fails says nothing
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.answered(send, text, message, err)
	if again.ID != uuid.Nil && again.ID != message.ID {
		w.report.Twofold = append(w.report.Twofold, text)
	}
}

// try sends a named message until it is acknowledged, or until the context is done. Every third try is cut off, but not for ever.
func (w *Traffic) try(ctx context.Context, user *deployment.User, send *Send, text string, node int) (message wire.Message, err error) {
	for {
		limit := sendTimeout
		if send.Tries < 5 && rand.IntN(3) == 0 {
			limit = rand.N(cutWithin)
		}
		call, cancel := context.WithTimeout(ctx, limit)
		message, err = user.At(node+send.Tries).SendNamed(call, send.Room, text, text)
		cancel()
		send.Tries++
		if err == nil || ctx.Err() != nil {
			return message, err
		}
		if limit == sendTimeout {
			Wait(retryEvery)
		}
	}
}

// readPages reads the newest page of one room after the other, at one process of messages after the other.
func (w *Traffic) readPages(ctx context.Context) {
	tick := time.NewTicker(pageInterval)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		reader, room := w.people[i%users], w.rooms[i%rooms]
		call, cancel := context.WithTimeout(ctx, sendTimeout)
		begun := time.Now()
		node := i / rooms % 2
		page, err := reader.At(node).Timeline(call, room, "")
		cancel()
		if err != nil {
			continue // what is harmed need not answer
		}
		w.mu.Lock()
		w.report.Pages = append(w.report.Pages, pageOf(room, node, begun, page))
		w.mu.Unlock()
	}
}

func pageOf(room uuid.UUID, node int, begun time.Time, page client.Page) Page {
	seen := Page{Room: room, Node: node, Begun: begun, CompleteBefore: page.CompleteBefore, IDs: map[uuid.UUID]bool{}}
	for _, m := range page.Messages {
		seen.IDs[m.ID] = true
		seen.Newest = max(seen.Newest, m.Position)
		if page.Older != "" {
			seen.Oldest = m.Position
		}
	}
	return seen
}
