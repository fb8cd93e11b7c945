// Package reread keeps what files say as they say it by now: secrets and certificates are replaced while programs run. A file is looked at when its value is
// used, once a second at most, and by its name, so that a symbolic link that leads elsewhere, as Kubernetes changes them, counts as a replaced file does.
//
// A file that cannot be used, as while it is replaced, changes nothing, which the log says once.
package reread

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

// every is how long a value is believed before its files are read again.
const every = time.Second

// Value is what files say. It is safe for concurrent use.
type Value[T any] struct {
	what string // for the log
	read func(known T) (T, error)
	log  *slog.Logger

	mu    sync.Mutex
	known T
	at    time.Time
	fault string
}

// New makes a value, which the log calls what. read gives what the files say by now; nil: there are none, and the value stays what it is known to be.
func New[T any](what string, known T, read func(known T) (T, error), log *slog.Logger) *Value[T] {
	return &Value[T]{what: what, read: read, log: log, known: known}
}

// Secret makes the value of a secret that may have a file. valid, if not nil, says what is wrong with one.
func Secret(what string, known config.Secret, file config.SecretFile, valid func(config.Secret) error, log *slog.Logger) *Value[config.Secret] {
	if file == "" {
		return New(what, known, nil, log)
	}
	return New(what, known, func(known config.Secret) (config.Secret, error) {
		secret, err := file.Read(known)
		if err == nil && valid != nil {
			err = valid(secret)
		}
		return secret, err
	}, log)
}

// Now gives the value as it is by now.
func (v *Value[T]) Now() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.read == nil || !v.at.IsZero() && time.Since(v.at) < every {
		return v.known
	}
	v.at = time.Now()
	value, err := v.read(v.known)
	if err == nil {
		v.known, v.fault = value, ""
		return v.known
	}
	if v.fault != err.Error() {
		v.fault = err.Error()
		v.log.WarnContext(context.Background(), v.what+" cannot be read again; what it was last still counts", "error", v.fault)
	}
	return v.known
}
