package notifications

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/wire"
)

const source = "/ism/notifications"

const (
	maxUsers   = 1000     // that one request names
	maxMessage = 64 << 10 // bytes, as the request has it
	// atOnce is how many users of a request are told at once.
	atOnce = 64
)

// typeCustom is what the ISM wire calls a notification of a backend.
const typeCustom = "SystemMessage"

// notifyRequest is the body of POST /api/notify. Pointers tell what is missing from what is empty.
type notifyRequest struct {
	ToUser  *string         `json:"toUser"`
	ToUsers []*string       `json:"toUsers"`
	Type    *string         `json:"type"`
	Message json.RawMessage `json:"message"`
}

// parse gives the users of a request, each once, and what they are to be told.
func (r notifyRequest) parse() (users []uuid.UUID, message json.RawMessage, err error) {
	switch {
	case r.Type == nil:
		return nil, nil, httpapi.InvalidRequest("type is missing")
	case *r.Type != typeCustom:
		return nil, nil, httpapi.InvalidRequest("type must be SystemMessage: all others are told by what happens")
	case len(r.Message) == 0:
		return nil, nil, httpapi.InvalidRequest("message is missing")
	case !bytes.HasPrefix(r.Message, []byte("{")):
		return nil, nil, httpapi.InvalidRequest("message must be a JSON object")
	case len(r.Message) > maxMessage:
		return nil, nil, httpapi.InvalidRequest(fmt.Sprintf("message has %d bytes; at most %d are possible", len(r.Message), maxMessage))
	}
	users, err = r.users()
	return users, r.Message, err
}

// users gives the users of a request, each once, in its order.
func (r notifyRequest) users() ([]uuid.UUID, error) {
	named := r.ToUsers
	switch {
	case (r.ToUser == nil) == (r.ToUsers == nil):
		return nil, httpapi.InvalidRequest("either toUser or toUsers must be there")
	case r.ToUser != nil:
		named = []*string{r.ToUser}
	case len(named) == 0 || len(named) > maxUsers:
		return nil, httpapi.InvalidRequest(fmt.Sprintf("toUsers names %d users; 1 to %d are possible", len(named), maxUsers))
	}
	users := make([]uuid.UUID, 0, len(named))
	seen := make(map[uuid.UUID]bool, len(named))
	for _, text := range named {
		if text == nil {
			return nil, httpapi.InvalidRequest("a user must be a UUID")
		}
		user, ok := httpapi.ParseUUID(*text)
		if !ok || user == uuid.Nil {
			return nil, httpapi.InvalidRequest("a user must be a UUID")
		}
		if !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	return users, nil
}

// notify handles POST /api/notify.
func (s *Service) notify(c *fiber.Ctx) error {
	var request notifyRequest
	if err := httpapi.Decode(c, &request); err != nil {
		return err
	}
	users, message, err := request.parse()
	if err != nil {
		return err
	}
	key, err := httpapi.IdempotencyKey(c)
	if err != nil {
		return err
	}
	by := authn.Caller(c)
	if by.Tenant != "" {
		return problemOf(errTenant, len(users))
	}
	told, err := s.tell(c.UserContext(), users, message, idsOf(by, key))
	if err != nil {
		return problemOf(err, len(users))
	}
	s.logTold(c.UserContext(), told)
	return c.Status(http.StatusAccepted).JSON(wire.Notified{Notifications: told})
}

// logTold says in the log that users are told something; of one user by which id.
func (s *Service) logTold(ctx context.Context, told []wire.NotifiedUser) {
	attributes := []slog.Attr{slog.Int("users", len(told))}
	if len(told) == 1 {
		attributes = append(attributes, slog.String("to_user", told[0].UserID.String()), slog.String("notification_id", told[0].ID.String()))
	}
	s.deps.Telemetry.Log.LogAttrs(ctx, slog.LevelInfo, "users are told", attributes...)
}

// idsOf gives the id of a user's notification: with a key always the same one, so that who is asked twice tells it once.
func idsOf(by authn.Principal, key string) func(user uuid.UUID) uuid.UUID {
	if key == "" {
		return func(uuid.UUID) uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	return func(user uuid.UUID) uuid.UUID {
		name := slices.Concat(user[:], by.UserID[:], []byte(key))
		return uuid.NewSHA1(namespace, name)
	}
}

// namespace is that of the ids of notifications whose requests have a key (RFC 9562, section 5.5).
var namespace = uuid.MustParse("5f0b3a5c-9d1e-4a58-8f0e-2f6f7f1d9b11")

// tell tells users something, each in a record of its own, as soon as the log has it. After an error some may have been told.
func (s *Service) tell(ctx context.Context, users []uuid.UUID, message json.RawMessage, idOf func(uuid.UUID) uuid.UUID) ([]wire.NotifiedUser, error) {
	told := make([]wire.NotifiedUser, len(users))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, user := range users {
		told[i] = wire.NotifiedUser{UserID: user, ID: idOf(user)}
		group.Go(func() error {
			event := events.New(source, time.Now(), events.NotificationSent{UserID: user, Message: message})
			event.ID = told[i].ID
			return s.append(ctx, event)
		})
	}
	return told, group.Wait()
}

// append appends an event to its log, and waits until it is there.
func (s *Service) append(ctx context.Context, event events.Event) error {
	headers, value, err := events.Encode(event)
	if err != nil {
		return fmt.Errorf("encode %s: %w", event.Data.EventName(), err)
	}
	record := bus.Record{Topic: event.Data.Topic(), Key: event.Data.PartitionKey(), Headers: headers, Value: value}
	if _, err := s.appender.Append(ctx, record); err != nil {
		return fmt.Errorf("append %s: %w", event.Data.EventName(), err)
	}
	return nil
}
