//go:build !planted

package messages

import (
	"context"

	"github.com/ism-chat/ism/libs/bus"
)

// append appends a message to the log. It has a faulty version in planted.go, to prove that the suite of faults would find it.
func (s *Service) append(ctx context.Context, message draft) (bus.Record, error) {
	return s.write(ctx, message)
}
