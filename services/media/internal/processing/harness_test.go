package processing_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/keys"
	"github.com/ism-chat/ism/services/media/internal/processing"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/objects/directory"
	"github.com/ism-chat/ism/services/media/store"
	"github.com/ism-chat/ism/services/media/store/sqlite"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var errAway = errors.New("the object store is away")

// faulty is a directory of objects of which a call can fail, and before which something can happen.
type faulty struct {
	objects.Store

	mu     sync.Mutex
	calls  []string
	fail   int                   // the number of the call that fails, from 1; 0: none
	before map[string]func()     // by the name of the call; once
	broken int64                 // reading ends after so many bytes; 0: it does not
	from   []int64               // where reading has begun
	can    *objects.Capabilities // instead of its own
	listed []objects.Unfinished  // instead of its own
	aborts []string
}

func (f *faulty) call(name string) error {
	f.mu.Lock()
	f.calls = append(f.calls, name)
	failing, do := len(f.calls) == f.fail, f.before[name]
	delete(f.before, name)
	f.mu.Unlock()
	if do != nil {
		do()
	}
	if failing {
		return errAway
	}
	return nil
}

func (f *faulty) Capabilities() objects.Capabilities {
	if f.can != nil {
		return *f.can
	}
	return f.Store.Capabilities()
}

func (f *faulty) Stat(ctx context.Context, key string) (objects.Info, error) {
	if err := f.call("stat"); err != nil {
		return objects.Info{}, err
	}
	return f.Store.Stat(ctx, key)
}

func (f *faulty) Open(ctx context.Context, key string, part objects.Range) (io.ReadCloser, objects.Info, error) {
	if err := f.call("open"); err != nil {
		return nil, objects.Info{}, err
	}
	f.from = append(f.from, part.Offset)
	content, info, err := f.Store.Open(ctx, key, part)
	if err != nil || f.broken == 0 {
		return content, info, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(content, f.broken), breaking{}), content}, info, nil
}

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, errAway }

func (f *faulty) Put(ctx context.Context, object objects.Upload, content io.Reader) (objects.Info, error) {
	if err := f.call("put"); err != nil {
		return objects.Info{}, err
	}
	return f.Store.Put(ctx, object, content)
}

func (f *faulty) Delete(ctx context.Context, of ...string) error {
	if err := f.call("delete"); err != nil {
		return err
	}
	return f.Store.Delete(ctx, of...)
}

func (f *faulty) AbortParts(ctx context.Context, key, id string) error {
	if err := f.call("abort"); err != nil {
		return err
	}
	f.aborts = append(f.aborts, id)
	return f.Store.AbortParts(ctx, key, id)
}

func (f *faulty) List(ctx context.Context, prefix, after string, limit int) ([]objects.Info, error) {
	if err := f.call("list"); err != nil {
		return nil, err
	}
	return f.Store.List(ctx, prefix, after, limit)
}

func (f *faulty) Unfinished(ctx context.Context, prefix, after string, limit int) ([]objects.Unfinished, error) {
	if err := f.call("unfinished"); err != nil {
		return nil, err
	}
	if f.listed != nil {
		return f.listed, nil
	}
	return f.Store.Unfinished(ctx, prefix, after, limit)
}

// scanner says what it is told to say, having read the file.
type scanner struct {
	says scan.Verdict
	err  error
	read []byte
}

func (s *scanner) Scan(ctx context.Context, file scan.File) (scan.Verdict, error) {
	content, err := file.Open(ctx)
	if err != nil {
		return scan.Verdict{}, err
	}
	defer content.Close()
	if s.read, err = io.ReadAll(content); err != nil {
		return scan.Verdict{}, err
	}
	if at, err := file.URL(ctx); err != nil || !strings.Contains(at, keys.Original(file.Room, file.Medium)) {
		return scan.Verdict{}, errors.New("it is nowhere")
	}
	return s.says, s.err
}

// requeued is a store that remembers for which media jobs were asked.
type requeued struct {
	*store.Store

	ids  []uuid.UUID
	fail bool
}

func (r *requeued) Requeue(ctx context.Context, ids []uuid.UUID) error {
	r.ids = append(r.ids, ids...)
	return r.Store.Requeue(ctx, ids)
}

func (r *requeued) Expired(ctx context.Context, now time.Time, limit int) (int, error) {
	if r.fail {
		return 0, store.ErrUnavailable
	}
	return r.Store.Expired(ctx, now, limit)
}

// fixture is a worker on real stores, with a clock of its own.
type fixture struct {
	*processing.Worker

	t       *testing.T
	media   *requeued
	objects *faulty
	deps    processing.Deps
	mu      sync.Mutex
	now     time.Time
}

