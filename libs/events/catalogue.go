package events

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// catalogue has every type of event with its major and its minor version. It is the one place where a type is added, and where a type
// that gets another optional field gets its next minor version.
var catalogue = []kind{
	kindOf[RoomCreated](1, 3),       // 1: wholeRoom; 2: how much of the room is unread; 3: tenant
	kindOf[RoomRead](1, 2),          // 1: wholeRoom; 2: how much is unread, and up to which message the member has read
	kindOf[MessagePosted](1, 4),     // 1: the payload of clients, first; 2: wholeRoom; 3: pace; 4: when it expires
	kindOf[MessageEdited](1, 2),     // 1: pace; 2: when it expires
	kindOf[MessageDeleted](1, 2),    // 1: pace; 2: when it expires
	kindOf[MembershipChanged](1, 1), // 1: tenant
	kindOf[RoomChanged](1, 0),
	kindOf[RoomEnded](1, 0),
	kindOf[MembersJoined](1, 0),
	kindOf[MembershipSnapshot](1, 0),
	kindOf[SnapshotRemoved](1, 0),
	kindOf[FriendRequested](1, 0),
	kindOf[FriendAccepted](1, 0),
	kindOf[NotificationSent](1, 1), // 1: expiresAt
	kindOf[NotificationsRead](1, 0),
	kindOf[MediaChanged](1, 0),
	kindOf[UserDeleted](1, 0),
	kindOf[UserErased](1, 0),
	kindOf[UserSignedOut](1, 0),
	kindOf[TicketIssued](1, 1), // 1: of which session the token is, and when it was issued
	kindOf[TicketClaimed](1, 0),
	kindOf[UserDisconnected](1, 0),
	kindOf[PresenceChanged](1, 0),
	kindOf[EdgeAlive](1, 0),
}

// kind is a type of event in one major version.
type kind struct {
	goType   reflect.Type
	name     string // with the major version, for example "room.created.v1"
	anyMajor string // what every major version's name begins with, for example "room.created.v"
	schema   string // with both versions, for example "room.created:1.0"
	decode   func(key string, value []byte) (Data, error)
}

func kindOf[D Data](major, minor int) kind {
	var zero D
	name := zero.EventName()
	return kind{
		goType:   reflect.TypeFor[D](),
		name:     fmt.Sprintf("%s.v%d", name, major),
		anyMajor: name + ".v",
		schema:   fmt.Sprintf("%s:%d.%d", name, major, minor),
		decode: func(key string, value []byte) (Data, error) {
			if removed, ok := any(zero).(tombstone); ok {
				return removed.fromKey(key)
			}
			var data D
			err := json.Unmarshal(value, &data)
			return data, err
		},
	}
}

// kindOfData gives the kind of what is to be written.
func kindOfData(data Data) (kind, error) {
	goType := reflect.TypeOf(data)
	for _, k := range catalogue {
		if k.goType == goType {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("%w: %s (%s) is not in the catalogue of events", ErrMalformed, data.EventName(), goType)
}

// IsTimelineEvent reports whether a record's headers are those of a [TimelineEvent] that this build knows.
func IsTimelineEvent(headers map[string]string) bool { return isOf[TimelineEvent](headers) }

// IsRevision reports whether a record's headers are those of a [RevisionEvent] that this build knows.
func IsRevision(headers map[string]string) bool { return isOf[RevisionEvent](headers) }

// EndsSessions reports whether a record's headers are those of an event that ends sessions of a user: [UserSignedOut], [UserDeleted].
func EndsSessions(headers map[string]string) bool {
	kind, err := kindOfType(headers[HeaderType])
	return err == nil && (kind.goType == reflect.TypeFor[UserSignedOut]() || kind.goType == reflect.TypeFor[UserDeleted]())
}

func isOf[E RoomEvent](headers map[string]string) bool {
	kind, err := kindOfType(headers[HeaderType])
	return err == nil && kind.goType.Implements(reflect.TypeFor[E]())
}

// kindOfType gives the kind of what was read, by its ce_type. Errors: [ErrUnknownType]; [ErrMalformed] for a major version that this
// build does not read.
func kindOfType(ceType string) (kind, error) {
	name, ours := strings.CutPrefix(ceType, typePrefix)
	if !ours {
		return kind{}, fmt.Errorf("%w: %q", ErrUnknownType, ceType)
	}
	otherMajor := false
	for _, k := range catalogue {
		if k.name == name {
			return k, nil
		}
		if major, ok := strings.CutPrefix(name, k.anyMajor); ok {
			_, err := strconv.Atoi(major)
			otherMajor = otherMajor || err == nil
		}
	}
	if otherMajor {
		return kind{}, fmt.Errorf("%w: type %q has a major version that this build does not read", ErrMalformed, ceType)
	}
	return kind{}, fmt.Errorf("%w: %q", ErrUnknownType, ceType)
}
