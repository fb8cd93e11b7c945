package store

import (
	"errors"

	"github.com/ism-chat/ism/libs/telemetry"
)

// answers are the errors that are proper answers of a store: about the request, not about the store.
func answers() []error { return []error{ErrRoomNotFound, ErrTooLarge, ErrRoomExists, ErrUnknownUsers} }

// IsAnswer reports whether the error is about the request, not about the store.
func IsAnswer(err error) bool {
	for _, answer := range answers() {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// NewMetrics makes the golden signals of a room store, whichever its backend.
func NewMetrics(tel *telemetry.Telemetry) *telemetry.StoreMetrics {
	return tel.Store("rooms", answers()...)
}
