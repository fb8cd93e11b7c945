package rooms

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/rooms/internal/relationships"
	"github.com/ism-chat/ism/services/rooms/store/people"
)

// changeRelationship is a handler of a change of how the caller stands to the user in the path. It answers with how that is afterwards, once what
// the other is told of it is in the log, or after a second.
func (s *Service) changeRelationship(
	change func(ctx context.Context, by people.Viewer, other uuid.UUID, at time.Time) (relationships.Outcome, error),
) fiber.Handler {
	return func(c *fiber.Ctx) error {
		other, err := userID(c)
		if err != nil {
			return err
		}
		ctx := c.UserContext()
		outcome, err := change(ctx, viewer(c), other, s.now())
		if err != nil {
			return problemOf(err)
		}
		if outcome.Row != 0 {
			s.relay.Await(ctx, outcome.Row)
		}
		return c.JSON(wire.RelationshipState{State: outcome.State.OrNull()})
	}
}
