package messages

import (
	"errors"
	"net/http"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/messages/attachments"
	"github.com/ism-chat/ism/services/messages/internal/body"
	"github.com/ism-chat/ism/services/messages/internal/cursor"
	"github.com/ism-chat/ism/services/messages/internal/sends"
	"github.com/ism-chat/ism/services/messages/membership"
	"github.com/ism-chat/ism/services/messages/store"
)

func unsupportedType(detail string) error {
	return httpapi.NewProblem(http.StatusUnprocessableEntity, "unsupported-message-type", "Unsupported message type", detail)
}

func forbidden(detail string) error {
	return httpapi.NewProblem(http.StatusForbidden, "forbidden", "Forbidden", detail)
}

func invalidCursor() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-cursor", "Invalid cursor",
		"cursor must be one that a page of this room's timeline gave you")
}

func invalidPosition() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-position", "Invalid position",
		"since must be the since of an earlier answer, or the position of a message or an event")
}

func invalidExportCursor() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-cursor", "Invalid cursor", "cursor must be one that an earlier part of this export gave")
}

func invalidTimestamp() error {
	return httpapi.NewProblem(http.StatusBadRequest, "invalid-timestamp", "Invalid timestamp",
		"timestamp must be an RFC 3339 time, for example 2026-11-23T12:30:45.123456Z")
}

// problemOf gives the problem for an error of what the service depends on.
func problemOf(err error) error {
	switch {
	case errors.Is(err, membership.ErrRoomNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "there is no such room for you")
	case errors.Is(err, membership.ErrUserNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "user-not-found", "User not found", "there is no such user for you")
	case errors.Is(err, membership.ErrUnavailable):
		return httpapi.Unavailable("rooms-unavailable", "Rooms unavailable", "it cannot be said now who is in the room", err)
	case errors.Is(err, bus.ErrOutcomeUnknown):
		return httpapi.NewProblem(http.StatusGatewayTimeout, "outcome-unknown", "Outcome unknown",
			"the message was sent on and not acknowledged in time: it may still appear in the room; look there before you send it again").Because(err)
	case errors.Is(err, bus.ErrUnavailable):
		return httpapi.Unavailable("kafka-unavailable", "Kafka unavailable", "the message was not written; send it again", err)
	case errors.Is(err, sends.ErrUnderWay):
		problem := httpapi.NewProblem(http.StatusConflict, "send-under-way", "Send under way", "a send of the same name has not ended yet; send it again")
		problem.RetryAfter = time.Second
		return problem.Because(err)
	case errors.Is(err, errAnotherBody):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "idempotency-key-reused", "Idempotency key reused",
			"the Idempotency-Key or clientMsgId has been used in this room for another message")
	case errors.Is(err, cursor.ErrInvalid):
		return invalidCursor()
	case errors.Is(err, errNoMember):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "mentioned-not-a-member", "Mentioned user not a member",
			"mentions names a user who is not a member of the room")
	case errors.Is(err, errNothingToQuote):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "quoted-message-not-found", "Quoted message not found",
			"the room has no message with this replyMsgId for you")
	case errors.Is(err, attachments.ErrNotFound):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "media-not-found", "Medium not found",
			"you have uploaded no medium with this mediaId to the room")
	case errors.Is(err, attachments.ErrRejected):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "media-rejected", "Medium rejected",
			"the medium was rejected; GET /api/media/{media_id}/status says why")
	case errors.Is(err, attachments.ErrNotReady):
		problem := httpapi.NewProblem(http.StatusConflict, "media-not-ready", "Medium not ready",
			"the medium is not ready yet: it has to be uploaded and completed; send the message again once it is")
		problem.RetryAfter = time.Second
		return problem.Because(err)
	case errors.Is(err, attachments.ErrUnavailable):
		return httpapi.Unavailable("media-unavailable", "Media unavailable", "it cannot be said now what the message shows; nothing was written; send it again", err)
	case errors.Is(err, body.ErrNotQuotable):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "message-not-quotable", "Message not quotable",
			"nobody can reply to a message of this type")
	case errors.Is(err, store.ErrMessageNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "message-not-found", "Message not found", "the room has no such message for you")
	case errors.Is(err, errNotTheAuthor):
		return httpapi.NewProblem(http.StatusForbidden, "not-the-author", "Not the author", "somebody else has written the message")
	case errors.Is(err, errEditWindowOver):
		return httpapi.NewProblem(http.StatusForbidden, "edit-window-over", "Edit window over", "the message is too old to be edited here")
	case errors.Is(err, errMessageDeleted):
		return httpapi.NewProblem(http.StatusConflict, "message-deleted", "Message deleted", "the message is deleted, and stays so")
	case errors.Is(err, errChanged):
		return httpapi.NewProblem(http.StatusPreconditionFailed, "message-changed", "Message changed",
			"the message has another content than the one that If-Match names; read it again")
	case errors.Is(err, errBeingRevised):
		problem := httpapi.NewProblem(http.StatusConflict, "revision-under-way", "Revision under way",
			"somebody else is changing the message; nothing was changed by this request; ask again")
		problem.RetryAfter = time.Second
		return problem.Because(err)
	case errors.Is(err, errNotEditable):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "message-not-editable", "Message not editable",
			"you can change no message of this type")
	case errors.Is(err, errUnsettled):
		return httpapi.Unavailable("timeline-behind", "Timeline behind", "the timeline has not come to the change of members that says what you may read", err)
	case errors.Is(err, errBehind):
		return httpapi.Unavailable("timeline-behind", "Timeline behind", "the timeline has not come to the end of the log, where the message may be; ask again", err)
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "timelines cannot be read now", err)
	default:
		return err
	}
}
