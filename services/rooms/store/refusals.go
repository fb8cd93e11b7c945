package store

import (
	"errors"

	"github.com/ism-chat/ism/services/rooms/store/people"
)

// Refusals are the errors that are about the request, not about the store.
func Refusals() []error {
	return []error{
		ErrRoomNotFound, ErrTooLarge, ErrRoomExists, ErrUnknownUsers, ErrRoomFull, ErrAlreadyMember, ErrSingleRoom, ErrMessageNotFound, ErrInvitation,
		people.ErrUserNotFound, people.ErrOtherTenant, people.ErrUserDeleted, people.ErrBlocked, ErrErasureNotFound, ErrOverBudget,
	}
}

// IsRefusal reports whether the error is about the request, not about the store.
func IsRefusal(err error) bool {
	for _, refusal := range Refusals() {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
