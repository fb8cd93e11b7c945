package client

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/wire"
)

// Erasure is the receipt of a user's deletion.
type Erasure struct {
	ID          uuid.UUID     `json:"id"`
	UserID      uuid.UUID     `json:"userId"`
	Tenant      string        `json:"tenant"`
	RequestedAt wire.Time     `json:"requestedAt"`
	FinishedAt  *wire.Time    `json:"finishedAt"` // nil: not all services have finished
	Services    []ErasurePart `json:"services"`
}

// ErasurePart says what a service has erased.
type ErasurePart struct {
	Service    string     `json:"service"`
	Erased     int64      `json:"erased"`     // things, as the service counts them
	FinishedAt *wire.Time `json:"finishedAt"` // nil: not yet
}

// DeleteUser deletes a user, and gives the receipt, which says how far that is. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) DeleteUser(ctx context.Context, user uuid.UUID) (Erasure, error) {
	var erasure Erasure
	_, err := c.call(ctx, http.MethodDelete, "/api/admin/users/"+user.String(), nil, &erasure)
	return erasure, err
}

// Erasure gives the receipt of a user's deletion as it is now. The caller is a backend, as of [Client.DisconnectUser].
func (c *Client) Erasure(ctx context.Context, id uuid.UUID) (Erasure, error) {
	var erasure Erasure
	_, err := c.call(ctx, http.MethodGet, "/api/admin/erasures/"+id.String(), nil, &erasure)
	return erasure, err
}
