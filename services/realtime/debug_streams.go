package realtime

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/services/realtime/internal/edge"
	"github.com/ism-chat/ism/services/realtime/internal/eventloop"
)

// debugStreams handles GET /debug/streams of the internal listener.
func (s *Service) debugStreams(c *fiber.Ctx) error {
	return c.JSON(struct {
		eventloop.Snapshot
		Polls int            `json:"polls"`
		Logs  []edge.Reached `json:"logs"` // how far each partition has been read
	}{s.streams.Snapshot(), len(s.polls), s.edge.Reached()})
}
