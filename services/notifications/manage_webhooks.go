package notifications

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/httpapi/paging"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/payload"
	"github.com/ism-chat/ism/services/notifications/internal/webhooks/signature"
	"github.com/ism-chat/ism/services/notifications/store"
)

const (
	endpointsPerPage   = 50
	maxDescription     = 500 // characters
	maxEndpointRooms   = 100
	maxConcurrency     = 20
	defaultConcurrency = 5
)

// endpoint is a webhook as backends see it.
type endpoint struct {
	ID           uuid.UUID   `json:"id"`
	URL          string      `json:"url"`
	Description  string      `json:"description"`
	Types        []string    `json:"types"`
	Rooms        []uuid.UUID `json:"rooms"` // none: all
	Signature    string      `json:"signature"`
	Ordered      bool        `json:"ordered"`
	Concurrency  int         `json:"concurrency"`
	Status       string      `json:"status"`
	Reason       *string     `json:"reason"` // why it is disabled
	CreatedAt    wire.Time   `json:"createdAt"`
	UpdatedAt    wire.Time   `json:"updatedAt"`
	Failures     int         `json:"failures"`     // in a row
	FailingSince *wire.Time  `json:"failingSince"` // nil: it is not failing
	PausedUntil  *wire.Time  `json:"pausedUntil"`  // as it is failing; nil: it is sent to
}

func endpointOf(e store.Endpoint) endpoint {
	shown := endpoint{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Rooms: append([]uuid.UUID{}, e.Rooms...), Signature: e.Scheme, Ordered: e.Ordered,
		Concurrency: e.Concurrency, Status: string(e.Status), CreatedAt: wire.At(e.CreatedAt), UpdatedAt: wire.At(e.UpdatedAt),
		Failures: e.Failures, FailingSince: timeOrNull(e.FailingSince), PausedUntil: timeOrNull(e.ClosedUntil),
	}
	if e.Reason != "" {
		shown.Reason = &e.Reason
	}
	return shown
}

func timeOrNull(at time.Time) *wire.Time {
	if at.IsZero() {
		return nil
	}
	shown := wire.At(at)
	return &shown
}

// withSecret is a webhook and what its receiver verifies with, which is told once.
type withSecret struct {
	endpoint
	Secret string `json:"secret"`
}

// endpointBody is what a request says of an endpoint. What is nil stays as it is, or as it is without being said.
type endpointBody struct {
	URL         *string   `json:"url"`
	Description *string   `json:"description"`
	Types       []string  `json:"types"`
	Rooms       *[]string `json:"rooms"`
	Signature   *string   `json:"signature"`
	Ordered     *bool     `json:"ordered"`
	Concurrency *int      `json:"concurrency"`
}

// apply puts what the request says into an endpoint. The error is the problem invalid-request.
func (b endpointBody) apply(w *webhooks, e *store.Endpoint) error {
	if b.URL != nil {
		e.URL = *b.URL
	}
	if err := w.policy.CheckURL(e.URL); err != nil {
		return httpapi.InvalidRequest("url " + err.Error())
	}
	if b.Description != nil {
		e.Description = *b.Description
	}
	if utf8.RuneCountInString(e.Description) > maxDescription {
		return httpapi.InvalidRequest(fmt.Sprintf("description has more than %d characters", maxDescription))
	}
	if b.Ordered != nil {
		e.Ordered = *b.Ordered
	}
	if b.Concurrency != nil {
		e.Concurrency = *b.Concurrency
	}
	if e.Concurrency < 1 || e.Concurrency > maxConcurrency {
		return httpapi.InvalidRequest(fmt.Sprintf("concurrency must be from 1 to %d", maxConcurrency))
	}
	return b.applySubscription(e)
}

// applySubscription puts in what the endpoint is subscribed to.
func (b endpointBody) applySubscription(e *store.Endpoint) error {
	if b.Types != nil {
		e.Types = slices.Compact(slices.Sorted(slices.Values(b.Types)))
	}
	if len(e.Types) == 0 {
		return httpapi.InvalidRequest("types is missing or empty")
	}
	for _, kind := range e.Types {
		if !slices.Contains(payload.Types(), payload.Type(kind)) {
			return httpapi.InvalidRequest("types has one that is unknown; there are " + strings.Join(names(payload.Types()), ", "))
		}
	}
	if b.Rooms != nil {
		rooms, err := roomsOf(*b.Rooms)
		if err != nil {
			return err
		}
		e.Rooms = rooms
	}
	if len(e.Rooms) == 0 {
		return nil
	}
	for _, kind := range e.Types {
		if !payload.Type(kind).OfRooms() {
			return httpapi.InvalidRequest("types has " + kind + ", which is of no room; a webhook of some rooms would never get one")
		}
	}
	return nil
}

