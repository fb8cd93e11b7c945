package rooms

import (
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
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
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

func (s *Service) readNewRoom(c *fiber.Ctx) (changes.NewRoom, error) {
	var body newRoomBody
	if err := httpapi.Decode(c, &body); err != nil {
		return changes.NewRoom{}, err
	}
	return body.room(authn.Caller(c).UserID, s.cfg.MaxMembers, s.now())
}

// room checks what was asked for. The error is the problem invalid-request.
func (b newRoomBody) room(creator uuid.UUID, maxMembers int, at time.Time) (changes.NewRoom, error) {
	users, err := distinctIDs(b.Invited)
	if err != nil {
		return changes.NewRoom{}, err
	}
	if !slices.Contains(users, creator) {
		return changes.NewRoom{}, httpapi.InvalidRequest("invitedUsers must contain the caller")
	}
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: wire.RoomType(b.Type), Creator: creator, Users: users, At: at}
	switch room.Type {
	case wire.Single:
		if len(users) != 2 {
			return changes.NewRoom{}, httpapi.InvalidRequest("a Single room has exactly two different users")
		}
	case wire.Group:
		if len(users) < fewestMembers || len(users) > maxMembers {
			return changes.NewRoom{}, httpapi.InvalidRequest(fmt.Sprintf("a Group has %d to %d different users", fewestMembers, maxMembers))
		}
		if room.Name, err = roomName(b.Name); err != nil {
			return changes.NewRoom{}, err
		}
	default:
		return changes.NewRoom{}, httpapi.InvalidRequest("roomType must be Single or Group")
	}
	return room, nil
}

func distinctIDs(texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(texts))
	seen := make(map[uuid.UUID]bool, len(texts))
	for i, text := range texts {
		id, ok := strictUUID(text)
		if !ok {
			return nil, httpapi.InvalidRequest(fmt.Sprintf("invitedUsers[%d] is no UUID", i))
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// roomName checks a Group's name, which may be missing.
func roomName(name *string) (*string, error) {
	if name == nil {
		return nil, nil
	}
	if strings.TrimSpace(*name) == "" || utf8.RuneCountInString(*name) > maxName {
		return nil, httpapi.InvalidRequest(fmt.Sprintf("roomName must have 1 to %d characters, and not only white space", maxName))
	}
	return name, nil
}

func roomID(c *fiber.Ctx) (uuid.UUID, error) { return httpapi.UUIDParam(c, "room_id") }

func queryID(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, ok := strictUUID(c.Query(name))
	if !ok {
		return uuid.Nil, httpapi.NewProblem(http.StatusBadRequest, "invalid-id", "Invalid id", "the query's "+name+" is no UUID")
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
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "unknown-user", "Unknown user", namedUnknown(unknown.IDs))
	case errors.Is(err, store.ErrTooLarge):
		return httpapi.InvalidRequest("the room has too many users")
	case errors.Is(err, store.ErrUnavailable):
		problem := httpapi.NewProblem(http.StatusServiceUnavailable, "store-unavailable", "Store unavailable", "the rooms cannot be reached now")
		problem.RetryAfter = time.Second
		return problem.Because(err)
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
