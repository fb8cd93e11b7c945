package erasures

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// nothing is what a reply quotes of a message that is erased: the body of a deleted one.
const nothing = `{}`

// without gives a message without a mention of a user, if it was sent until a time, and without what it quotes of the user, if that was. any is false where
// there is nothing of it. The quoted message's id, sender and time stay, as the deleted message itself keeps them. What cannot be read quotes nobody.
func without(message wire.Message, user uuid.UUID, until time.Time) (left wire.Message, any bool) {
	if slices.Contains(message.Mentions, user) && !message.CreatedAt.After(until) {
		message.Mentions = slices.DeleteFunc(slices.Clone(message.Mentions), func(mentioned uuid.UUID) bool { return mentioned == user })
		any = true
	}
	if message.Type != wire.Reply {
		return message, any
	}
	var reply wire.ReplyBody
	if err := json.Unmarshal(message.Body, &reply); err != nil || reply.SenderID != user || reply.CreatedAt.After(until) || string(reply.Details) == nothing {
		return message, any
	}
	reply.Details = json.RawMessage(nothing)
	body, err := json.Marshal(reply)
	if err != nil { // it was read from JSON
		return message, any
	}
	message.Body = body
	return message, true
}
