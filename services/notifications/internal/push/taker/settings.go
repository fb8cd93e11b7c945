package taker

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/notifications/store"
)

// settings are what users want to be told, by user and room.
type settings map[[2]uuid.UUID]store.PushSetting

func settingsOf(kept []store.PushSetting) settings {
	all := settings{}
	for _, one := range kept {
		all[[2]uuid.UUID{one.UserID, one.RoomID}] = one
	}
	return all
}

// want reports whether a user wants to be told of an event.
func (s settings) want(event *Event, user uuid.UUID, now time.Time) bool {
	overall, room := s[[2]uuid.UUID{user, uuid.Nil}], store.PushSetting{}
	if event.RoomID != uuid.Nil {
		room = s[[2]uuid.UUID{user, event.RoomID}]
	}
	if overall.MutedUntil.After(now) || room.MutedUntil.After(now) {
		return false
	}
	level := overall.Level
	if room.Level != "" {
		level = room.Level
	}
	switch level {
	case store.PushNone:
		return false
	case store.PushMentions:
		return !event.IsMessage() || slices.Contains(event.Mentions, user)
	default:
		return true
	}
}
