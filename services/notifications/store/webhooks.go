package store

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Errors of webhooks' operations.
var (
	// ErrNoEndpoint says that there is no endpoint of the id.
	ErrNoEndpoint = errors.New("there is no such endpoint")
	// ErrNoDelivery says that there is no delivery of the id.
	ErrNoDelivery = errors.New("there is no such delivery")
)

// EndpointStatus says whether webhooks are sent to an endpoint.
type EndpointStatus string

// The statuses.
const (
	EndpointActive   EndpointStatus = "active"
	EndpointPaused   EndpointStatus = "paused"   // its webhooks are taken, and wait
	EndpointDisabled EndpointStatus = "disabled" // nothing is taken for it
)

// Endpoint is where a backend has webhooks sent to.
type Endpoint struct {
	ID          uuid.UUID
	URL         string
	Description string
	Types       []string
	Rooms       []uuid.UUID // none: all
	Scheme      string      // how its webhooks are signed
	Ordered     bool        // webhooks of a room are sent one after the other, in the room's order
	Concurrency int         // how many webhooks are sent to it at once, at most
	Status      EndpointStatus
	Reason      string // why it is disabled
	CreatedAt   time.Time
	UpdatedAt   time.Time

	// Failures is how many attempts in a row have failed, of whichever deliveries.
	Failures     int
	FailingSince time.Time // zero: it is not failing
	ClosedUntil  time.Time // nothing is sent before; zero: it is open
}

// Secret is what an endpoint's webhooks are signed with, as text.
type Secret struct {
	Text      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: it is the current one
}

// DeliveryState is how far a delivery is.
type DeliveryState string

// The states. The first four are pending.
const (
	Behind    DeliveryState = "behind"   // another one of its room is before it, at an ordered endpoint
	Waiting   DeliveryState = "waiting"  // it may be sent, as soon as its endpoint takes more
	Released  DeliveryState = "released" // a process has it, and sends it; until NextAt, then it is handed out again
	Retrying  DeliveryState = "retrying" // there is a job that has it wait again, at NextAt
	Delivered DeliveryState = "delivered"
	GivenUp   DeliveryState = "given-up"
)

// Pending reports whether it is neither delivered nor given up.
func (s DeliveryState) Pending() bool { return s != Delivered && s != GivenUp }

// PendingStates are the states of what is neither delivered nor given up.
func PendingStates() []DeliveryState { return []DeliveryState{Behind, Waiting, Released, Retrying} }

// WebhookEvent is what is delivered.
type WebhookEvent struct {
	ID         uuid.UUID
	Type       string
	RoomID     uuid.UUID // uuid.Nil: it is not of a room
	HappenedAt time.Time
	TakenAt    time.Time
	Body       []byte
	Trace      string // traceparent of the record that it was taken from; empty: none
}

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	Seq        int64 // the order in which deliveries were taken
	ID         uuid.UUID
	EndpointID uuid.UUID
	EventID    uuid.UUID
	Type       string
	RoomID     uuid.UUID
	HappenedAt time.Time
	State      DeliveryState
	Attempts   int       // all of them
	Round      int       // those since it was taken, or replayed last
	NextAt     time.Time // of a Retrying one: when it is due; of a Released one: when its lease ends
	Lane       int       // of a Released one, from 1: those of a lane are sent one after the other
	Status     int       // of the last attempt's answer; 0: there was none
	Error      string    // of the last attempt; empty: it was answered
	ChangedAt  time.Time
}

// Attempt is one of a delivery.
type Attempt struct {
	DeliveryID uuid.UUID
	Number     int // from 1
	At         time.Time
	Took       time.Duration
	Status     int
	Error      string
	Body       string // the beginning of the answer's
}

// JobKind is what a job does.
type JobKind string

// The kinds.
const (
	JobDue     JobKind = "due"     // has a Retrying delivery wait again
	JobRelease JobKind = "release" // has what waits at an endpoint be sent
)

// Job is something that is to be done at a time, however often the process ends. It may be done more than once.
type Job struct {
	Kind       JobKind
	EndpointID uuid.UUID
	DeliveryID uuid.UUID // of JobDue
	Attempts   int       // that the delivery has had; a job that says another number is outdated
	At         time.Time // zero: at once
}

