//go:build !planted

package messages

import (
	"context"

	"github.com/ism-chat/ism/libs/bus"
)

// What stands here has faulty versions in planted.go, to prove that the suite of faults would find them, and to end the process where that is worst.

// append appends a message to the log.
func (s *Service) append(ctx context.Context, message draft) (bus.Record, error) {
	return s.write(ctx, message)
}

// isNamed reports whether the client has named what it says.
func (u utterance) isNamed() bool { return u.name != "" }

// reached says how far a send has come.
func reached(point) {}
