package rooms

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// problemOf gives the problem for an error of the store.
func problemOf(err error) error {
	var exists store.RoomExistsError
	var unknown store.UnknownUsersError
	var over store.OverBudgetError
	switch {
	case errors.Is(err, store.ErrRoomNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "there is no such room among the caller's")
	case errors.Is(err, store.ErrMessageNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "message-not-found", "Message not found", "the room has no such message, or has had it too long ago")
	case errors.Is(err, errNotCaughtUp):
		return httpapi.Unavailable("not-caught-up", "Not caught up", "the lists are behind the messages; try again", err)
	case errors.As(err, &exists):
		return httpapi.NewProblem(http.StatusConflict, "room-exists", "Room exists", "the two users have the Single room "+exists.RoomID.String())
	case errors.As(err, &unknown):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "unknown-user", "Unknown user", namedUnknown(unknown.IDs))
	case errors.Is(err, people.ErrUserNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "user-not-found", "User not found", "there is no such user")
	case errors.Is(err, people.ErrUserDeleted):
		return httpapi.NewProblem(http.StatusForbidden, "user-deleted", "User deleted", "the token is of a user who was deleted")
	case errors.Is(err, store.ErrErasureNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "erasure-not-found", "Erasure not found", "there is no such erasure")
	case errors.Is(err, people.ErrOtherTenant):
		return otherTenant("the user belongs to another tenant")
	case errors.Is(err, people.ErrBlocked):
		return httpapi.NewProblem(http.StatusForbidden, "user-blocked", "User blocked", "one of the users has blocked the other")
	case errors.As(err, &over):
		problem := httpapi.NewProblem(http.StatusTooManyRequests, "budget-exhausted", "Budget exhausted", "the caller may make no more "+string(over.Kind)+" in this hour")
		problem.RetryAfter = over.Wait
		return problem
	case errors.Is(err, store.ErrInvitation):
		return httpapi.NewProblem(http.StatusForbidden, "invitation-not-allowed", "Invitation not allowed", "the caller may not draw one of the users into a room")
	case errors.Is(err, relationships.ErrOneself):
		return httpapi.InvalidRequest("the user is the caller")
	case errors.Is(err, relationships.ErrRequestNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "request-not-found", "Request not found", "the user has not asked the caller to be friends")
	case errors.Is(err, relationships.ErrFriendNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "friend-not-found", "Friend not found", "the user is no friend of the caller")
	case errors.Is(err, relationships.ErrTooManyFriends):
		return httpapi.NewProblem(http.StatusConflict, "too-many-friends", "Too many friends", "one of the users has as many friends as a user may have")
	case errors.Is(err, relationships.ErrTooManyRequests):
		return httpapi.NewProblem(http.StatusConflict, "too-many-friend-requests", "Too many friend requests", "as many requests as there may be wait for an answer")
	case errors.Is(err, relationships.ErrTooManyBlocked):
		return httpapi.NewProblem(http.StatusConflict, "too-many-blocked", "Too many blocked", "the caller has blocked as many users as it may")
	case errors.Is(err, store.ErrRoomFull):
		return httpapi.NewProblem(http.StatusConflict, "room-full", "Room full", "the room has as many members as it may have")
	case errors.Is(err, store.ErrAlreadyMember):
		return httpapi.NewProblem(http.StatusConflict, "already-member", "Already a member", "the user is in the room")
	case errors.Is(err, store.ErrSingleRoom):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "single-room", "Single room", "a Single room has its two users, and no name of its own")
	case errors.Is(err, store.ErrTooLarge):
		return httpapi.InvalidRequest("the room has too many users")
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "the rooms cannot be reached now", err)
	default:
		return err
	}
}

func invalidCursor() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-cursor", "Invalid cursor", "the cursor is none of this list of the caller's")
}

// maxNamed is how many unknown users an answer names.
const maxNamed = 10

func namedUnknown(ids []uuid.UUID) string {
	named := make([]string, 0, maxNamed)
	for _, id := range ids[:min(len(ids), maxNamed)] {
		named = append(named, id.String())
	}
	detail := "never seen here: " + strings.Join(named, ", ")
	if more := len(ids) - maxNamed; more > 0 {
		detail += fmt.Sprintf(" and %d more", more)
	}
	return detail
}