// Sending is what an attempt needs to know.
type Sending struct {
	Delivery Delivery
	Endpoint Endpoint
	Secrets  []Secret // those that have not expired, the newest first
	Body     []byte
	Trace    string // traceparent of what it tells of; empty: none
}

// Lanes are what is handed out of an endpoint's deliveries.
type Lanes struct {
	Used    []int // those that have Released deliveries whose lease has not ended
	Ended   bool  // there are Released deliveries whose lease has ended
	Waiting bool  // there are deliveries that wait
}

// Lease is how much is claimed of what waits at an endpoint.
type Lease struct {
	EndpointID uuid.UUID
	Lanes      []int // which are not used; deliveries are dealt to them in turn
	PerLane    int
	Bytes      int // of events' bodies: what would be beyond is left; the first delivery is claimed however large it is
	Until      time.Time
}

// Claimed is a delivery that is Released to who has claimed it.
type Claimed struct {
	Delivery Delivery
	Body     []byte
	Trace    string
}

// RoomAt is a room at an endpoint.
type RoomAt struct{ EndpointID, RoomID uuid.UUID }

// Newest gives the newest of deliveries that were read by their states.
func (q DeliveryQuery) Newest(all []Delivery) []Delivery {
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(b.Seq, a.Seq) })
	return all[:min(len(all), q.Limit)]
}

// DeliveryQuery says which deliveries of an endpoint are listed, the newest first.
type DeliveryQuery struct {
	EndpointID uuid.UUID
	States     []DeliveryState // none: all
	Before     int64           // Seq; 0: from the newest on
	Limit      int
}

// ReplayQuery says which settled deliveries of an endpoint are sent again, the oldest first.
type ReplayQuery struct {
	EndpointID uuid.UUID
	State      DeliveryState // Delivered or GivenUp
	Since      time.Time     // of HappenedAt
	Until      time.Time     // before
	Limit      int
}

// Webhooks is what notifications keeps of webhooks.
type Webhooks interface {
	// ChangeWebhooks runs change in one transaction and commits it if change gives nil. It gives change's error as it is. Change may be run again: it
	// does nothing beside the transaction that counts.
	ChangeWebhooks(ctx context.Context, operation string, change func(ctx context.Context, tx WebhookTx) error) error
	// ChangeUnflushed is [Webhooks.ChangeWebhooks], and does not wait until the disk has the commit. Where the database's machine dies within a second it may be
	// undone, as if it had never been; never in part, and not without what was committed after it. A process that ends undoes nothing.
	ChangeUnflushed(ctx context.Context, operation string, change func(ctx context.Context, tx WebhookTx) error) error

	// EndpointChanges counts the changes of endpoints that [Webhooks.Subscribed] tells of, and those of their secrets.
	EndpointChanges(ctx context.Context) (int64, error)
	// Subscribed gives all endpoints that are not disabled, and which change they are as of.
	Subscribed(ctx context.Context) ([]Endpoint, int64, error)

	// Endpoint gives an endpoint, or [ErrNoEndpoint].
	Endpoint(ctx context.Context, id uuid.UUID) (Endpoint, error)
	// Endpoints gives endpoints by their ids, from behind one on.
	Endpoints(ctx context.Context, after uuid.UUID, limit int) ([]Endpoint, error)
	// Delivery gives a delivery of an endpoint and its attempts, the oldest first, or [ErrNoDelivery].
	Delivery(ctx context.Context, endpoint, id uuid.UUID) (Delivery, []Attempt, error)
	// Deliveries gives those of a query; none where there is no endpoint.
	Deliveries(ctx context.Context, query DeliveryQuery) ([]Delivery, error)

	// Stranded gives active endpoints where a lease has ended by now, something was due before a time, or something waits though it could have been sent since
	// that time, at most so many.
	Stranded(ctx context.Context, now, before time.Time, limit int) ([]uuid.UUID, error)
	// Old gives deliveries that are pending and have not changed since before the time, at most so many.
	Old(ctx context.Context, before time.Time, limit int) ([]Delivery, error)
	// RemoveOld removes what was settled before the time, and what endpoints that were deleted had, at most so much of each, and says how much.
	RemoveOld(ctx context.Context, before time.Time, limit int) (int, error)
	// PendingDeliveries counts those of each pending state, up to a limit.
	PendingDeliveries(ctx context.Context, limit int) (map[DeliveryState]int, error)
	// OldestWaiting says since when that delivery has not changed which has waited the longest, of active endpoints that do not fail; zero: none waits.
	OldestWaiting(ctx context.Context) (time.Time, error)

	// RunJobs does jobs until ctx is done, at most so many at once, and ends those under way. A job whose handling gives an error is done again.
	RunJobs(ctx context.Context, atOnce int, log *slog.Logger, handle func(ctx context.Context, job Job) error) error
}

