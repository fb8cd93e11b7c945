package devidp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"
)

const (
	codeLife = time.Minute
	mostOpen = 1024 // codes that have not expired
)

// code is what an authorization code stands for.
type code struct {
	client      string
	redirectURI string
	challenge   string // S256 of RFC 7636
	nonce       string
	scope       string
	user        string
	session     string
	signedIn    time.Time
	expires     time.Time
	used        bool
}

// codes are those that have been given out and have not expired, by themselves. A used one is kept as long: who shows it again has stolen it, or was
// stolen from (RFC 6749, section 4.1.2).
type codes struct {
	mu   sync.Mutex
	open map[string]code
}

// add gives a code to whoever has signed in, or false where too many are open.
func (c *codes) add(of code) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for id, one := range c.open {
		if !now.Before(one.expires) {
			delete(c.open, id)
		}
	}
	if len(c.open) >= mostOpen {
		return "", false
	}
	if c.open == nil {
		c.open = map[string]code{}
	}
	id = rand.Text()
	of.expires = now.Add(codeLife)
	c.open[id] = of
	return id, true
}

// take uses a code up. What it gives is used where somebody had taken it before.
func (c *codes) take(id string) (code, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of, found := c.open[id]
	if !found || !time.Now().Before(of.expires) {
		return code{}, false
	}
	after := of
	after.used = true
	c.open[id] = after
	return of, true
}

// proves reports whether the verifier is that of the challenge (RFC 7636, section 4.6).
func proves(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// sessions are those that have ended before their refresh tokens do.
type sessions struct {
	mu    sync.Mutex
	ended map[string]time.Time // by when the last of its refresh tokens has expired
}

const mostEnded = 10_000

// end ends a session. Of very many that have ended, one that is soon forgotten anyhow makes room.
func (s *sessions) end(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for one, until := range s.ended {
		if !now.Before(until) {
			delete(s.ended, one)
		}
	}
	if s.ended == nil {
		s.ended = map[string]time.Time{}
	}
	if len(s.ended) >= mostEnded {
		var first string
		for one, until := range s.ended {
			if first == "" || until.Before(s.ended[first]) {
				first = one
			}
		}
		delete(s.ended, first)
	}
	s.ended[session] = now.Add(refreshLife)
}

func (s *sessions) hasEnded(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[session]
	return ended
}
