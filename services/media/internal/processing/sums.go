package processing

import (
	"context"
	"crypto/sha256"
	"encoding"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// sums remembers how far the checksums of files have come. A job has a minute, in which no gigabytes come from a slow store: the next one goes on from there.
type sums struct {
	mu  sync.Mutex
	all map[uuid.UUID]progress
}

// maxSums is how many are remembered; of more, any is read from its beginning again.
const maxSums = 64

// progress is the state of a checksum behind so many bytes of an object.
type progress struct {
	etag  string
	bytes int64
	state []byte
}

func newSums() *sums { return &sums{all: map[uuid.UUID]progress{}} }

func (s *sums) of(id uuid.UUID, etag string) progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	if so := s.all[id]; so.etag == etag {
		return so
	}
	return progress{etag: etag}
}

func (s *sums) remember(id uuid.UUID, so progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.all[id]; !known && len(s.all) >= maxSums {
		for any := range s.all {
			delete(s.all, any)
			break
		}
	}
	s.all[id] = so
}

func (s *sums) forget(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
}

// sum gives the checksum of an upload's object.
func (w *Worker) sum(ctx context.Context, m store.Media, info objects.Info) ([]byte, error) {
	so, hash := w.sums.of(m.ID, info.ETag), sha256.New()
	if so.state != nil {
		if err := hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(so.state); err != nil {
			return nil, fmt.Errorf("go on with a checksum: %w", err)
		}
	}
	if so.bytes < info.Size {
		content, now, err := w.Objects.Open(ctx, keys.Original(m.Room, m.ID), objects.Range{Offset: so.bytes})
		if err != nil {
			return nil, rejectedIfGone(fmt.Errorf("open an upload to check it: %w", err))
		}
		defer content.Close()
		if now.ETag != info.ETag {
			return nil, fmt.Errorf("%w: the upload has changed while it was looked at", objects.ErrUnavailable)
		}
		read, failed := io.Copy(hash, objects.Exactly(content, info.Size-so.bytes))
		so.bytes += read
		if so.state, err = hash.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
			return nil, fmt.Errorf("keep a checksum: %w", err)
		}
		w.sums.remember(m.ID, so)
		if failed != nil {
			return nil, fmt.Errorf("read an upload to check it, up to byte %d of %d: %w", so.bytes, info.Size, failed)
		}
	}
	return hash.Sum(nil), nil
}
