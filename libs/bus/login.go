package bus

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/ism-chat/ism/libs/config"
)

// login gives a client of librdkafka the password that its file has by now: it counts for the connections that the client makes from then on. It belongs to
// the goroutine that takes the client's events, and is asked to look with each of its statistics.
type login struct {
	bus    *Bus
	client interface {
		SetSaslCredentials(username, password string) error
	}
	used  config.Secret
	often rate.Sometimes
}

func (b *Bus) newLogin(client interface {
	SetSaslCredentials(username, password string) error
},
) *login {
	return &login{bus: b, client: client, used: b.cfg.SASLPassword, often: rate.Sometimes{First: 1, Interval: time.Minute}}
}

// look reads the file. One that cannot be used, as while it is replaced, changes nothing.
func (l *login) look() {
	now, err := l.bus.cfg.SASLPasswordFile.Read(l.used)
	if err == nil && now != l.used {
		if err = l.client.SetSaslCredentials(l.bus.cfg.SASLUsername, now.Reveal()); err == nil {
			l.used = now
			l.bus.tel.Log.Info("a Kafka client uses the password that its file has by now")
		}
	}
	if err != nil {
		l.often.Do(func() {
			l.bus.tel.Log.Warn("the file of Kafka's password cannot be used; the former password stays", "error", err.Error())
		})
	}
}
