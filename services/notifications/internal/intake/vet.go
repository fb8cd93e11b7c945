package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/events"
)

// Rooms knows the users.
type Rooms interface {
	// Tenants gives the tenants of those of at most [events.MostUsersAsked] users that there are. An error means that rooms does not answer now.
	Tenants(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error)
}

// ErrRooms says that rooms does not answer, so that nobody knows who may be told.
var ErrRooms = errors.New("rooms does not answer")

// UnknownUsersError says that there are no such users, or none whom the backend may tell something.
type UnknownUsersError struct{ IDs []uuid.UUID }

func (e UnknownUsersError) Error() string {
	const most = 5
	texts := make([]string, 0, most)
	for _, id := range e.IDs[:min(len(e.IDs), most)] {
		texts = append(texts, id.String())
	}
	list := strings.Join(texts, ", ")
	switch {
	case len(e.IDs) == 1:
		return "there is no user " + list
	case len(e.IDs) > most:
		return fmt.Sprintf("there are no such users as %d of them: %s and others", len(e.IDs), list)
	default:
		return fmt.Sprintf("there are no such users as %d of them: %s", len(e.IDs), list)
	}
}

// Vet says of each notification why it may not be told: a backend of a tenant tells users of its tenant something, and to it all others are unknown; one of
// no tenant, "", tells any user, and, unless it is configured otherwise, those who are still to come. The errors, in the order of what is asked, are nil or
// [UnknownUsersError]. The last one is [ErrRooms].
func (in *Intake) Vet(ctx context.Context, tenant string, asked ...Asked) ([]error, error) {
	refusals := make([]error, len(asked))
	if tenant == "" && !in.refuseUnknown {
		return refusals, nil
	}
	known, err := in.tenants(ctx, asked)
	if err != nil {
		return nil, err
	}
	for i, one := range asked {
		unknown := slices.DeleteFunc(slices.Clone(one.Users), func(user uuid.UUID) bool {
			of, is := known[user]
			return is && (tenant == "" || of == tenant)
		})
		if len(unknown) > 0 {
			refusals[i] = UnknownUsersError{IDs: unknown}
		}
	}
	return refusals, nil
}

// VetUser says why a backend of a tenant may not ask about a user: to it all users but those of its tenant are unknown. One of no tenant, "", asks about any,
// also about who is still to come. The error is nil, [UnknownUsersError] or [ErrRooms].
func (in *Intake) VetUser(ctx context.Context, tenant string, user uuid.UUID) error {
	if tenant == "" {
		return nil
	}
	known, err := in.ask(ctx, []uuid.UUID{user})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRooms, err)
	}
	if of, is := known[user]; !is || of != tenant {
		return UnknownUsersError{IDs: []uuid.UUID{user}}
	}
	return nil
}

// tenants asks for all users, each once.
func (in *Intake) tenants(ctx context.Context, asked []Asked) (map[uuid.UUID]string, error) {
	known, seen := map[uuid.UUID]string{}, map[uuid.UUID]bool{}
	var users []uuid.UUID
	for _, one := range asked {
		for _, user := range one.Users {
			if !seen[user] {
				seen[user] = true
				users = append(users, user)
			}
		}
	}
	for part := range slices.Chunk(users, events.MostUsersAsked) {
		answer, err := in.ask(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRooms, err)
		}
		maps.Copy(known, answer)
	}
	return known, nil
}

// RoomsTimeout is how long rooms has for an answer about [events.MostUsersAsked] users.
const RoomsTimeout = time.Second

func (in *Intake) ask(ctx context.Context, users []uuid.UUID) (map[uuid.UUID]string, error) {
	ctx, cancel := context.WithTimeout(ctx, RoomsTimeout)
	defer cancel()
	return in.rooms.Tenants(ctx, users)
}
