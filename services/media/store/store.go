// Package store is what media keeps beside the bytes: rows of media, how much users and rooms have, which messages use what, jobs, and the outbox of what
// becomes of media.
//
// # State
//
// All of it is in a database, see [Rows]. Two backends keep it, Postgres and SQLite, and package storetest holds both to what is said here. What a
// change means is written here, once for both.
//
// # Invariants
//
//   - A medium goes from state to state as [Media] says and never back. Each change of state, its event in the outbox, the job that follows from it and
//     what the uploader and the room have by it are one transaction.
//   - A usage is the sum of what counts of a user or a room: media that are pending, uploaded or ready. So quota is given back as soon as a medium is
//     rejected or deleted, and not when its objects are gone: nobody waits for an object store.
//   - A ready medium is deleted as unused only while no message shows it, and none is about to ([Store.Show]).
//   - A deleted medium keeps its row, without its name, until its objects are gone ([Store.Forget]). The receipt of a user's erasure is told after that.
//   - The events of an uploader are in the outbox in the order in which their transactions commit, as each locks the uploader's usage.
//
// # Locks
//
// A transaction locks uses, then media by their ids, then usages, rooms' before users', by their ids. New media come after that, by their ids: nobody else
// locks them yet. Usages are what all uploads to a room, and all by a user, write: they are locked last, shortly before the commit, in one round trip with all
// that is still to be written; new media are one statement ([Rows.Admit]), those that come at the same time together.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
)

// Source is the CloudEvents source of the events.
const Source = "/ism/media"

// Errors of all operations.
var (
	// ErrUnavailable says that the store cannot be used now: what was asked for may succeed later.
	ErrUnavailable = errors.New("the media store is unavailable")
	// ErrUnstorable says that the store never takes a value that it was given.
	ErrUnstorable = errors.New("the store cannot keep that")
)

// Refusals.
var (
	// ErrNotFound says that there is no medium of the id.
	ErrNotFound = errors.New("there is no such medium")
	// ErrExists says that the id is another medium's.
	ErrExists = errors.New("the id is another medium's")
	// ErrClosed says that the room has ended, or that the user was deleted just now: nothing is uploaded there any more.
	ErrClosed = errors.New("the room has ended, or the user is deleted")
	// ErrQuota is what each [QuotaError] is.
	ErrQuota = errors.New("the quota is used up")
	// ErrInUse says that a message shows the medium, or is about to.
	ErrInUse = errors.New("a message shows the medium")
	// ErrState is what each [StateError] is.
	ErrState = errors.New("the medium is in another state")
)

// StateError says in which state a medium is that does not allow what was asked for.
type StateError struct {
	ID    uuid.UUID
	State State
}

func (e StateError) Error() string { return fmt.Sprintf("%v: %s is %s", ErrState, e.ID, e.State) }

// Is implements the interface of [errors.Is].
func (e StateError) Is(target error) bool { return target == ErrState }

// QuotaError says which quota does not allow a medium.
type QuotaError struct {
	Of    Quota
	Limit int64
	Used  int64 // without the medium
}

func (e QuotaError) Error() string {
	return fmt.Sprintf("%v: %s, %d of %d are used", ErrQuota, e.Of, e.Used, e.Limit)
}

// Is implements the interface of [errors.Is].
func (e QuotaError) Is(target error) bool { return target == ErrQuota }

