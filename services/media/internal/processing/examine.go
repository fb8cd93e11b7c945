package processing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// found is what is found out about a medium that may be used.
type found struct {
	width, height int
	variants      []string
}

// examine looks at an upload. What it is at fault for itself is a rejection.
func (w *Worker) examine(ctx context.Context, m store.Media) (found, error) {
	info, err := w.Objects.Stat(ctx, keys.Original(m.Room, m.ID))
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return found{}, &rejection{ReasonMissing, "there is no object"}
	case err != nil:
		return found{}, fmt.Errorf("look at an upload: %w", err)
	case info.Size != m.Size:
		return found{}, &rejection{ReasonSize, fmt.Sprintf("%d bytes, %d were declared", info.Size, m.Size)}
	}
	if m.Purpose == store.PurposeRoomImage { // we have made it ourselves: somebody's request has ended before it was ready
		return w.inspect(ctx, m)
	}
	if err := w.checkType(ctx, m); err != nil {
		return found{}, err
	}
	if err := w.checkSum(ctx, m, info); err != nil {
		return found{}, err
	}
	if err := w.scan(ctx, m); err != nil {
		return found{}, err
	}
	if !images.Decodes(typeOf(m)) {
		return found{}, nil
	}
	return w.picture(ctx, m)
}

// typeOf is what a medium is, as far as is known.
func typeOf(m store.Media) string {
	if m.Type != "" {
		return m.Type
	}
	return m.MimeType
}

// checkType looks at the beginning of a file. The request that completed the upload has done so, too, but may have ended before it rejected the medium.
func (w *Worker) checkType(ctx context.Context, m store.Media) error {
	content, _, err := w.Objects.Open(ctx, keys.Original(m.Room, m.ID), objects.Range{Length: images.SniffBytes})
	if err != nil {
		return rejectedIfGone(fmt.Errorf("open an upload to see its type: %w", err))
	}
	defer content.Close()
	head, err := io.ReadAll(io.LimitReader(content, images.SniffBytes))
	if err != nil {
		return fmt.Errorf("read the beginning of an upload: %w", err)
	}
	if is, kind := images.Sniff(head, m.MimeType); is == images.Mismatch {
		return &rejection{string(images.NotWhatItSays), fmt.Sprintf("%s, %.127s was declared", kind, m.MimeType)}
	}
	return nil
}

// checkSum reads a file whose content was declared, unless the object store has held the upload to it.
func (w *Worker) checkSum(ctx context.Context, m store.Media, info objects.Info) error {
	if m.SHA256 == nil {
		return nil
	}
	sum := info.SHA256
	if sum == nil || m.UploadID != "" || !w.Objects.Capabilities().FormChecksum {
		var err error
		if sum, err = w.sum(ctx, m, info); err != nil {
			return err
		}
	}
	if !bytes.Equal(sum, m.SHA256) {
		return &rejection{ReasonChecksum, fmt.Sprintf("%x, %x was declared", sum, m.SHA256)}
	}
	return nil
}

// signedFor is how long a scanner may begin to download a file.
const signedFor = 5 * time.Minute

func (w *Worker) scan(ctx context.Context, m store.Media) error {
	if w.Scanner == nil {
		return nil
	}
	said, err := w.Scanner.Scan(ctx, scan.File{
		Medium: m.ID, Room: m.Room, Uploader: m.Uploader, Tenant: m.Tenant, FileName: m.FileName, MimeType: m.MimeType, Size: m.Size, SHA256: m.SHA256,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return w.open(ctx, m) },
		URL: func(ctx context.Context) (string, error) {
			return w.Objects.PresignGet(ctx, keys.Original(m.Room, m.ID), objects.Download{FileName: m.FileName, Type: m.MimeType}, signedFor)
		},
	})
	switch {
	case err != nil:
		if errors.Is(err, scan.ErrUnavailable) {
			w.metrics.unscanned.Inc()
		}
		return rejectedIfGone(fmt.Errorf("scan an upload: %w", err))
	case said.Outcome == scan.Clean:
		return nil
	case said.Outcome == scan.Infected:
		return &rejection{ReasonInfected, said.Detail}
	case said.Outcome == scan.TooLarge:
		return &rejection{ReasonTooLargeToScan, said.Detail}
	}
	return fmt.Errorf("scan an upload: the outcome %d is none", said.Outcome)
}

// file is an upload that is read, of exactly its size.
type file struct {
	io.Reader
	io.Closer
}

func (w *Worker) open(ctx context.Context, m store.Media) (io.ReadCloser, error) {
	content, _, err := w.Objects.Open(ctx, keys.Original(m.Room, m.ID), objects.Range{})
	if err != nil {
		return nil, fmt.Errorf("open an upload: %w", err)
	}
	return file{objects.Exactly(content, m.Size), content}, nil
}

// rejectedIfGone rejects what is not there any more.
func rejectedIfGone(err error) error {
	if errors.Is(err, objects.ErrNotFound) {
		return &rejection{ReasonMissing, err.Error()}
	}
	return err
}

// imageError gives the error of a picture: its own fault, or another's.
func imageError(err error) error {
	if reason, ok := images.ReasonOf(err); ok {
		return &rejection{string(reason), err.Error()}
	}
	return fmt.Errorf("make variants of an image: %w", err)
}

func (w *Worker) inspect(ctx context.Context, m store.Media) (found, error) {
	content, err := w.open(ctx, m)
	if err != nil {
		return found{}, rejectedIfGone(err)
	}
	defer content.Close()
	info, err := w.Pictures.Inspect(ctx, content, m.Size)
	if err != nil {
		return found{}, imageError(err)
	}
	return found{width: info.Width, height: info.Height}, nil
}

// picture makes and puts the variants of an image.
func (w *Worker) picture(ctx context.Context, m store.Media) (found, error) {
	names := keys.Variants()
	edges := make([]int, len(names))
	for i, name := range names {
		edge, err := strconv.Atoi(name)
		if err != nil {
			return found{}, fmt.Errorf("read a variant's name: %w", err)
		}
		edges[i] = edge
	}
	content, err := w.open(ctx, m)
	if err != nil {
		return found{}, rejectedIfGone(err)
	}
	defer content.Close()
	info, variants, err := w.Pictures.Variants(ctx, content, m.Size, edges...)
	if err != nil {
		return found{}, imageError(err)
	}
	for i, variant := range variants {
		if err := w.put(ctx, keys.Variant(m.Room, m.ID, names[i]), variant.JPEG); err != nil {
			return found{}, err
		}
	}
	return found{info.Width, info.Height, names}, nil
}

func (w *Worker) put(ctx context.Context, key string, jpeg []byte) error {
	sum := sha256.Sum256(jpeg)
	object := objects.Upload{Key: key, Type: string(images.JPEG), Size: int64(len(jpeg)), SHA256: sum[:]}
	if _, err := w.Objects.Put(ctx, object, bytes.NewReader(jpeg)); err != nil {
		return fmt.Errorf("put a variant of an image: %w", err)
	}
	return nil
}
