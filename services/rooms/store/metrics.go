package store

import (
	"errors"

	"github.com/ism-chat/ism/libs/telemetry"
)

// refusals are the errors that are about the request, not about the store.
func refusals() []error { return []error{ErrRoomNotFound, ErrTooLarge, ErrRoomExists, ErrUnknownUsers} }

// IsRefusal reports whether the error is about the request, not about the store.
func IsRefusal(err error) bool {
	for _, refusal := range refusals() {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// NewMetrics makes the golden signals of a room store, whichever its backend.
func NewMetrics(tel *telemetry.Telemetry) *telemetry.StoreMetrics {
	return tel.Store("rooms", refusals()...)
}