func names(types []payload.Type) []string {
	all := make([]string, len(types))
	for i, kind := range types {
		all[i] = string(kind)
	}
	return all
}

func roomsOf(texts []string) ([]uuid.UUID, error) {
	if len(texts) > maxEndpointRooms {
		return nil, httpapi.InvalidRequest(fmt.Sprintf("rooms names %d; at most %d are possible", len(texts), maxEndpointRooms))
	}
	rooms := make([]uuid.UUID, 0, len(texts))
	for _, text := range texts {
		room, ok := httpapi.ParseUUID(text)
		if !ok {
			return nil, httpapi.InvalidRequest("a room must be a UUID")
		}
		if !slices.Contains(rooms, room) {
			rooms = append(rooms, room)
		}
	}
	return rooms, nil
}

// create handles POST /api/admin/webhooks.
func (w *webhooks) create(c *fiber.Ctx) error {
	var body endpointBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	now := w.now()
	made := store.Endpoint{
		ID: uuid.Must(uuid.NewV7()), Scheme: string(signature.Symmetric), Concurrency: defaultConcurrency, Status: store.EndpointActive, CreatedAt: now, UpdatedAt: now,
	}
	if body.Signature != nil {
		made.Scheme = *body.Signature
	}
	if made.Scheme != string(signature.Symmetric) && made.Scheme != string(signature.Asymmetric) {
		return httpapi.InvalidRequest("signature must be v1 or v1a")
	}
	if err := body.apply(w, &made); err != nil {
		return err
	}
	secret, err := signature.New(signature.Scheme(made.Scheme))
	if err != nil {
		return err
	}
	err = w.store.ChangeWebhooks(c.UserContext(), "make_endpoint", func(ctx context.Context, tx store.WebhookTx) error {
		if count, err := tx.CountEndpoints(ctx); err != nil || count >= w.cfg.MaxEndpoints {
			if err == nil {
				err = errTooMany
			}
			return err
		}
		return tx.InsertEndpoint(ctx, made, store.Secret{Text: secret.Reveal(), CreatedAt: now})
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.made.Tell()
	w.logChange(c, "a webhook is made", made.ID)
	c.Set(fiber.HeaderLocation, "/api/admin/webhooks/"+made.ID.String())
	return c.Status(http.StatusCreated).JSON(withSecret{endpointOf(made), secret.Verifier()})
}

// logChange says in the log who has changed a webhook.
func (w *webhooks) logChange(c *fiber.Ctx, what string, id uuid.UUID) {
	w.tel.Log.InfoContext(c.UserContext(), what, "webhook_id", id.String(), "by", authn.Caller(c).UserID.String())
}

// endpointPage is a page of webhooks.
type endpointPage struct {
	NextCursor *string    `json:"nextCursor"` // nil: there are no more
	Content    []endpoint `json:"content"`
}

// list handles GET /api/admin/webhooks.
func (w *webhooks) list(c *fiber.Ctx) error {
	pages := paging.Of("webhooks", uuid.Nil)
	point, err := pointOf(c, pages)
	if err != nil {
		return err
	}
	var after uuid.UUID
	copy(after[:], point)
	kept, err := w.store.Endpoints(c.UserContext(), after, endpointsPerPage+1)
	if err != nil {
		return w.problemOf(err)
	}
	page := endpointPage{Content: []endpoint{}}
	for _, e := range kept[:min(len(kept), endpointsPerPage)] {
		page.Content = append(page.Content, endpointOf(e))
	}
	if len(kept) > endpointsPerPage {
		last := page.Content[endpointsPerPage-1].ID
		next := pages.Cursor(last[:])
		page.NextCursor = &next
	}
	return c.JSON(page)
}

// pointOf reads the query's cursor; nil where it has none. The error is the problem invalid-cursor.
func pointOf(c *fiber.Ctx, pages paging.List) ([]byte, error) {
	cursor, given := httpapi.ArgsOf(c)("cursor")
	if !given {
		return nil, nil
	}
	point, ok := pages.Point(cursor)
	if !ok {
		return nil, httpapi.NewProblem(http.StatusBadRequest, "invalid-cursor", "Invalid cursor", "it must be the nextCursor of a page of the same list")
	}
	return point, nil
}

// get handles GET /api/admin/webhooks/{webhook_id}.
func (w *webhooks) get(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	kept, err := w.store.Endpoint(c.UserContext(), id)
	if err != nil {
		return w.problemOf(err)
	}
	return c.JSON(endpointOf(kept))
}

// change changes an endpoint, and answers with it. The error of change may be a problem.
func (w *webhooks) change(c *fiber.Ctx, what string, change func(e *store.Endpoint) error) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	var changed store.Endpoint
	err = w.deliveries.Change(c.UserContext(), "change_endpoint", id, func(ctx context.Context, tx store.WebhookTx, locked *store.Endpoint) error {
		if err := change(locked); err != nil {
			return err
		}
		locked.UpdatedAt = w.now()
		changed = *locked
		if err := tx.UpdateEndpoint(ctx, *locked); err != nil {
			return err
		}
		return tx.UpdateHealth(ctx, *locked)
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, what, id)
	return c.JSON(endpointOf(changed))
}

// update handles PATCH /api/admin/webhooks/{webhook_id}.
func (w *webhooks) update(c *fiber.Ctx) error {
	var body endpointBody
	if err := httpapi.Decode(c, &body); err != nil {
		return err
	}
	if body.Signature != nil {
		return httpapi.InvalidRequest("signature cannot be changed: make another webhook")
	}
	return w.change(c, "a webhook is changed", func(e *store.Endpoint) error {
		before := e.URL
		if err := body.apply(w, e); err != nil {
			return err
		}
		if e.URL != before {
			forgive(e)
		}
		return nil
	})
}

// forgive forgets that an endpoint was failing.
func forgive(e *store.Endpoint) {
	e.Failures, e.FailingSince, e.ClosedUntil = 0, time.Time{}, time.Time{}
}

// pause handles POST /api/admin/webhooks/{webhook_id}/pause.
func (w *webhooks) pause(c *fiber.Ctx) error {
	return w.change(c, "a webhook is paused", func(e *store.Endpoint) error {
		if e.Status == store.EndpointDisabled {
			return errNotActive
		}
		e.Status = store.EndpointPaused
		return nil
	})
}

// resume handles POST /api/admin/webhooks/{webhook_id}/resume.
func (w *webhooks) resume(c *fiber.Ctx) error {
	return w.change(c, "a webhook is resumed", func(e *store.Endpoint) error {
		e.Status, e.Reason = store.EndpointActive, ""
		forgive(e)
		return nil
	})
}

// remove handles DELETE /api/admin/webhooks/{webhook_id}.
func (w *webhooks) remove(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	err = w.store.ChangeWebhooks(c.UserContext(), "delete_endpoint", func(ctx context.Context, tx store.WebhookTx) error {
		if _, err := tx.LockEndpoint(ctx, id); err != nil {
			return err
		}
		return tx.DeleteEndpoint(ctx, id)
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, "a webhook is deleted", id)
	return c.SendStatus(http.StatusNoContent)
}

const (
	usualOverlap = 24 * 60 * 60     // seconds
	mostOverlap  = 7 * usualOverlap // seconds
)

// rotateBody is what a request to rotate a secret says.
type rotateBody struct {
	Overlap *int `json:"overlapSeconds"`
}

// rotatedSecret is the answer to it.
type rotatedSecret struct {
	Secret      string    `json:"secret"`
	FormerUntil wire.Time `json:"formerUntil"`
}

// rotate handles POST /api/admin/webhooks/{webhook_id}/rotate-secret.
func (w *webhooks) rotate(c *fiber.Ctx) error {
	id, err := httpapi.UUIDParam(c, "webhook_id")
	if err != nil {
		return err
	}
	var body rotateBody
	if len(c.Request().Body()) > 0 {
		if err := httpapi.Decode(c, &body); err != nil {
			return err
		}
	}
	overlap := usualOverlap
	if body.Overlap != nil {
		overlap = *body.Overlap
	}
	if overlap < 0 || overlap > mostOverlap {
		return httpapi.InvalidRequest(fmt.Sprintf("overlapSeconds must be from 0 to %d", mostOverlap))
	}
	now := w.now()
	former := now.Add(time.Duration(overlap) * time.Second)
	var secret signature.Secret
	err = w.store.ChangeWebhooks(c.UserContext(), "rotate_secret", func(ctx context.Context, tx store.WebhookTx) error {
		locked, err := tx.LockEndpoint(ctx, id)
		if err != nil {
			return err
		}
		if secret, err = signature.New(signature.Scheme(locked.Scheme)); err != nil {
			return err
		}
		return tx.Rotate(ctx, id, former, store.Secret{Text: secret.Reveal(), CreatedAt: now})
	})
	if err != nil {
		return w.problemOf(err)
	}
	w.logChange(c, "a webhook's secret is rotated", id)
	return c.JSON(rotatedSecret{secret.Verifier(), wire.At(former)})
}
