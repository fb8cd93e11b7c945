package notifications

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/intake"
)

// notify handles POST /api/notify.
func (s *Service) notify(c *fiber.Ctx) error {
	if isBatch(c) {
		return s.notifyBatch(c)
	}
	body, err := httpapi.JSONBody(c)
	if err != nil {
		return err
	}
	told, err := intake.Parse(body)
	if err != nil {
		return err
	}
	key, err := httpapi.IdempotencyKey(c)
	if err != nil {
		return err
	}
	by := authn.Caller(c)
	ids := intake.Unnamed()
	if key != "" {
		ids = intake.OfKey(by.UserID, key)
	}
	return s.tell(c, by.Tenant, intake.Asked{Notification: told, IDs: ids, Taken: time.Now()})
}

// tell tells users something for a backend of a tenant, or of none, and answers with the ids once the log has it.
func (s *Service) tell(c *fiber.Ctx, tenant string, asked intake.Asked) error {
	refused, err := s.intake.Vet(c.UserContext(), tenant, asked)
	if err = cmp.Or(err, errors.Join(refused...)); err != nil {
		return problemOf(err, len(asked.Users))
	}
	told := s.intake.Tell(c.UserContext(), asked)[0]
	if told.Err != nil {
		return problemOf(told.Err, len(asked.Users))
	}
	s.logTold(c.UserContext(), told.Notifications)
	return c.Status(http.StatusAccepted).JSON(wire.Notified{Notifications: told.Notifications})
}

// logTold says in the log that users are told something; of one user by which id.
func (s *Service) logTold(ctx context.Context, told []wire.NotifiedUser) {
	if !s.lines.Keep(ctx) {
		return
	}
	attributes := []slog.Attr{slog.Int("users", len(told))}
	if len(told) == 1 {
		attributes = append(attributes, slog.String("to_user", told[0].UserID.String()), slog.String("notification_id", told[0].ID.String()))
	}
	s.deps.Telemetry.Log.LogAttrs(ctx, slog.LevelInfo, "users are told", attributes...)
}
