package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"

	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/wire"
)

// Create adds a pending medium, if quotas allow it. The medium says all but state and times; of those it says when the upload expires. Who asks again for
// the same, by the id, is given what is there by now, in whatever state. Errors: [ErrExists], [ErrClosed], [QuotaError].
func (s *Store) Create(ctx context.Context, asked Media, quotas Quotas) (stored Media, created bool, err error) {
	defer s.metrics.Observe("create")(&err)
	asked.State, asked.CreatedAt, asked.ExpiresAt = wire.MediaPending, s.moment(), asked.ExpiresAt.UTC().Truncate(time.Microsecond)
	asked.ChangedAt = asked.CreatedAt
	switch admitted, err := s.admission.admit(ctx, asked, quotas); {
	case err != nil:
		return Media{}, false, err
	case admitted:
		return asked, true, nil
	}
	return s.createAlone(ctx, asked, quotas)
}

// errThere says that there is a medium of the id.
var errThere = errors.New("there is a medium of the id")

// createAlone adds a medium that could not be added in one statement, so that whatever is to be said of it is known.
func (s *Store) createAlone(ctx context.Context, asked Media, quotas Quotas) (stored Media, created bool, err error) {
	err = s.Rows.Transact(ctx, "create", func(ctx context.Context, tx Tx) error {
		room, user := Scope{ScopeRoom, asked.Room}, Scope{ScopeUser, asked.Uploader}
		usages, err := tx.LockUsages(ctx, []Scope{room, user})
		if err != nil {
			return err
		}
		inserted, err := tx.Insert(ctx, asked)
		if err != nil {
			return err
		}
		if !inserted { // looked at once nothing is locked any more: media are locked before usages
			return errThere
		}
		if err := admit(asked, quotas, usages[1], usages[0]); err != nil {
			return err
		}
		return tx.Write(ctx, Written{Usages: []Usage{{Scope: room, Bytes: asked.Size, Media: 1}, {Scope: user, Bytes: asked.Size, Media: 1}}})
	})
	switch {
	case errors.Is(err, errThere):
		stored, err = s.found(ctx, asked)
		return stored, false, err
	case err != nil:
		return Media{}, false, err
	}
	return asked, true, nil
}

// found gives what there is of the id, which is what was asked for, as far as that is known of a deleted one.
func (s *Store) found(ctx context.Context, asked Media) (Media, error) {
	there, err := s.Rows.ByID(ctx, asked.ID)
	switch {
	case errors.Is(err, ErrNotFound): // it is forgotten since
		return Media{}, ErrExists
	case err != nil:
		return Media{}, err
	}
	deleted := there.State == wire.MediaDeleted && there.Uploader == asked.Uploader && there.Room == asked.Room
	if !deleted && !there.asksFor(asked) {
		return Media{}, ErrExists
	}
	return there, nil
}

// SetUpload notes the multipart upload of a pending medium. The first counts: what is given back has it. Errors: [ErrNotFound], [StateError].
func (s *Store) SetUpload(ctx context.Context, id uuid.UUID, upload string, partSize int64) (Media, error) {
	return s.change(ctx, "set_upload", id, func(m *Media) error {
		if m.State != wire.MediaPending {
			return StateError{m.ID, m.State}
		}
		if m.UploadID == "" {
			m.UploadID, m.PartSize = upload, partSize
		}
		return nil
	})
}

// Facts are what is found out about the object of a medium.
type Facts struct {
	Size   int64
	SHA256 []byte // 32
	Type   string // what its bytes are
}

// Complete says that a pending medium is uploaded, and has it processed. Whoever says the same again is given what is there. Errors: [ErrNotFound],
// [StateError].
func (s *Store) Complete(ctx context.Context, id uuid.UUID, facts Facts) (Media, error) {
	return s.change(ctx, "complete", id, func(m *Media) error {
		switch {
		case m.State == wire.MediaPending:
			m.State, m.Size, m.SHA256, m.Type = wire.MediaUploaded, facts.Size, facts.SHA256, facts.Type
			return nil
		case m.State != wire.MediaDeleted && m.Size == facts.Size && bytes.Equal(m.SHA256, facts.SHA256) && m.Type == facts.Type:
			return nil
		}
		return StateError{m.ID, m.State}
	})
}

// Ready says that an uploaded medium may be used. Whoever says the same again is given what is there. Errors: [ErrNotFound], [StateError].
func (s *Store) Ready(ctx context.Context, id uuid.UUID, width, height int, variants []string) (Media, error) {
	return s.change(ctx, "ready", id, func(m *Media) error {
		switch {
		case m.State == wire.MediaUploaded:
			m.State, m.Width, m.Height, m.Variants = wire.MediaReady, width, height, variants
			return nil
		case m.State == wire.MediaReady && m.Width == width && m.Height == height && slices.Equal(m.Variants, variants):
			return nil
		}
		return StateError{m.ID, m.State}
	})
}

