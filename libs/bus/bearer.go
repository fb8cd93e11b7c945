package bus

import (
	"context"
	"sync"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// bearer gives a client of librdkafka a token when it asks for one, which it does when it is made and then at four fifths of a token's life, without holding
// up the client's events. Where the mechanism is not OAUTHBEARER the client never asks.
type bearer struct {
	bus    *Bus
	client tokenTaker
	asking sync.WaitGroup

	mu       sync.Mutex         // held while the client is given something, so that it is not closed meanwhile
	cancel   context.CancelFunc // of what is under way; nil: nothing is
	has      string             // the token that the client has
	hasEnded bool
}

type tokenTaker interface {
	SetOAuthBearerToken(token kafka.OAuthBearerToken) error
	SetOAuthBearerTokenFailure(reason string) error
}

// newBearer makes the bearer of a client. End it before the client is closed.
func (b *Bus) newBearer(client tokenTaker) *bearer { return &bearer{bus: b, client: client} }

// refresh begins to get a token for the client, which has asked for it, and does not wait for it.
func (b *bearer) refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasEnded || b.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	has := b.has
	b.asking.Go(func() {
		defer cancel()
		b.give(b.bus.tokens.now(ctx, has))
	})
}

// give gives the client a token, or the reason why there is none: it tells that as an error of its own, and asks again after ten seconds.
func (b *bearer) give(token kafka.OAuthBearerToken, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cancel = nil
	if b.hasEnded {
		return
	}
	if err == nil {
		if err = b.client.SetOAuthBearerToken(token); err == nil {
			b.has = token.TokenValue
			return
		}
	}
	if err := b.client.SetOAuthBearerTokenFailure(err.Error()); err != nil {
		b.bus.tel.Log.Warn("a Kafka client cannot be told why it has no token", "error", err.Error())
	}
}

// end gives the client nothing any more.
func (b *bearer) end() {
	b.mu.Lock()
	b.hasEnded = true
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	b.asking.Wait()
}
