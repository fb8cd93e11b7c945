package directory

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/objects"
)

// An object, and a part of an upload, is one file, so that it is replaced in one step with what is known of it:
//
//	content | description, JSON | length of the description, 4 bytes, big-endian | magic, 8 bytes
const (
	magic          = "ISMOBJ1\n"
	footerSize     = 4 + len(magic)
	maxDescription = 1 << 10

	maxMoves = 100 // tries to put an object in its place
)

type description struct {
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// file is what is written to.
type file interface {
	io.WriteCloser
	Sync() error
}

func create(root *os.Root, name string) (file, error) {
	return root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:wrapcheck // by the caller
}

// written is a file in the folder of what is being written, whole and on disk, that is not yet where it belongs.
type written struct {
	name string
	info objects.Info
}

// write writes a content that must have the size, and the checksum if there is one. An error of the content is given as it is, one of the disk
// as ErrUnavailable.
func (s *Store) write(ctx context.Context, root *os.Root, object objects.Upload, content io.Reader) (_ written, err error) {
	name := path.Join(temporary, uuid.NewString())
	into, err := s.create(root, name)
	if err != nil {
		return written{}, onDisk("write an object", err)
	}
	defer func() {
		if err != nil {
			_ = into.Close()
			_ = root.Remove(name)
		}
	}()
	digest := sha256.New()
	from := &remembering{content: whileOpen(ctx, objects.Exactly(content, object.Size))}
	if _, err := io.Copy(onlyWriter{io.MultiWriter(into, digest)}, from); err != nil {
		if from.err != nil {
			return written{}, from.err
		}
		return written{}, onDisk("write an object", err)
	}
	sum := digest.Sum(nil)
	if object.SHA256 != nil && string(sum) != string(object.SHA256) {
		return written{}, fmt.Errorf("%w: its SHA-256 is another one", objects.ErrMismatch)
	}
	known := description{Type: object.Type, Size: object.Size, SHA256: hex.EncodeToString(sum)}
	if _, err := into.Write(known.footer()); err != nil {
		return written{}, onDisk("write an object", err)
	}
	if err := errors.Join(into.Sync(), into.Close()); err != nil {
		return written{}, onDisk("write an object", err)
	}
	return written{name, known.info(object.Key, s.now())}, nil
}

// onlyWriter hides that a file could read by itself.
type onlyWriter struct{ io.Writer }

// remembering keeps the error of a content apart from those of what it is written to.
type remembering struct {
	content io.Reader
	err     error
}

// Read implements [io.Reader].
func (r *remembering) Read(into []byte) (int, error) {
	n, err := r.content.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err //nolint:wrapcheck // the content's own
}

func (d description) footer() []byte {
	text, _ := json.Marshal(d) // strings and a number
	footer := binary.BigEndian.AppendUint32(text, uint32(len(text)))
	return append(footer, magic...)
}

func (d description) info(key string, modified time.Time) objects.Info {
	sum, _ := hex.DecodeString(d.SHA256)
	return objects.Info{Key: key, Size: d.Size, Type: d.Type, ETag: d.SHA256[:32], SHA256: sum, Modified: modified.UTC().Truncate(time.Second)}
}

// moveIn puts what was written where it belongs. The folders above it are made. Those who put and delete beside it may take a folder away, or
// make it, between two looks at it, so it is tried a number of times.
func (s *Store) moveIn(root *os.Root, w written, name string) error {
	for try := 1; ; try++ {
		err := moveTo(root, w.name, name)
		meanwhile := errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist)
		if meanwhile && try < maxMoves {
			continue
		}
		if err != nil {
			_ = root.Remove(w.name)
		}
		return onDisk("put an object in its place", err)
	}
}

func moveTo(root *os.Root, from, to string) error {
	if err := root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return err //nolint:wrapcheck // by the caller
	}
	if err := root.Rename(from, to); err != nil {
		return err //nolint:wrapcheck // by the caller
	}
	for folder := path.Dir(to); ; folder = path.Dir(folder) {
		if err := syncFolder(root, folder); err != nil || folder == "." {
			return err
		}
	}
}

// syncFolder sees to it that what is in a folder is there after the machine has failed.
func syncFolder(root *os.Root, name string) error {
	folder, err := root.Open(name)
	if err != nil {
		return err //nolint:wrapcheck // by the caller
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// read opens a file of this form. Its content are the first info.Size bytes.
func read(root *os.Root, name, key string) (*os.File, objects.Info, error) {
	from, err := root.Open(name)
	if err != nil {
		return nil, objects.Info{}, onDisk("open an object", err)
	}
	info, err := describe(from, key)
	if err != nil {
		_ = from.Close()
		return nil, objects.Info{}, onDisk("read what is known of an object", err)
	}
	return from, info, nil
}

var errDamaged = errors.New("the file is damaged")

func describe(from *os.File, key string) (objects.Info, error) {
	at, err := from.Stat()
	if err != nil {
		return objects.Info{}, err //nolint:wrapcheck // by the caller
	}
	footer := make([]byte, footerSize)
	if at.Size() < int64(footerSize) {
		return objects.Info{}, errDamaged
	}
	if _, err := from.ReadAt(footer, at.Size()-int64(footerSize)); err != nil {
		return objects.Info{}, err //nolint:wrapcheck // by the caller
	}
	length := int64(binary.BigEndian.Uint32(footer))
	size := at.Size() - int64(footerSize) - length
	if string(footer[4:]) != magic || length > maxDescription || size < 0 {
		return objects.Info{}, errDamaged
	}
	text := make([]byte, length)
	if _, err := from.ReadAt(text, size); err != nil {
		return objects.Info{}, err //nolint:wrapcheck // by the caller
	}
	var known description
	if err := json.Unmarshal(text, &known); err != nil || known.Size != size || len(known.SHA256) != 2*sha256.Size {
		return objects.Info{}, errDamaged
	}
	return known.info(key, at.ModTime()), nil
}

// onDisk gives the error of the contract for one of the disk: what is not there was not found; a disk that is full, read-only or broken may be
// mended.
func onDisk(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: %w", doing, objects.ErrNotFound)
	default:
		return fmt.Errorf("%s: %w: %w", doing, objects.ErrUnavailable, err)
	}
}
