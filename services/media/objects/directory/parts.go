package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/objects"
)

// beginning is what is kept of an upload in parts, in the file of the name.
type beginning struct {
	Key       string    `json:"key"`
	Type      string    `json:"type"`
	Checksums bool      `json:"checksums"`
	Begun     time.Time `json:"begun"`
}

const beginningFile = "upload"

func folderOf(uploadID string) string { return path.Join(uploadsFolder, uploadID) }

func partOf(uploadID string, number int) string {
	return path.Join(folderOf(uploadID), fmt.Sprintf("%05d", number))
}

// BeginParts implements [objects.Store].
func (s *Store) BeginParts(_ context.Context, upload objects.Upload) (id string, err error) {
	if err := upload.Check(); err != nil {
		return "", err
	}
	defer s.metrics.Observe("begin_parts")(&err)
	at, err := s.opened()
	if err != nil {
		return "", err
	}
	id = uuid.NewString()
	text, err := json.Marshal(beginning{upload.Key, upload.Type, upload.PartChecksums, s.now().UTC()})
	if err != nil {
		return "", fmt.Errorf("encode an upload: %w", err)
	}
	w := written{name: path.Join(temporary, id)}
	into, err := s.create(at.root, w.name)
	if err != nil {
		return "", onDisk("begin an upload in parts", err)
	}
	_, err = into.Write(text)
	if err := errors.Join(err, into.Sync(), into.Close()); err != nil {
		_ = at.root.Remove(w.name)
		return "", onDisk("begin an upload in parts", err)
	}
	return id, s.moveIn(at.root, w, path.Join(folderOf(id), beginningFile))
}

// begun gives the upload, ErrNotFound where it is not one of the key.
func begun(root *os.Root, key, uploadID string) (beginning, error) {
	if uuid.Validate(uploadID) != nil || len(uploadID) != len(uuid.Nil.String()) {
		return beginning{}, fmt.Errorf("look for an upload in parts: %w", objects.ErrNotFound)
	}
	text, err := root.ReadFile(path.Join(folderOf(uploadID), beginningFile))
	if err != nil {
		return beginning{}, onDisk("look for an upload in parts", err)
	}
	var upload beginning
	if err := json.Unmarshal(text, &upload); err != nil {
		return beginning{}, onDisk("look for an upload in parts", errDamaged)
	}
	if key != "" && upload.Key != key {
		return beginning{}, fmt.Errorf("look for an upload in parts: %w", objects.ErrNotFound)
	}
	return upload, nil
}

// putPart takes the content of a part.
func (s *Store) putPart(ctx context.Context, part objects.PartUpload, content io.Reader) (objects.Info, error) {
	at, err := s.opened()
	if err != nil {
		return objects.Info{}, err
	}
	upload, err := begun(at.root, part.Key, part.UploadID)
	if err != nil {
		return objects.Info{}, err
	}
	if upload.Checksums != (part.SHA256 != nil) {
		return objects.Info{}, fmt.Errorf("%w: a part with a checksum belongs to an upload with checksums", objects.ErrInvalid)
	}
	w, err := s.write(ctx, at.root, objects.Upload{Key: part.Key, Type: upload.Type, Size: part.Size, SHA256: part.SHA256}, content)
	if err != nil {
		return objects.Info{}, err
	}
	lock := s.lock(part.UploadID)
	lock.Lock()
	defer lock.Unlock()
	if _, err := begun(at.root, part.Key, part.UploadID); err != nil { // it has ended meanwhile
		_ = at.root.Remove(w.name)
		return objects.Info{}, err
	}
	return w.info, s.moveIn(at.root, w, partOf(part.UploadID, part.Number))
}

// Parts implements [objects.Store].
func (s *Store) Parts(ctx context.Context, key, uploadID string) (parts []objects.Part, err error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("parts")(&err)
	at, err := s.opened()
	if err != nil {
		return nil, err
	}
	return partsOf(ctx, at.root, key, uploadID)
}

