package rooms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/rooms/store"
)

// maxName is the longest name of a room, characters.
const maxName = 100

// newRoomBody is the body of create-room.
type newRoomBody struct {
	Type    string   `json:"roomType"`
	Name    *string  `json:"roomName"`
	Invited []string `json:"invitedUsers"`
}

func (s *Service) readNewRoom(c *fiber.Ctx) (store.NewRoom, error) {
	var body newRoomBody
	if err := httpapi.Decode(c, &body); err != nil {
		return store.NewRoom{}, err
	}
	caller := authn.Caller(c).UserID
	users, err := distinctIDs(body.Invited)
	if err != nil {
		return store.NewRoom{}, err
	}
	room := store.NewRoom{
		ID: uuid.Must(uuid.NewV7()), Type: events.RoomType(body.Type), Creator: caller, Users: users, At: s.now(),
	}
	if !slices.Contains(users, caller) {
		return store.NewRoom{}, invalid("invitedUsers must contain the caller")
	}
	switch room.Type {
	case events.Single:
		if len(users) != 2 {
			return store.NewRoom{}, invalid("a Single room has exactly two different users")
		}
	case events.Group:
		if len(users) < fewestMembers || len(users) > s.cfg.MaxMembers {
			return store.NewRoom{}, invalid(fmt.Sprintf("a Group has %d to %d different users", fewestMembers, s.cfg.MaxMembers))
		}
		if room.Name, err = roomName(body.Name); err != nil {
			return store.NewRoom{}, err
		}
	default:
		return store.NewRoom{}, invalid("roomType must be Single or Group")
	}
	return room, nil
}

func distinctIDs(texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(texts))
	seen := make(map[uuid.UUID]bool, len(texts))
	for i, text := range texts {
		id, ok := strictUUID(text)
		if !ok {
			return nil, invalid(fmt.Sprintf("invitedUsers[%d] is no UUID", i))
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// roomName checks a Group's name, which may be missing. The name is copied as it is.
func roomName(name *string) (*string, error) {
	switch {
	case name == nil:
		return nil, nil
	case strings.ContainsRune(*name, 0):
		return nil, invalid("roomName contains a NUL character")
	case strings.TrimSpace(*name) == "" || utf8.RuneCountInString(*name) > maxName:
		return nil, invalid(fmt.Sprintf("roomName must have 1 to %d characters, and not only white space", maxName))
	}
	return name, nil
}

func roomID(c *fiber.Ctx) (uuid.UUID, error) { return parseID(c.Params("room_id"), "the room id") }

func parseID(text, what string) (uuid.UUID, error) {
	id, ok := strictUUID(text)
	if !ok {
		return uuid.Nil, httpapi.NewProblem(http.StatusBadRequest, "invalid-id", "Invalid id", what+" is no UUID")
	}
	return id, nil
}

// uuidLength is the length of a UUID as RFC 9562 writes it, the only form that is taken.
const uuidLength = 36

func strictUUID(text string) (uuid.UUID, bool) {
	if len(text) != uuidLength {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

func invalid(detail string) error {
	return httpapi.NewProblem(http.StatusUnprocessableEntity, "invalid-request", "Invalid request", detail)
}

// problemOf gives the answer to an error of the store.
func problemOf(err error) error {
	var exists store.RoomExistsError
	var unknown store.UnknownUsersError
	switch {
	case errors.Is(err, store.ErrRoomNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "there is no such room among the caller's")
	case errors.As(err, &exists):
		return httpapi.NewProblem(http.StatusConflict, "room-exists", "Room exists", "the two users have the Single room "+exists.RoomID.String())
	case errors.As(err, &unknown):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "unknown-user", "Unknown user", unknown.Error())
	case errors.Is(err, store.ErrTooLarge):
		return invalid("the room has too many users")
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		problem := httpapi.NewProblem(http.StatusServiceUnavailable, "store-unavailable", "Store unavailable", "the rooms cannot be reached now")
		problem.RetryAfter = time.Second
		return problem.Because(err)
	default:
		return err
	}
}