func newFixture(t *testing.T, change ...func(deps *processing.Deps)) *fixture {
	t.Helper()
	tel := telemetry.Discard(nil)
	rows, err := sqlite.New(sqlite.Config{Path: filepath.Join(t.TempDir(), "media.db")}, tel)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := directory.New(directory.Config{Path: t.TempDir(), PublicURL: "http://media.example"}, tel)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := images.NewPool(images.DefaultPool(), images.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Run(t, "store", rows.Run)
	servicetest.Run(t, "objects", kept.Run)
	f := &fixture{t: t, objects: &faulty{Store: kept, before: map[string]func(){}}, now: time.Now()}
	f.media = &requeued{Store: store.New(rows, tel, f.clock)}
	servicetest.AwaitSuccess(t, "the stores", func() error { return errors.Join(rows.Ping(t.Context()), kept.Ready(t.Context())) })
	f.deps = processing.Deps{Media: f.media, Objects: f.objects, Pictures: pool, Telemetry: tel, Now: f.clock, UploadTTL: 24 * time.Hour, OrphansAfter: 24 * time.Hour}
	for _, do := range change {
		do(&f.deps)
	}
	f.Worker = processing.New(f.deps)
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) wait(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// measured is the value of a metric without labels.
func (f *fixture) measured(name string) float64 {
	f.t.Helper()
	families, err := f.deps.Telemetry.Metrics.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	f.t.Fatalf("there is no %s", name)
	return 0
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	pixels := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width {
		pixels.Set(i, i%height, color.RGBA{R: uint8(i), A: 255})
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, pixels, nil); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func (f *fixture) put(key string, content []byte) {
	f.t.Helper()
	upload := objects.Upload{Key: key, Type: "application/octet-stream", Size: int64(len(content))}
	if _, err := f.objects.Store.Put(f.t.Context(), upload, bytes.NewReader(content)); err != nil {
		f.t.Fatal(err)
	}
}

// uploaded is a medium whose object is there.
func (f *fixture) uploaded(kind string, content []byte, change ...func(m *store.Media)) store.Media {
	f.t.Helper()
	sum := sha256.Sum256(content)
	m := store.Media{
		ID: uuid.New(), Room: uuid.New(), Uploader: uuid.New(), Purpose: store.PurposeMessage, FileName: "a", MimeType: kind, Size: int64(len(content)),
		SHA256: sum[:], ExpiresAt: f.clock().Add(24 * time.Hour),
	}
	for _, do := range change {
		do(&m)
	}
	f.put(keys.Original(m.Room, m.ID), content)
	return f.completed(m)
}

func (f *fixture) created(m store.Media) store.Media {
	f.t.Helper()
	created, _, err := f.media.Create(f.t.Context(), m, store.Quotas{})
	if err != nil {
		f.t.Fatal(err)
	}
	return created
}

func (f *fixture) completed(m store.Media) store.Media {
	f.t.Helper()
	f.created(m)
	completed, err := f.media.Complete(f.t.Context(), m.ID, store.Facts{Size: m.Size, SHA256: m.SHA256, Type: m.MimeType})
	if err != nil {
		f.t.Fatal(err)
	}
	return completed
}

func job(m store.Media) store.Job { return store.Job{Medium: m.ID, Attempt: 1} }

func (f *fixture) is(m store.Media) store.Media {
	f.t.Helper()
	found, err := f.media.ByID(f.t.Context(), m.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

// has are the names of the objects of a medium.
func (f *fixture) has(m store.Media) (names []string) {
	f.t.Helper()
	found, err := f.objects.Store.List(f.t.Context(), m.Room.String()+"/"+m.ID.String()+"/", "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, object := range found {
		names = append(names, object.Key[strings.LastIndexByte(object.Key, '/')+1:])
	}
	return names
}

func (f *fixture) hasExactly(when string, m store.Media, want ...string) {
	f.t.Helper()
	if names := f.has(m); !slices.Equal(names, want) {
		f.t.Errorf("%s there are the objects %v, want %v", when, names, want)
	}
}

func (f *fixture) process(m store.Media) store.Media {
	f.t.Helper()
	if err := f.Process(f.t.Context(), job(m)); err != nil {
		f.t.Fatalf("process: %v", err)
	}
	return f.is(m)
}

func (f *fixture) stays(m store.Media, err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) {
		f.t.Errorf("it ends with %v, want %v", err, want)
	}
	if state := f.is(m).State; state != wire.MediaUploaded {
		f.t.Errorf("it is %s", state)
	}
}