// WebhookTx is a transaction of webhooks.
type WebhookTx interface {
	// InsertEndpoint adds an endpoint with its first secret.
	InsertEndpoint(ctx context.Context, endpoint Endpoint, secret Secret) error
	// LockEndpoint gives an endpoint and keeps others from changing what it has until the transaction ends. Errors: [ErrNoEndpoint].
	LockEndpoint(ctx context.Context, id uuid.UUID) (Endpoint, error)
	// LockEndpoints locks those of several that there are, and gives them in the order of their ids. A transaction locks once.
	LockEndpoints(ctx context.Context, ids []uuid.UUID) ([]Endpoint, error)
	// UpdateEndpoint writes what backends decide about an endpoint, and its status.
	UpdateEndpoint(ctx context.Context, endpoint Endpoint) error
	// UpdateHealth writes Failures, FailingSince and ClosedUntil.
	UpdateHealth(ctx context.Context, endpoint Endpoint) error
	// DeleteEndpoint deletes an endpoint and its secrets at once, and leaves what it has to [Webhooks.RemoveOld].
	DeleteEndpoint(ctx context.Context, id uuid.UUID) error
	// Rotate has the secrets of an endpoint expire, those that would not before, and adds a new one.
	Rotate(ctx context.Context, endpoint uuid.UUID, expire time.Time, secret Secret) error
	// Secrets gives those of endpoints that have not expired at a time, the newest first.
	Secrets(ctx context.Context, endpoints []uuid.UUID, at time.Time) (map[uuid.UUID][]Secret, error)
	// CountEndpoints says how many there are.
	CountEndpoints(ctx context.Context) (int, error)

	// InsertEvents adds events. Those that are there stay as they are.
	InsertEvents(ctx context.Context, events []WebhookEvent) error
	// InsertDeliveries adds deliveries in their order, each Behind, Waiting or Released, and gives the ids of those that it has added. Those that are there stay
	// as they are.
	InsertDeliveries(ctx context.Context, deliveries []Delivery) (added []uuid.UUID, err error)
	// Advance has the first Behind delivery of each room wait, unless another one of the room is pending in front of it.
	Advance(ctx context.Context, rooms []RoomAt) error
	// Lanes says what is handed out of endpoints at a time, for each of them.
	Lanes(ctx context.Context, endpoints []uuid.UUID, now time.Time) (map[uuid.UUID]Lanes, error)
	// Claim has deliveries that wait, the oldest first, be Released, and gives them in their order.
	Claim(ctx context.Context, leases []Lease, now time.Time) ([]Claimed, error)
	// Loosen has deliveries wait again whose lease has ended by now, and those that were due before a time.
	Loosen(ctx context.Context, endpoint uuid.UUID, now, before time.Time) error
	// LockDeliveries gives those of deliveries that there are. Their endpoints are locked.
	LockDeliveries(ctx context.Context, ids []uuid.UUID) ([]Delivery, error)
	// LockDelivery gives a delivery, or [ErrNoDelivery]. Its endpoint is locked.
	LockDelivery(ctx context.Context, id uuid.UUID) (Delivery, error)
	// UpdateDeliveries writes how far deliveries are.
	UpdateDeliveries(ctx context.Context, deliveries []Delivery) error
	// InsertAttempts adds attempts.
	InsertAttempts(ctx context.Context, attempts []Attempt) error
	// Replay has settled deliveries wait again, at most the limit, and says how many, and when the last of them happened.
	Replay(ctx context.Context, query ReplayQuery, at time.Time) (replayed int, last time.Time, err error)

	// Enqueue has jobs done once the transaction is committed.
	Enqueue(ctx context.Context, jobs []Job) error
}
