package media

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

func tooLarge(detail string) error {
	return httpapi.NewProblem(http.StatusRequestEntityTooLarge, "media-too-large", "Medium too large", detail)
}

func unsupportedType(detail string) error {
	return httpapi.NewProblem(http.StatusUnprocessableEntity, "media-type-not-allowed", "Media type not allowed", detail)
}

func invalidState(detail string) *httpapi.Problem {
	return httpapi.NewProblem(http.StatusConflict, "media-state", "Medium in another state", detail)
}

// problemOf gives the problem for an error of what the service depends on.
func problemOf(err error) error {
	var (
		state store.StateError
		quota store.QuotaError
	)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "media-not-found", "Medium not found", "there is no such medium for you")
	case errors.Is(err, access.ErrNotFound):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "there is no such room, or nothing of it, for you")
	case errors.Is(err, access.ErrSingleRoom):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "single-room", "Single room", "a Single room has no picture of its own")
	case errors.Is(err, access.ErrRooms):
		return httpapi.Unavailable("rooms-unavailable", "Rooms unavailable", "it cannot be said now who is in the room", err)
	case errors.Is(err, access.ErrMessages):
		return httpapi.Unavailable("messages-unavailable", "Messages unavailable", "it cannot be said now which messages you may read", err)
	case errors.As(err, &state):
		return invalidState(fmt.Sprintf("the medium is %s", state.State)).Because(err)
	case errors.Is(err, store.ErrInUse):
		return httpapi.NewProblem(http.StatusConflict, "media-in-use", "Medium in use",
			"a message shows the medium, or has been about to within the last minute: it goes with the last message that does")
	case errors.As(err, &quota):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "media-quota", "Quota used up",
			fmt.Sprintf("%d of %d %s are used", quota.Used, quota.Limit, quota.Of))
	case errors.Is(err, store.ErrExists):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "idempotency-key-reused", "Idempotency key reused",
			"the Idempotency-Key has been used in this room for another medium")
	case errors.Is(err, store.ErrClosed):
		return httpapi.NewProblem(http.StatusNotFound, "room-not-found", "Room not found", "the room has ended")
	case errors.Is(err, store.ErrUnavailable):
		return httpapi.Unavailable("store-unavailable", "Store unavailable", "media cannot be looked up now", err)
	case errors.Is(err, errNotUploaded):
		return httpapi.NewProblem(http.StatusConflict, "media-not-uploaded", "Medium not uploaded", "not all of the medium is there: upload it, and complete it then")
	case errors.Is(err, objects.ErrMismatch):
		return httpapi.NewProblem(http.StatusUnprocessableEntity, "media-mismatch", "Medium differs",
			"what was uploaded has not the size or the checksum that was said; upload it again").Because(err)
	case errors.Is(err, objects.ErrUnavailable), errors.Is(err, objects.ErrNoBucket):
		return httpapi.Unavailable("objects-unavailable", "Object store unavailable", "the object store cannot be used now; try again", err)
	case errors.Is(err, images.ErrBusy), errors.Is(err, images.ErrClosed):
		return httpapi.Unavailable("media-busy", "Too many pictures", "too many pictures are being looked at; try again", err)
	default:
		return err
	}
}
