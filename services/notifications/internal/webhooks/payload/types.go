package payload

import "slices"

// Type is what a webhook tells of: the type of its CloudEvent. An endpoint is subscribed to some.
type Type string

// The types. What each has in its data is the struct of its name.
const (
	TypeMessageCreated   Type = "dev.ism.message.created"
	TypeMessageEdited    Type = "dev.ism.message.edited"
	TypeMessageDeleted   Type = "dev.ism.message.deleted"
	TypeRoomCreated      Type = "dev.ism.room.created"
	TypeRoomChanged      Type = "dev.ism.room.changed"
	TypeRoomEnded        Type = "dev.ism.room.ended"
	TypeRoomRead         Type = "dev.ism.room.read"
	TypeMembersJoined    Type = "dev.ism.members.joined"
	TypeMembersLeft      Type = "dev.ism.members.left"
	TypeFriendRequested  Type = "dev.ism.friend.requested"
	TypeFriendAccepted   Type = "dev.ism.friend.accepted"
	TypeUserDeleted      Type = "dev.ism.user.deleted"
	TypeUserErased       Type = "dev.ism.user.erased"
	TypeNotificationSent Type = "dev.ism.notification.sent"
	TypePushRequested    Type = "dev.ism.push.requested"
	TypeWebhookFailing   Type = "dev.ism.webhook.failing"
	TypeWebhookDisabled  Type = "dev.ism.webhook.disabled"
	TypeWebhookTested    Type = "dev.ism.webhook.tested" // is sent on demand, to one endpoint
)

// own are the types of what notifications itself tells: no event of a log becomes one.
var own = []Type{TypePushRequested, TypeWebhookDisabled, TypeWebhookFailing}

// sources says which webhooks an event of the log can become, by its ce_type.
var sources = map[string][]Type{
	"ism.message.posted.v1":     {TypeMessageCreated},
	"ism.message.edited.v1":     {TypeMessageEdited},
	"ism.message.deleted.v1":    {TypeMessageDeleted},
	"ism.room.created.v1":       {TypeRoomCreated},
	"ism.room.changed.v1":       {TypeRoomChanged},
	"ism.room.ended.v1":         {TypeRoomEnded},
	"ism.room.read.v1":          {TypeRoomRead},
	"ism.members.joined.v1":     {TypeMembersJoined},
	"ism.membership.changed.v1": {TypeMembersJoined, TypeMembersLeft, TypeRoomEnded},
	"ism.friend.requested.v1":   {TypeFriendRequested},
	"ism.friend.accepted.v1":    {TypeFriendAccepted},
	"ism.user.deleted.v1":       {TypeUserDeleted},
	"ism.user.erased.v1":        {TypeUserErased},
	"ism.notification.sent.v1":  {TypeNotificationSent},
}

// Types are those to which an endpoint can be subscribed, in the order of their names.
func Types() []Type {
	all := slices.Clone(own)
	for _, types := range sources {
		all = append(all, types...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// OfRooms reports whether webhooks of the type are about a room.
func (t Type) OfRooms() bool {
	switch t {
	case TypeMessageCreated, TypeMessageEdited, TypeMessageDeleted, TypeRoomCreated, TypeRoomChanged, TypeRoomEnded, TypeRoomRead, TypeMembersJoined, TypeMembersLeft:
		return true
	default:
		return false
	}
}

// Possible gives the webhooks that a record can become, by its ce_type alone.
func Possible(ceType string) []Type { return sources[ceType] }
