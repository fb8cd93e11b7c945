package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ism-chat/ism/services/media/objects"
)

func nameOf(key string) string { return path.Join(objectsFolder, key) }

// Stat implements [objects.Store].
func (s *Store) Stat(_ context.Context, key string) (info objects.Info, err error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("stat")(&err)
	at, err := s.opened()
	if err != nil {
		return objects.Info{}, err
	}
	return stat(at.root, nameOf(key), key)
}

func stat(root *os.Root, name, key string) (objects.Info, error) {
	from, info, err := read(root, name, key)
	if err != nil {
		return objects.Info{}, err
	}
	return info, from.Close() //nolint:wrapcheck // nothing to add
}

// Open implements [objects.Store].
func (s *Store) Open(ctx context.Context, key string, part objects.Range) (content io.ReadCloser, info objects.Info, err error) {
	if err := errors.Join(objects.CheckKey(key), part.Check()); err != nil {
		return nil, objects.Info{}, err
	}
	defer s.metrics.Observe("open")(&err)
	at, err := s.opened()
	if err != nil {
		return nil, objects.Info{}, err
	}
	from, info, err := read(at.root, nameOf(key), key)
	if err != nil {
		return nil, objects.Info{}, err
	}
	length := max(0, info.Size-part.Offset)
	if part.Length > 0 {
		length = min(length, part.Length)
	}
	ctx, cancel := context.WithTimeout(ctx, objects.ReadLimit(length))
	return &reading{whileOpen(ctx, io.NewSectionReader(from, part.Offset, length)), from, cancel}, info, nil
}

type reading struct {
	content io.Reader
	from    *os.File
	cancel  context.CancelFunc
}

// Read implements [io.Reader].
func (r *reading) Read(into []byte) (int, error) {
	n, err := r.content.Read(into)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		err = onDisk("read an object", err)
	}
	return n, err //nolint:wrapcheck // io.EOF as it is
}

// Close implements [io.Closer].
func (r *reading) Close() error {
	r.cancel()
	return r.from.Close() //nolint:wrapcheck // nothing to add
}

// Put implements [objects.Store].
func (s *Store) Put(ctx context.Context, object objects.Upload, content io.Reader) (info objects.Info, err error) {
	if err := object.Check(); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("put")(&err)
	ctx, cancel := context.WithTimeout(ctx, objects.ReadLimit(object.Size))
	defer cancel()
	return s.put(ctx, object, content)
}

func (s *Store) put(ctx context.Context, object objects.Upload, content io.Reader) (objects.Info, error) {
	at, err := s.opened()
	if err != nil {
		return objects.Info{}, err
	}
	w, err := s.write(ctx, at.root, object, content)
	if err != nil {
		return objects.Info{}, err
	}
	lock := s.lock(object.Key)
	lock.Lock()
	defer lock.Unlock()
	return w.info, s.moveIn(at.root, w, nameOf(object.Key))
}

// Seal implements [objects.Store]. The file is renamed.
func (s *Store) Seal(ctx context.Context, from, to, etag string) (info objects.Info, err error) {
	if err := errors.Join(objects.CheckKey(from), objects.CheckKey(to)); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("seal")(&err)
	at, err := s.opened()
	if err != nil {
		return objects.Info{}, err
	}
	lock := s.lock(from) // an upload to the key waits
	lock.Lock()
	defer lock.Unlock()
	found, err := stat(at.root, nameOf(from), from)
	if errors.Is(err, objects.ErrNotFound) {
		return s.Stat(ctx, to) // it was sealed before
	}
	if err != nil {
		return objects.Info{}, err
	}
	if found.ETag != etag {
		return objects.Info{}, fmt.Errorf("%w: its ETag is another one", objects.ErrMismatch)
	}
	if err := moveTo(at.root, nameOf(from), nameOf(to)); err != nil {
		return objects.Info{}, onDisk("seal an object", err)
	}
	removeFolders(at.root, from)
	found.Key = to
	return found, nil
}

// Delete implements [objects.Store].
func (s *Store) Delete(ctx context.Context, keys ...string) (err error) {
	for _, key := range keys {
		if err := objects.CheckKey(key); err != nil {
			return err
		}
	}
	defer s.metrics.Observe("delete")(&err)
	at, err := s.opened()
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := errors.Join(ctx.Err(), s.deleteOne(at.root, key)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteOne(root *os.Root, key string) error {
	lock := s.lock(key)
	lock.Lock()
	defer lock.Unlock()
	if err := root.Remove(nameOf(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return onDisk("delete an object", err)
	}
	removeFolders(root, key)
	return nil
}

// removeFolders removes the folders of a key that are empty.
func removeFolders(root *os.Root, key string) {
	for folder := path.Dir(nameOf(key)); folder != objectsFolder; folder = path.Dir(folder) {
		if root.Remove(folder) != nil {
			return // something is in it
		}
	}
}

// List implements [objects.Store]. UUIDs have one length, so folder by folder is the order of keys.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (all []objects.Info, err error) {
	if err := objects.CheckListing(limit); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("list")(&err)
	at, err := s.opened()
	if err != nil {
		return nil, err
	}
	l := listing{ctx, at.root, prefix, after, limit, nil}
	if err := l.folder("", 0); err != nil {
		return nil, err
	}
	return l.found, nil
}

type listing struct {
	ctx           context.Context //nolint:containedctx // it lives as long as one call
	root          *os.Root
	prefix, after string
	limit         int
	found         []objects.Info
}

// folder adds what is in a folder so many levels below the top.
func (l *listing) folder(of string, level int) error {
	names, err := namesIn(l.root, path.Join(objectsFolder, of))
	if err != nil {
		return err
	}
	for _, name := range names {
		key := path.Join(of, name)
		if len(l.found) == l.limit {
			return nil
		}
		if err := l.ctx.Err(); err != nil {
			return err //nolint:wrapcheck // the caller's
		}
		if level < 2 {
			if begins := key + "/"; agree(begins, l.prefix) && (begins > l.after || strings.HasPrefix(l.after, begins)) {
				err = l.folder(key, level+1)
			}
		} else if strings.HasPrefix(key, l.prefix) && key > l.after && objects.CheckKey(key) == nil {
			err = l.object(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) object(key string) error {
	info, err := stat(l.root, nameOf(key), key)
	if errors.Is(err, objects.ErrNotFound) {
		return nil // deleted meanwhile
	}
	l.found = append(l.found, objects.Info{Key: key, Size: info.Size, Modified: info.Modified})
	return err
}

// agree reports whether a key can begin with both.
func agree(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// namesIn are the names in a folder, in their order; none where it is not there.
func namesIn(root *os.Root, name string) ([]string, error) {
	folder, err := root.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, onDisk("list a folder", err)
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return nil, onDisk("list a folder", err)
	}
	slices.Sort(names)
	return names, nil
}
