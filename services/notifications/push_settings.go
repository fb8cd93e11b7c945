package notifications

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	maxPushSettings = 1001      // of a user: one for all rooms, and of so many rooms
	levelDefault    = "default" // of a room: as for all rooms
)

// pushSettings is what a user is told by push.
type pushSettings struct {
	Level      string          `json:"level"`
	MutedUntil *wire.Time      `json:"mutedUntil"` // nil: it is not muted
	Rooms      []roomSettingOf `json:"rooms"`      // those that differ
}

// roomSettingOf is what a user is told of a room.
type roomSettingOf struct {
	RoomID     uuid.UUID  `json:"roomId"`
	Level      string     `json:"level"`
	MutedUntil *wire.Time `json:"mutedUntil"`
}

// settingBody is the body of PUT /api/notify/settings.
type settingBody struct {
	RoomID     *string    `json:"roomId"` // nil: all rooms
	Level      string     `json:"level"`
	MutedUntil *time.Time `json:"mutedUntil"`
}

func (b settingBody) parse(user uuid.UUID, now time.Time) (store.PushSetting, error) {
	p := store.PushSetting{UserID: user}
	if b.RoomID != nil {
		room, ok := httpapi.ParseUUID(*b.RoomID)
		if !ok || room == uuid.Nil {
			return p, httpapi.InvalidRequest("roomId must be a UUID")
		}
		p.RoomID = room
	}
	switch b.Level {
	case store.PushAll, store.PushMentions, store.PushNone:
		p.Level = b.Level
	case levelDefault:
		if b.RoomID == nil {
			return p, httpapi.InvalidRequest("level default is a room's; for all rooms it must be all, mentions or none")
		}
	default:
		return p, httpapi.InvalidRequest("level must be all, mentions or none, or, of a room, default")
	}
	if b.RoomID == nil && p.Level == store.PushAll {
		p.Level = "" // as without being said
	}
	if b.MutedUntil != nil && b.MutedUntil.After(now) {
		p.MutedUntil = b.MutedUntil.UTC().Truncate(time.Microsecond)
		if p.MutedUntil.Year() > 9999 {
			return p, httpapi.InvalidRequest("mutedUntil must be before the year 10000")
		}
	}
	return p, nil
}

// showPushSettings handles GET /api/notify/settings.
func (p *push) showPushSettings(c *fiber.Ctx) error {
	kept, err := p.store.PushSettings(c.UserContext(), []uuid.UUID{authn.Caller(c).UserID}, nil)
	if err != nil {
		return problemOfPush(err)
	}
	now := p.now()
	until := func(at time.Time) *wire.Time {
		if !at.After(now) {
			return nil
		}
		shown := wire.At(at)
		return &shown
	}
	shown := pushSettings{Level: store.PushAll, Rooms: []roomSettingOf{}}
	for _, of := range kept {
		switch {
		case of.RoomID != uuid.Nil && of.Level == "":
			shown.Rooms = append(shown.Rooms, roomSettingOf{of.RoomID, levelDefault, until(of.MutedUntil)})
		case of.RoomID != uuid.Nil:
			shown.Rooms = append(shown.Rooms, roomSettingOf{of.RoomID, of.Level, until(of.MutedUntil)})
		default:
			shown.MutedUntil = until(of.MutedUntil)
			if of.Level != "" {
				shown.Level = of.Level
			}
		}
	}
	return c.JSON(shown)
}

// putPushSetting handles PUT /api/notify/settings: of one room, or of all.
func (p *push) putPushSetting(c *fiber.Ctx) error {
	var body settingBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	setting, err := body.parse(authn.Caller(c).UserID, p.now())
	if err != nil {
		return err
	}
	if err := p.store.PutPushSetting(c.UserContext(), setting, maxPushSettings); err != nil {
		return problemOfPush(err)
	}
	return p.showPushSettings(c)
}
