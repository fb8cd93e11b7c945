package rooms

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store"
)

// problemOf gives the problem for an error of the store.
func problemOf(err error) error {
	var exists store.RoomExistsError
	var unknown store.UnknownUsersError
	switch {
	case errors.Is(err, store.ErrRoomNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "there is no such room among the caller's")
	case errors.As(err, &exists):
		return httpapi.NewProblem(http.StatusConflict, "room-exists", "Room exists", "the two users have the Single room "+exists.RoomID.String())
	case errors.As(err, &unknown):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "unknown-user", "Unknown user", namedUnknown(unknown.IDs))
	case errors.Is(err, store.ErrRoomFull):
		return httpapi.NewProblem(http.StatusConflict, "room-full", "Room full", "the room has as many members as it may have")
	case errors.Is(err, store.ErrAlreadyMember):
		return httpapi.NewProblem(http.StatusConflict, "already-member", "Already a member", "the user is in the room")
	case errors.Is(err, store.ErrSingleRoom):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "single-room", "Single room", "nobody can be invited into a Single room")
	case errors.Is(err, store.ErrTooLarge):
		return httpapi.InvalidRequest("the room has too many users")
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "the rooms cannot be reached now", err)
	default:
		return err
	}
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
