// Package directory keeps media in a directory of the local disk, for one process alone, behind signed requests of our own that clients use as
// they use those of S3: the same forms, parts and downloads, the same answers, S3's errors in XML.
//
//	signing.key                 what requests are signed with, made at first start
//	objects/ROOM/MEDIUM/NAME    an object: its content, and behind it what is known of it, see file.go
//	uploads/ID/                 an upload in parts: what it becomes, and its parts
//	tmp/                        what is being written; emptied at start
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/objects"
)

const (
	objectsFolder = "objects"
	uploadsFolder = "uploads"
	temporary     = "tmp"
	keyFile       = "signing.key"
	keySize       = 32
)

// Config says where the directory is, and where its server.
type Config struct {
	Path        string   `envconfig:"PATH" desc:"directory of the media"`
	PublicURL   string   `envconfig:"PUBLIC_URL" default:"http://localhost:5404" desc:"where browsers reach the server of media, which signed addresses carry; it may have a path"`
	CORSOrigins []string `envconfig:"CORS_ORIGINS" default:"*" desc:"origins whose pages may upload and download, comma-separated, or *; who has no signed address gets nothing, whatever the origin"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	if at, err := url.Parse(c.PublicURL); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") || at.RawQuery != "" || at.Fragment != "" {
		return []config.Fault{{Variable: "PUBLIC_URL", Problem: "is no address; allowed: http or https, a host, and a path"}}
	}
	return nil
}

// Store is a directory of media. Its methods are safe for concurrent use. One process at a time may use a directory.
type Store struct {
	cfg     Config
	public  *url.URL // without a slash at its end
	log     *slog.Logger
	metrics *telemetry.StoreMetrics
	now     func() time.Time
	create  func(root *os.Root, name string) (file, error)
	there   atomic.Pointer[opened]
	lacks   atomic.Pointer[error] // what keeps it from being ready, while something does
	locks   [64]sync.RWMutex      // of objects and uploads, by their names, see lock
	slots   chan struct{}         // of uploads under way
}

// opened is the directory while it can be used.
type opened struct {
	root *os.Root // nothing outside of it is reached, by whatever name
	key  []byte
}

var _ objects.Store = (*Store)(nil)

var errNotYet = fmt.Errorf("%w: the directory has not been opened yet", objects.ErrUnavailable)

// New makes the store. It opens nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Store, error) {
	public, err := url.Parse(strings.TrimSuffix(cfg.PublicURL, "/"))
	if err != nil {
		return nil, fmt.Errorf("parse the public address of media: %w", err)
	}
	s := &Store{
		cfg: cfg, public: public, log: tel.Log, now: time.Now, create: create, slots: make(chan struct{}, maxUploads),
		metrics: tel.Store("media", objects.ErrNotFound, objects.ErrMismatch, objects.ErrInvalid),
	}
	s.lacks.Store(&errNotYet)
	return s, nil
}

// Run opens the directory, making it if it is not there, and closes it when ctx is done.
func (s *Store) Run(ctx context.Context) error {
	err := retry.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, s.open, func(err error, _ time.Duration) {
		s.lacks.Store(&err)
		s.log.WarnContext(ctx, "the directory of media cannot be used yet; trying again", "path", s.cfg.Path, "error", err.Error())
	})
	if err != nil {
		return nil //nolint:nilerr // it was told to end
	}
	s.lacks.Store(nil)
	<-ctx.Done()
	s.lacks.Store(&errNotYet)
	return s.there.Swap(nil).root.Close() //nolint:wrapcheck // names the directory
}

func (s *Store) open(context.Context) error {
	if err := os.MkdirAll(s.cfg.Path, 0o700); err != nil {
		return fmt.Errorf("make the directory of media: %w", err)
	}
	root, err := os.OpenRoot(s.cfg.Path)
	if err != nil {
		return fmt.Errorf("open the directory of media: %w", err)
	}
	key, err := prepare(root)
	if err != nil {
		_ = root.Close()
		return err
	}
	s.there.Store(&opened{root, key})
	return nil
}

// prepare makes the folders, throws away what was being written when the last process ended, and gives the signing key.
func prepare(root *os.Root) ([]byte, error) {
	if err := root.RemoveAll(temporary); err != nil {
		return nil, fmt.Errorf("empty the folder of what is being written: %w", err)
	}
	for _, folder := range []string{objectsFolder, uploadsFolder, temporary} {
		if err := root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make a folder of media: %w", err)
		}
	}
	key, err := root.ReadFile(keyFile)
	switch {
	case err == nil && len(key) == keySize:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("%s has %d bytes instead of %d: delete it, and a new one is made; what was signed with it is refused then", keyFile, len(key), keySize)
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	key = make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails
	if err := writeKey(root, key); err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	return key, nil
}

func writeKey(root *os.Root, key []byte) error {
	name := path.Join(temporary, keyFile)
	into, err := create(root, name)
	if err != nil {
		return err
	}
	_, err = into.Write(key)
	if err := errors.Join(err, into.Sync(), into.Close()); err != nil {
		return err
	}
	if err := root.Rename(name, keyFile); err != nil {
		return err //nolint:wrapcheck // by the caller
	}
	return syncFolder(root, ".")
}

// Ready implements [objects.Store].
func (s *Store) Ready(context.Context) error {
	if lacks := s.lacks.Load(); lacks != nil {
		return *lacks
	}
	at, err := s.opened()
	if err != nil {
		return err
	}
	if _, err := at.root.Stat(objectsFolder); err != nil {
		return fmt.Errorf("look for the directory of media: %w: %w", objects.ErrUnavailable, err)
	}
	return nil
}

// Capabilities implements [objects.Store].
func (s *Store) Capabilities() objects.Capabilities {
	if s.there.Load() == nil {
		return objects.Capabilities{}
	}
	return objects.Capabilities{FormLimits: true, FormChecksum: true, PartSize: true, PartChecksum: true, CORS: true, ListsUploads: true}
}

func (s *Store) opened() (*opened, error) {
	at := s.there.Load()
	if at == nil {
		return nil, errNotYet
	}
	return at, nil
}

// lock is that of an object or an upload. Several may share one.
func (s *Store) lock(name string) *sync.RWMutex {
	hash := uint32(2166136261) // FNV-1a
	for _, c := range []byte(name) {
		hash = (hash ^ uint32(c)) * 16777619
	}
	return &s.locks[hash%uint32(len(s.locks))]
}

// whileOpen gives up reading once ctx is done.
func whileOpen(ctx context.Context, content io.Reader) io.Reader { return &bounded{ctx, content} }

type bounded struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one call
	content io.Reader
}

// Read implements [io.Reader].
func (b *bounded) Read(into []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err //nolint:wrapcheck // the caller's
	}
	return b.content.Read(into) //nolint:wrapcheck // the content's own
}
