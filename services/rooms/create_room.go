package rooms

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/changes"
)

// newRoomBody is the body of create-room.
type newRoomBody struct {
	Type    string   `json:"roomType"`
	Name    *string  `json:"roomName"`
	Invited []string `json:"invitedUsers"`
	// HistoryFromStart says whether who joins later sees what was written before; the installation decides where it is missing.
	HistoryFromStart *bool `json:"historyFromStart"`
}

// create handles POST /api/rooms/create-room.
func (s *Service) create(c *fiber.Ctx) error {
	ctx := c.UserContext()
	room, err := s.readNewRoom(c)
	if err != nil {
		return err
	}
	created, row, err := s.changes.CreateRoom(ctx, room)
	if err != nil {
		return problemOf(err)
	}
	s.relay.Await(ctx, row)
	return c.JSON(created)
}

func (s *Service) readNewRoom(c *fiber.Ctx) (changes.NewRoom, error) {
	var body newRoomBody
	if err := httpapi.Decode(c, &body); err != nil {
		return changes.NewRoom{}, err
	}
	return body.room(authn.Caller(c).UserID, s.cfg, s.now())
}

// room checks what was asked for. The error is the problem invalid-request.
func (b newRoomBody) room(creator uuid.UUID, cfg Config, at time.Time) (changes.NewRoom, error) {
	users, err := distinctIDs(b.Invited)
	if err != nil {
		return changes.NewRoom{}, err
	}
	if !slices.Contains(users, creator) {
		return changes.NewRoom{}, httpapi.InvalidRequest("invitedUsers must contain the caller")
	}
	room := changes.NewRoom{ID: uuid.Must(uuid.NewV7()), Type: wire.RoomType(b.Type), Creator: creator, Users: users, At: at, SinceJoining: cfg.HistorySinceJoining, Invites: cfg.Invites, Budgets: cfg.budgets()}
	if b.HistoryFromStart != nil {
		room.SinceJoining = !*b.HistoryFromStart
	}
	switch room.Type {
	case wire.Single:
		if len(users) != 2 {
			return changes.NewRoom{}, httpapi.InvalidRequest("a Single room has exactly two different users")
		}
	case wire.Group:
		if len(users) < fewestMembers || len(users) > cfg.MaxMembers {
			return changes.NewRoom{}, httpapi.InvalidRequest(fmt.Sprintf("a Group has %d to %d different users", fewestMembers, cfg.MaxMembers))
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
		id, ok := httpapi.ParseUUID(text)
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
	if strings.TrimSpace(*name) == "" || !isLine(*name, changes.MaxRoomName) {
		return nil, httpapi.InvalidRequest(fmt.Sprintf("roomName must have 1 to %d characters, not only white space, and none that control or turn text", changes.MaxRoomName))
	}
	return name, nil
}