// IsRefusal reports whether the error says something about what was asked for, and nothing about the store.
func IsRefusal(err error) bool {
	for _, refusal := range []error{ErrNotFound, ErrExists, ErrClosed, ErrInUse, ErrQuota, ErrState} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Rows is the database: what a backend gives. Errors are [ErrUnavailable] and [ErrUnstorable], beside those that methods name.
type Rows interface {
	// Run connects and serves until ctx is done; what fails is tried again. Before that, and after it, all else is [ErrUnavailable].
	Run(ctx context.Context) error
	// Ping writes something, so that it fails where writing does.
	Ping(ctx context.Context) error
	// Transact runs change in one transaction, and commits it if change gives nil. It may begin it anew. Its error is change's.
	Transact(ctx context.Context, operation string, change func(ctx context.Context, tx Tx) error) error
	// Admit adds those of pending media, sorted by their ids, whose id is new, and whose uploader's and room's usages are there, open, and have no more than the
	// additions of all the media say; and counts them there. It is one transaction, committed. Why it does not add others, another transaction may find out.
	Admit(ctx context.Context, media []Media, additions []Addition) (admitted []uuid.UUID, err error)
	// ByID gives a medium, in whatever state. Errors: [ErrNotFound].
	ByID(ctx context.Context, id uuid.UUID) (Media, error)
	// InState gives media that have been in a state since before a time, those first that have been longest.
	InState(ctx context.Context, state State, before time.Time, limit int) ([]Media, error)
	// RoomImages gives a room's media with [PurposeRoomImage] that are not deleted, the newest first.
	RoomImages(ctx context.Context, room uuid.UUID, limit int) ([]Media, error)
	// Uses gives messages that are there and use a medium, in no order that means anything.
	Uses(ctx context.Context, medium uuid.UUID, limit int) (messages []uuid.UUID, err error)
	// ExpiredMessages gives messages that use a medium and have expired by a time, those first that have expired first.
	ExpiredMessages(ctx context.Context, by time.Time, limit int) (messages []uuid.UUID, err error)
	// Known gives those of the ids that have a row, in whatever state and order.
	Known(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
	// Usage gives what a user or a room has.
	Usage(ctx context.Context, scope Scope) (Usage, error)
	// RunJobs has jobs done until ctx is done.
	RunJobs(ctx context.Context, cfg Jobs, worker Worker) error
	outbox.Outbox
}

// Tx is a transaction of a backend.
type Tx interface {
	// Insert adds a medium; false: there is one of the id.
	Insert(ctx context.Context, m Media) (inserted bool, err error)
	// Lock locks media in the order of their ids, and gives those that there are.
	Lock(ctx context.Context, ids []uuid.UUID) ([]Media, error)
	// Write writes what belongs together, in one round trip where there are any.
	Write(ctx context.Context, what Written) error
	// Remove deletes the row of a medium.
	Remove(ctx context.Context, id uuid.UUID) error
	// Select gives the ids of media that are not deleted, at most so many.
	Select(ctx context.Context, what Selection, limit int) ([]uuid.UUID, error)

	// LockUsages locks usages in the order that is given, distinct, makes those that are missing, and gives them in that order.
	LockUsages(ctx context.Context, scopes []Scope) ([]Usage, error)

	// LockUse locks what is known of a message's use of a medium, and makes it where it is missing: of no medium, at [events.StartOfLog].
	LockUse(ctx context.Context, message uuid.UUID) (Use, error)
	// SetUse writes a use that is locked.
	SetUse(ctx context.Context, use Use) error
	// RemoveUse deletes one that is locked.
	RemoveUse(ctx context.Context, message uuid.UUID) error
	// RemoveUses deletes the uses of a medium by messages that are there.
	RemoveUses(ctx context.Context, medium uuid.UUID) error
	// InUse reports whether a message that is there uses the medium.
	InUse(ctx context.Context, medium uuid.UUID) (bool, error)
	// ClearUses deletes what is known of messages that were deleted before a time, at most so many.
	ClearUses(ctx context.Context, before time.Time, limit int) (cleared int, err error)
	// ClearUsages deletes usages that were closed before a time and have nothing, at most so many.
	ClearUsages(ctx context.Context, before time.Time, limit int) (cleared int, err error)

	// Idle gives what is known of a medium that no message shows. The medium is locked, as for what is written of it.
	Idle(ctx context.Context, medium uuid.UUID) (idle Idle, known bool, err error)
	// SelectIdle gives media whose holds have ended by now, of those that were shown, or that were not since before a time; those first that have been idle
	// for longest.
	SelectIdle(ctx context.Context, before, now time.Time, limit int) (media []uuid.UUID, err error)

	// Erasure gives the erasure of a user that is under way, whose usage is locked.
	Erasure(ctx context.Context, user uuid.UUID) (e Erasure, found bool, err error)
	// SetErasure writes an erasure.
	SetErasure(ctx context.Context, e Erasure) error
	// RemoveErasure deletes it.
	RemoveErasure(ctx context.Context, user uuid.UUID) error
	// HasRows reports whether there are rows of the uploader, in whatever state, that were created up to a time.
	HasRows(ctx context.Context, uploader uuid.UUID, until time.Time) (bool, error)

	// Append adds a row to the outbox, and gives its id.
	Append(ctx context.Context, row outbox.Row) (int64, error)
	// Enqueue has jobs done once the transaction is committed.
	Enqueue(ctx context.Context, jobs []Job) error
}

// Written is what is written together, in this order.
type Written struct {
	// Usages are what is added to usages, which may be below nothing, or nothing; they are locked in the order that is given, distinct, and made where they are
	// missing. One with a ClosedAt closes: a room stays closed since the first time, a user is since the last.
	Usages []Usage
	Media  []Media // that are locked: all but ids, tenant, purpose and when they were created
	Events []outbox.Row
	Idle   []Idle      // what is known of media that no message shows, in place of what was known
	Gone   []uuid.UUID // media of which nothing of that kind is known any more
}

// JobKind is what a job does.
type JobKind string

// The kinds. There is a third one without a medium, see [Worker.Sweep].
const (
	JobProcess JobKind = "process"
	JobRemove  JobKind = "remove"
)

// Job is something that is to be done with a medium, however often the process ends. It may be done more than once.
type Job struct {
	Kind    JobKind
	Medium  uuid.UUID
	Attempt int // from 1; also those count that ended with their process. The store gives it
	Died    int // how many attempts before ended with their process, or hung. The store gives it
	// Trace is the traceparent of the request that completed the upload, of a [JobProcess]; empty: it was of no trace, or the first job was lost.
	Trace string
}

// Worker does what jobs are about. What gives an error is done again: after a second, two, four and so on up to a minute, for days.
type Worker interface {
	// Process looks at a medium that is uploaded, and makes it ready or rejects it. It has [Jobs.Timeout].
	Process(ctx context.Context, job Job) error
	// Remove removes the objects of a medium that is rejected or deleted, and has the store forget a deleted one. It has
	// three quarters of [Jobs.Timeout].
	Remove(ctx context.Context, job Job) error
	// Sweep keeps house: what has expired, what no job is left for, what nobody knows. One process does it at a time. It has
	// until the next one, half an hour at most.
	Sweep(ctx context.Context) error
}

// Jobs says how jobs are done.
type Jobs struct {
	AtOnce     int           // how many media are processed at once
	Timeout    time.Duration // of the processing of one
	SweepEvery time.Duration // and once at the beginning
	Log        *slog.Logger
}

// Store is all that media keeps. It is safe for concurrent use. Errors are those of [Rows], beside those that methods name.
type Store struct {
	Rows
	tel     *telemetry.Telemetry
	metrics *telemetry.StoreMetrics
	now     func() time.Time

	admission *admission
}

// New makes the store of a backend.
func New(rows Rows, tel *telemetry.Telemetry, now func() time.Time) *Store {
	return &Store{
		Rows: rows, tel: tel, metrics: tel.Store("media", ErrNotFound, ErrExists, ErrClosed, ErrInUse, ErrQuota, ErrState), now: now, admission: newAdmission(rows),
	}
}

// moment is the time as the store keeps it.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// transact runs a change, and measures it.
func (s *Store) transact(ctx context.Context, operation string, change func(ctx context.Context, tx Tx) error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	return s.Rows.Transact(ctx, operation, change)
}

// ByID implements [Rows], and measures it.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (m Media, err error) {
	defer s.metrics.Observe("by_id")(&err)
	return s.Rows.ByID(ctx, id)
}

// Deleted gives media that were deleted before a time and whose objects are still to be removed: what a lost job has left.
func (s *Store) Deleted(ctx context.Context, before time.Time, limit int) (all []Media, err error) {
	defer s.metrics.Observe("deleted")(&err)
	return s.InState(ctx, wire.MediaDeleted, before, limit)
}

// Uploaded gives media that have been waiting to be processed since before a time: what a lost job has left.
func (s *Store) Uploaded(ctx context.Context, before time.Time, limit int) (all []Media, err error) {
	defer s.metrics.Observe("uploaded")(&err)
	return s.InState(ctx, wire.MediaUploaded, before, limit)
}