func partsOf(ctx context.Context, root *os.Root, key, uploadID string) ([]objects.Part, error) {
	upload, err := begun(root, key, uploadID)
	if err != nil {
		return nil, err
	}
	names, err := namesIn(root, folderOf(uploadID))
	if err != nil {
		return nil, err
	}
	var parts []objects.Part
	for _, name := range names {
		var number int
		if _, err := fmt.Sscanf(name, "%05d", &number); err != nil {
			continue // what the upload is
		}
		info, err := stat(root, partOf(uploadID, number), key)
		if err := errors.Join(ctx.Err(), err); err != nil {
			return nil, err
		}
		part := objects.Part{Number: number, Size: info.Size, ETag: info.ETag}
		if upload.Checksums {
			part.SHA256 = info.SHA256
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// CompleteParts implements [objects.Store].
func (s *Store) CompleteParts(ctx context.Context, key, uploadID string, parts []objects.Part) (err error) {
	if err := errors.Join(objects.CheckKey(key), objects.CheckParts(parts)); err != nil {
		return err
	}
	defer s.metrics.Observe("complete_parts")(&err)
	at, err := s.opened()
	if err != nil {
		return err
	}
	ending := s.lock(uploadID)
	ending.Lock()
	defer ending.Unlock()
	upload, err := begun(at.root, key, uploadID)
	if err != nil {
		return err
	}
	size, err := sameParts(ctx, at.root, key, uploadID, parts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, objects.ReadLimit(size))
	defer cancel()
	joined := &joining{root: at.root, key: key, uploadID: uploadID, parts: parts}
	defer joined.close()
	w, err := s.write(ctx, at.root, objects.Upload{Key: key, Type: upload.Type, Size: size}, joined)
	if err != nil {
		return err
	}
	if err := s.moveIn(at.root, w, nameOf(key)); err != nil {
		return err
	}
	return end(at.root, uploadID)
}

// sameParts sees whether the parts are those that are there, and large enough, and gives their size together.
func sameParts(ctx context.Context, root *os.Root, key, uploadID string, named []objects.Part) (size int64, err error) {
	has, err := partsOf(ctx, root, key, uploadID)
	if err != nil {
		return 0, err
	}
	for i, part := range named {
		at := slices.IndexFunc(has, func(h objects.Part) bool { return h.Number == part.Number && h.ETag == strings.Trim(part.ETag, `"`) })
		if at < 0 {
			return 0, fmt.Errorf("%w: part %d is not there, or another one", objects.ErrMismatch, part.Number)
		}
		if i < len(named)-1 && has[at].Size < objects.MinPartSize {
			return 0, fmt.Errorf("%w: part %d is too small", objects.ErrMismatch, part.Number)
		}
		size += has[at].Size
	}
	return size, nil
}

// joining reads the contents of parts, one behind the other, one file open at a time.
type joining struct {
	root          *os.Root
	key, uploadID string
	parts         []objects.Part // those not begun
	from          *os.File
	content       io.Reader
}

// Read implements [io.Reader].
func (j *joining) Read(into []byte) (int, error) {
	for {
		if j.from == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			from, info, err := read(j.root, partOf(j.uploadID, j.parts[0].Number), j.key)
			if err != nil {
				return 0, err
			}
			j.from, j.content, j.parts = from, io.NewSectionReader(from, 0, info.Size), j.parts[1:]
		}
		n, err := j.content.Read(into)
		if errors.Is(err, io.EOF) {
			j.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, onDisk("join parts", err)
		}
	}
}

func (j *joining) close() {
	if j.from != nil {
		_ = j.from.Close()
		j.from = nil
	}
}

// end removes an upload, at once to whoever looks for it.
func end(root *os.Root, uploadID string) error {
	gone := path.Join(temporary, "ended-"+uploadID)
	if err := root.Rename(folderOf(uploadID), gone); err != nil {
		return onDisk("end an upload in parts", err)
	}
	return onDisk("end an upload in parts", root.RemoveAll(gone))
}

// AbortParts implements [objects.Store].
func (s *Store) AbortParts(_ context.Context, key, uploadID string) (err error) {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	defer s.metrics.Observe("abort_parts")(&err)
	at, err := s.opened()
	if err != nil {
		return err
	}
	lock := s.lock(uploadID)
	lock.Lock()
	defer lock.Unlock()
	if _, err = begun(at.root, key, uploadID); err == nil {
		err = end(at.root, uploadID)
	}
	if errors.Is(err, objects.ErrNotFound) {
		return nil
	}
	return err
}

// Unfinished implements [objects.Store].
func (s *Store) Unfinished(ctx context.Context, prefix, after string, limit int) (all []objects.Unfinished, err error) {
	if err := objects.CheckListing(limit); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("unfinished")(&err)
	at, err := s.opened()
	if err != nil {
		return nil, err
	}
	names, err := namesIn(at.root, uploadsFolder)
	if err != nil {
		return nil, err
	}
	for _, id := range names {
		upload, err := begun(at.root, "", id)
		if err := ctx.Err(); err != nil {
			return nil, err //nolint:wrapcheck // the caller's
		}
		if errors.Is(err, objects.ErrNotFound) {
			continue // ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		found := objects.Unfinished{Key: upload.Key, UploadID: id, Begun: upload.Begun}
		if strings.HasPrefix(found.Key, prefix) && found.Key > after {
			all = append(all, found)
		}
	}
	slices.SortFunc(all, func(a, b objects.Unfinished) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), a.Begun.Compare(b.Begun))
	})
	return all[:min(len(all), limit)], nil
}
