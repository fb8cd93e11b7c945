package processing

import (
	"context"
	"errors"
	"fmt"

	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/store"
)

// Remove implements [store.Worker].
func (w *Worker) Remove(ctx context.Context, job store.Job) error {
	m, err := w.Media.ByID(ctx, job.Medium)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // its objects were gone when it was forgotten
	case err != nil:
		return fmt.Errorf("look for a medium: %w", err)
	case m.State != wire.MediaDeleted && m.State != wire.MediaRejected:
		return nil // there is no such job of it
	}
	if err := w.removeObjects(ctx, m); err != nil {
		return err
	}
	w.metrics.removed.Inc()
	if m.State == wire.MediaRejected {
		return nil
	}
	if err := w.Media.Forget(ctx, m.ID); err != nil {
		return fmt.Errorf("forget a medium: %w", err)
	}
	return nil
}

// removeObjects removes all objects of a medium, and what was uploaded of it. The upload in parts goes first, so that it makes no object afterwards.
func (w *Worker) removeObjects(ctx context.Context, m store.Media) error {
	if m.UploadID != "" {
		if err := w.Objects.AbortParts(ctx, keys.Original(m.Room, m.ID), m.UploadID); err != nil {
			return fmt.Errorf("abort an upload: %w", err)
		}
	}
	if err := w.Objects.Delete(ctx, keys.All(m.Room, m.ID)...); err != nil {
		return fmt.Errorf("delete the objects of a medium: %w", err)
	}
	return nil
}
