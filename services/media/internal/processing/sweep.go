package processing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

const (
	batch = 100 // of media or uses that are changed at once

	// lost is how long a medium may wait for what its job does until another one is asked for. One that only waits is asked for again once a day.
	lost       = 15 * time.Minute
	askedAgain = 24 * time.Hour
	maxLost    = 1000 // of each kind, at once

	// replayed is how far back logs are taken again: as long as they are kept, and a day.
	replayed = 8 * 24 * time.Hour

	listed   = objects.MaxListed
	maxPages = 20 // of each list, at once
	// So many media that nobody knows, and more than are known, are no orphans: the database is another one, or was lost.
	suspicious = 10
)

// house is what a worker remembers of its housekeeping.
type house struct {
	mu     sync.Mutex
	cursor string                  // where it is in the list of all objects
	asked  map[uuid.UUID]time.Time // for which media it has asked for another job, and when
}

// Sweep implements [store.Worker]. What fails in one part does not keep the others from being done.
func (w *Worker) Sweep(ctx context.Context) error {
	w.house.mu.Lock()
	defer w.house.mu.Unlock()
	var failed []error
	for _, part := range []struct {
		doing string
		do    func(ctx context.Context) error
	}{
		{"take expired messages from media", w.expireUses},
		{"delete what has expired", w.expire},
		{"delete what no message shows", w.deleteUnused},
		{"ask for jobs that were lost", w.askAgain},
		{"clear what is kept for replays", w.clear},
		{"abort uploads that nobody completes", w.abortUnfinished},
		{"remove orphans", w.removeOrphans},
	} {
		if err := part.do(ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", part.doing, err))
		}
	}
	return errors.Join(failed...)
}

// untilFewer repeats what does at most a batch, until it does fewer.
func untilFewer(ctx context.Context, do func() (done int, err error)) error {
	for {
		done, err := do()
		if err != nil || done < batch {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err //nolint:wrapcheck // the context's, as it is
		}
	}
}

func (w *Worker) expireUses(ctx context.Context) error {
	return untilFewer(ctx, func() (int, error) { return w.Media.ExpiredUses(ctx, w.Now(), batch) })
}

func (w *Worker) expire(ctx context.Context) error {
	return untilFewer(ctx, func() (int, error) { return w.Media.Expired(ctx, w.Now(), batch) })
}

func (w *Worker) deleteUnused(ctx context.Context) error {
	var before time.Time // what has been shown goes in any case
	if w.UnusedAfter > 0 {
		before = w.Now().Add(-w.UnusedAfter)
	}
	return untilFewer(ctx, func() (int, error) { return w.Media.Unused(ctx, before, batch) })
}

// askAgain asks for jobs for media that have waited for long. Most of them have one, which waits for an object store: so they are not asked for each time.
func (w *Worker) askAgain(ctx context.Context) error {
	now := w.Now()
	var failed []error
	asked := map[uuid.UUID]time.Time{}
	for _, waiting := range []func(context.Context, time.Time, int) ([]store.Media, error){w.Media.Uploaded, w.Media.Deleted} {
		media, err := waiting(ctx, now.Add(-lost), maxLost)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		var again []uuid.UUID
		for _, m := range media {
			if at, known := w.house.asked[m.ID]; known && now.Sub(at) < askedAgain {
				asked[m.ID] = at
				continue
			}
			again = append(again, m.ID)
		}
		for len(again) > 0 {
			n := min(len(again), batch)
			if err := w.Media.Requeue(ctx, again[:n]); err != nil {
				failed = append(failed, err)
				break
			}
			for _, id := range again[:n] {
				asked[id] = now
			}
			again = again[n:]
		}
	}
	w.house.asked = asked // of those alone that still wait
	return errors.Join(failed...)
}

func (w *Worker) clear(ctx context.Context) error {
	return untilFewer(ctx, func() (int, error) {
		more, err := w.Media.Clear(ctx, w.Now().Add(-replayed), batch)
		if more {
			return batch, err
		}
		return 0, err
	})
}

// abortUnfinished aborts uploads in parts that are older than any that is awaited, where the object store does not do it itself.
func (w *Worker) abortUnfinished(ctx context.Context) error {
	can := w.Objects.Capabilities()
	if !can.ListsUploads || can.ExpireUploads {
		return nil
	}
	old, after := w.Now().Add(-objects.UnfinishedLifetime-time.Hour), ""
	for range maxPages {
		page, err := w.Objects.Unfinished(ctx, "", after, listed)
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		for _, upload := range page {
			if _, _, ours := keys.Medium(upload.Key); !ours || upload.Begun.After(old) {
				continue
			}
			if err := w.Objects.AbortParts(ctx, upload.Key, upload.UploadID); err != nil {
				return fmt.Errorf("abort an upload: %w", err)
			}
			w.metrics.orphans.Inc()
		}
		if len(page) < listed {
			return nil
		}
		after = page[len(page)-1].Key
	}
	return nil
}

// removeOrphans looks at a part of all objects, the next one at the next time, and removes those that no medium has any more.
func (w *Worker) removeOrphans(ctx context.Context) error {
	for range maxPages {
		page, err := w.Objects.List(ctx, "", w.house.cursor, listed)
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if err := w.removeOrphansOf(ctx, page); err != nil {
			return err
		}
		if len(page) < listed {
			w.house.cursor = ""
			return nil
		}
		w.house.cursor = page[len(page)-1].Key
	}
	return nil
}

func (w *Worker) removeOrphansOf(ctx context.Context, page []objects.Info) error {
	now := w.Now()
	of := map[uuid.UUID][]objects.Info{} // by their media
	var ids []uuid.UUID
	for _, object := range page {
		_, medium, ours := keys.Medium(object.Key)
		if !ours || now.Sub(object.Modified) < w.OrphansAfter {
			continue
		}
		if len(of[medium]) == 0 {
			ids = append(ids, medium)
		}
		of[medium] = append(of[medium], object)
	}
	if len(ids) == 0 {
		return nil
	}
	known, err := w.Media.Known(ctx, ids)
	if err != nil {
		return fmt.Errorf("look for media of objects: %w", err)
	}
	var orphans []string
	for _, medium := range known {
		for _, object := range of[medium] {
			// What a form has put there so long ago was completed, or has expired: nobody needs it any more.
			if keys.IsUpload(object.Key) && now.Sub(object.Modified) >= w.UploadTTL+w.OrphansAfter {
				orphans = append(orphans, object.Key)
			}
		}
		delete(of, medium)
	}
	unknown := keysOf(of)
	if len(of) >= suspicious && len(of) > len(known) {
		w.metrics.suspended.Add(float64(len(unknown)))
		w.log.ErrorContext(ctx, "most objects belong to media that the database does not know; they are left alone: is it the right database?",
			"unknown_media", len(of), "known_media", len(known), "objects", len(unknown), "first", page[0].Key)
		unknown = nil
	}
	return w.deleteOrphans(ctx, append(orphans, unknown...))
}

func keysOf(objects map[uuid.UUID][]objects.Info) (all []string) {
	for _, some := range objects {
		for _, object := range some {
			all = append(all, object.Key)
		}
	}
	return all
}

func (w *Worker) deleteOrphans(ctx context.Context, orphans []string) error {
	if len(orphans) == 0 {
		return nil
	}
	if err := w.Objects.Delete(ctx, orphans...); err != nil {
		return fmt.Errorf("delete orphans: %w", err)
	}
	w.metrics.orphans.Add(float64(len(orphans)))
	w.log.InfoContext(ctx, "objects that no medium has any more are removed", "objects", len(orphans), "first", orphans[0])
	return nil
}