// Reject says that an uploaded medium is never used, and why. Its objects are removed; it is known for [RejectedFor]. Whoever says the same again is given
// what is there. Errors: [ErrNotFound], [StateError].
func (s *Store) Reject(ctx context.Context, id uuid.UUID, reason string) (Media, error) {
	return s.change(ctx, "reject", id, func(m *Media) error {
		switch {
		case m.State == wire.MediaUploaded:
			m.State, m.Reason = wire.MediaRejected, reason
			return nil
		case m.State == wire.MediaRejected && m.Reason == reason:
			return nil
		}
		return StateError{m.ID, m.State}
	})
}

// Delete deletes a medium, and has its objects removed. One that is deleted stays as it is. Errors: [ErrNotFound].
func (s *Store) Delete(ctx context.Context, id uuid.UUID, reason string) (Media, error) {
	return s.change(ctx, "delete", id, func(m *Media) error {
		if m.State != wire.MediaDeleted {
			*m = m.deleted(reason, m.ChangedAt)
		}
		return nil
	})
}

// change changes one medium by one step, and gives it as it is then.
func (s *Store) change(ctx context.Context, operation string, id uuid.UUID, step func(m *Media) error) (changed Media, err error) {
	err = s.transact(ctx, operation, func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		if len(locked) == 0 {
			return ErrNotFound
		}
		changed = locked[0]
		if err := step(&changed); err != nil {
			return err
		}
		if changed.State != locked[0].State {
			changed = s.since(changed)
			return s.write(ctx, tx, ledger{}, locked, []Media{changed})
		}
		if changed.UploadID != locked[0].UploadID {
			return tx.Write(ctx, Written{Media: []Media{changed}})
		}
		return nil
	})
	if err != nil {
		return Media{}, err
	}
	return changed, nil
}

// since gives a medium that gets its state now.
func (s *Store) since(m Media) Media {
	m.ChangedAt, m.ExpiresAt = s.moment(), time.Time{}
	if m.State == wire.MediaRejected {
		m.ExpiresAt = m.ChangedAt.Add(RejectedFor)
	}
	return m
}

// write writes media that have got other states, and what follows from that, beside what is added to usages for another reason. Usages are locked from then
// until the transaction is committed, and what is left is one round trip.
func (s *Store) write(ctx context.Context, tx Tx, usages ledger, was, is []Media) error {
	var (
		jobs    []Job
		written = Written{Media: is}
	)
	for i, m := range is {
		usages.exchange(was[i], m)
		event, err := outbox.NewRow(ctx, s.tel.Propagator, Source, s.moment(), m.changed())
		if err != nil {
			return err
		}
		written.awaitUse(m)
		written.Events = append(written.Events, event)
		jobs = append(jobs, m.jobs()...)
	}
	if len(jobs) > 0 {
		if err := tx.Enqueue(ctx, s.traced(ctx, jobs)); err != nil {
			return err
		}
	}
	written.Usages = usages.sorted()
	return tx.Write(ctx, written)
}

const headerTrace = "traceparent"

// traced has what looks at an upload show in the trace of what completed it (https://www.w3.org/TR/trace-context/#traceparent-header).
func (s *Store) traced(ctx context.Context, jobs []Job) []Job {
	carrier := propagation.MapCarrier{}
	s.tel.Propagator.Inject(ctx, carrier)
	for i, job := range jobs {
		if job.Kind == JobProcess {
			jobs[i].Trace = carrier[headerTrace]
		}
	}
	return jobs
}

// tell adds an event to the outbox. The usage of the user who is its key is locked.
func (s *Store) tell(ctx context.Context, tx Tx, event events.Data) error {
	row, err := outbox.NewRow(ctx, s.tel.Propagator, Source, s.moment(), event)
	if err != nil {
		return err
	}
	_, err = tx.Append(ctx, row)
	return err
}

// Requeue has done what is still to be done with media, which their jobs may have been lost for.
func (s *Store) Requeue(ctx context.Context, media []uuid.UUID) error {
	return s.transact(ctx, "requeue", func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, media)
		if err != nil {
			return err
		}
		var jobs []Job
		for _, m := range locked {
			jobs = append(jobs, m.jobs()...)
		}
		if len(jobs) == 0 {
			return nil
		}
		return tx.Enqueue(ctx, jobs)
	})
}
