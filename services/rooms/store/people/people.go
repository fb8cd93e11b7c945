// Package people says what the rooms service needs of its store beside rooms: users, how they stand to each other, and who may not meet. The
// backends are those of package store, which share their database, transactions and outbox; package peopletest holds each of them to what is
// written here.
//
// # Invariants
//
//   - Users of different tenants never see each other: every question names the tenant that asks, and finds its users alone.
//   - A relationship is two rows, one of each side, written in one transaction that has locked both users ([Tx.LockUsers]). So what
//     a user sees of another and what that sees of the user always fit together.
//   - FriendsCount is the number of a user's rows that say FRIEND.
package people

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/ism-chat/ism/libs/wire"
)

var (
	// ErrUserNotFound says that there is no such user in the tenant.
	ErrUserNotFound = errors.New("user not found")
	// ErrOtherTenant says that the user belongs to another tenant than the one that it is written with. A user's tenant never changes.
	ErrOtherTenant = errors.New("the user is of another tenant")
	// ErrUserDeleted says that the backend has deleted the user, and not put it again.
	ErrUserDeleted = errors.New("the user was deleted")
	// ErrBlocked says that one of two users has blocked the other.
	ErrBlocked = errors.New("one of the users has blocked the other")
)

// Viewer is who asks about others.
type Viewer struct {
	ID     uuid.UUID
	Tenant string
}

// Profile is all that a backend says of a user.
type Profile struct {
	ID            uuid.UUID
	Tenant        string
	DisplayName   string
	Picture       *string // URL
	Description   *string
	Role          *string
	StreetCredits int32
}

// Match is a user that was found by name.
type Match struct {
	wire.RelatedUser
	SearchName string // by which the matches are ordered, see [SearchName]
}

// Relative is a user to whom another stands in a relationship.
type Relative struct {
	User  wire.User
	Since time.Time // UTC, microseconds
}

// MatchPoint is where a search goes on: behind the match with this name and id. The zero value is before all.
type MatchPoint struct {
	SearchName string
	ID         uuid.UUID
}

// RelativePoint is where a list goes on: behind the relative that has been one since then.
type RelativePoint struct {
	Since time.Time
	ID    uuid.UUID
}

// Newest is before all relatives.
func Newest() RelativePoint {
	return RelativePoint{Since: time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC), ID: uuid.Max}
}

// Store answers questions about users, and takes what a backend says of them. Its methods are safe for concurrent use. Errors are as
// [store.Store] has them, beside those that they name.
//
// [store.Store]: https://pkg.go.dev/github.com/ism-chat/ism/services/rooms/store#Store
type Store interface {
	// User gives a user, and how the viewer stands to it. Errors: [ErrUserNotFound].
	User(ctx context.Context, viewer Viewer, id uuid.UUID) (wire.RelatedUser, error)

	// Profile gives all that is known of a user of the tenant, "" for any. Errors: [ErrUserNotFound], also of one that was deleted.
	Profile(ctx context.Context, tenant string, id uuid.UUID) (Profile, error)

	// Tenants gives the tenant of each of at most 1,000 users that there is. Those who were deleted are left out.
	Tenants(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error)

	// SearchUsers gives users whose names begin with the prefix, as [SearchName] makes it, in the order of their search names and ids, behind
	// the point; never the viewer; at most so many.
	SearchUsers(ctx context.Context, viewer Viewer, prefix string, behind MatchPoint, limit int) ([]Match, error)

	// Relatives gives the users to whom the viewer stands in a relationship, the latest first, behind the point; at most so many.
	Relatives(ctx context.Context, viewer Viewer, as wire.Relationship, behind RelativePoint, limit int) ([]Relative, error)

	// PutProfiles adds the users, or makes them what a backend says of them, at a time. No id is there twice. It counts for newer than any token
	// that was issued before, and brings a deleted user back. Users of another tenant are left as they are, and their ids given.
	PutProfiles(ctx context.Context, profiles []Profile, at time.Time) (ofOtherTenants []uuid.UUID, err error)
}

// Tx is the part of a transaction that changes how users stand to each other. It is for one goroutine.
//
// Users are locked before anything is decided about them, in one call, and before any room is locked. So no two transactions wait for
// each other.
type Tx interface {
	// LockUsers gives the tenant's users with the ids, in the order of their ids, and keeps them and their relationships from being changed
	// until the transaction ends. Unknown and deleted ones are left out.
	LockUsers(ctx context.Context, tenant string, ids []uuid.UUID) ([]wire.User, error)

	// Relationship is how the user stands to the other; "" where there is none.
	Relationship(ctx context.Context, user, other uuid.UUID) (wire.Relationship, error)

	// Relate makes two users stand to each other as said from a time on, in place of how they stood. Both are locked.
	Relate(ctx context.Context, bond Bond, since time.Time) error

	// Unrelate ends what there is between two users, who are locked.
	Unrelate(ctx context.Context, user, other uuid.UUID) error

	// CountRelatives counts to how many users the user stands in a relationship, but no further than to limit.
	CountRelatives(ctx context.Context, user uuid.UUID, as wire.Relationship, limit int) (int, error)

	// Blocked gives those of the others who have blocked the user or whom it has blocked, in any order. From then on until the transaction ends no
	// block comes or goes between the user and anybody. It is asked before any room is locked.
	Blocked(ctx context.Context, user uuid.UUID, others []uuid.UUID) ([]uuid.UUID, error)
}

// Bond is how two users stand to each other, seen from each side.
type Bond struct {
	User, Other     uuid.UUID
	AsUser, AsOther wire.Relationship
}

// MaxSearchName is how much of a name can be searched for, characters.
const MaxSearchName = 100

// SearchName is a name as it is searched for: without differences of case, of width and of how accents are written, with single spaces.
func SearchName(name string) string {
	folded := norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	folded = strings.Join(strings.Fields(folded), " ")
	count := 0
	for at := range folded {
		if count == MaxSearchName {
			return folded[:at]
		}
		count++
	}
	return folded
}

// BehindPrefix comes behind all search names that begin with the prefix.
func BehindPrefix(prefix string) string { return prefix + "\U0010FFFF" }
