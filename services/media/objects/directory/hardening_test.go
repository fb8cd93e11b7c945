package directory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/objects"
)

func newKey(name string) string { return uuid.NewString() + "/" + uuid.NewString() + "/" + name }

func put(t *testing.T, s *Store, key, content string) objects.Info {
	t.Helper()
	info, err := s.Put(t.Context(), objects.Upload{Key: key, Type: "image/png", Size: int64(len(content))}, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func status(t *testing.T, method, at string, header http.Header, body io.Reader) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, at, body)
	if err != nil {
		t.Fatal(err)
	}
	for name := range header {
		request.Header.Set(name, header.Get(name))
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// formBody is a form as a browser sends it.
func formBody(t *testing.T, form objects.Form, content string) (body []byte, kind string) {
	t.Helper()
	var into bytes.Buffer
	writer := multipart.NewWriter(&into)
	for name, value := range form.Fields {
		_ = writer.WriteField(name, value)
	}
	file, _ := writer.CreateFormFile("file", "a")
	_, _ = io.WriteString(file, content)
	_ = writer.Close()
	return into.Bytes(), writer.FormDataContentType()
}

func temporaries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(dir, temporary))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestTheSigningKeyIsMadeOnceAndNobodyElseReadsIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	first := serve(t, dir, "*")
	key := newKey("original")
	put(t, first, key, "content")
	at, err := first.PresignGet(t.Context(), key, objects.Download{Type: "image/png"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{keyFile: 0o600, ".": 0o700, nameOf(key): 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, temporary, "left"), []byte("by a process that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := serve(t, dir, "*")
	_, query, _ := strings.Cut(at, "?")
	if got := status(t, http.MethodGet, second.public.JoinPath(key).String()+"?"+query, nil, nil); got.StatusCode != http.StatusOK {
		t.Errorf("after a restart what was signed before is answered with %d", got.StatusCode)
	}
	if left := temporaries(t, dir); len(left) > 0 {
		t.Errorf("left is %v", left)
	}
	other := serve(t, t.TempDir(), "*")
	put(t, other, key, "content")
	if got := status(t, http.MethodGet, other.public.JoinPath(key).String()+"?"+query, nil, nil); got.StatusCode != http.StatusForbidden {
		t.Errorf("what another store has signed is answered with %d", got.StatusCode)
	}
}

func TestADirectoryThatCannotBeUsedIsNotReadyAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := New(Config{Path: dir, PublicURL: "http://localhost"}, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), newKey("original")); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("before it runs it says %v", err)
	}
	stop := servicetest.Run(t, "directory", store.Run)
	servicetest.Await(t, "it says what is wrong", func() bool {
		err := store.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), keyFile)
	})
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	servicetest.AwaitSuccess(t, "it is ready", func() error { return store.Ready(t.Context()) })
	stop()
	if err := store.Ready(t.Context()); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("after its end it says %v", err)
	}
}

// fullDisk takes some bytes, and then none.
type fullDisk struct{ left int }

func (f *fullDisk) Write(from []byte) (int, error) {
	if len(from) > f.left {
		return f.left, syscall.ENOSPC
	}
	f.left -= len(from)
	return len(from), nil
}
func (f *fullDisk) Sync() error  { return nil }
func (f *fullDisk) Close() error { return nil }

func TestAFullDiskIsUnavailableAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "*")
	key := newKey("upload")
	put(t, s, key, "before")
	upload := objects.Upload{Key: key, Type: "image/png", Size: 100}
	form, err := s.PresignForm(t.Context(), upload, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 10, 100} { // in the content, and in what is known of it
		s.create = func(root *os.Root, name string) (file, error) {
			real, err := create(root, name)
			if err != nil {
				return nil, err
			}
			real.Close()
			return &fullDisk{left}, nil
		}
		if _, err := s.Put(t.Context(), upload, strings.NewReader(strings.Repeat("x", 100))); !errors.Is(err, objects.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("it is told as %v", err)
		}
		body, kind := formBody(t, form, strings.Repeat("x", 100))
		got := status(t, http.MethodPost, form.URL, http.Header{"Content-Type": {kind}}, bytes.NewReader(body))
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("a form is answered with %d %v", got.StatusCode, got.Header)
		}
		if left := temporaries(t, dir); len(left) > 0 {
			t.Errorf("left is %v", left)
		}
	}
	if info, err := s.Stat(t.Context(), key); err != nil || info.Size != 6 {
		t.Errorf("what was there is %+v, %v", info, err)
	}
}

func TestWhatIsDamagedIsNotGivenOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "*")
	key := newKey("original")
	put(t, s, key, "content")
	name := filepath.Join(dir, nameOf(key))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{nil, whole[:5], whole[:len(whole)-1], whole[1:], []byte(strings.Repeat("\xff", 50)), bytes.Replace(whole, []byte("{"), []byte("["), 1)} {
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, objects.ErrUnavailable) {
			t.Errorf("%q is told as %v", damaged, err)
		}
	}
}

func TestNothingOutsideIsReachedByALink(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	s := serve(t, dir, "*")
	key := newKey("original")
	room, _, _ := strings.Cut(key, "/")
	if err := os.Symlink(outside, filepath.Join(dir, objectsFolder, room)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), objects.Upload{Key: key, Type: "image/png", Size: 1}, strings.NewReader("x")); err == nil {
		t.Error("it was written outside")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("outside there is %v", left)
	}
}

func TestOnlyPagesOfTheOriginsAreAllowed(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "https://app.example.com")
	key := newKey("original")
	put(t, s, key, "content")
	at, err := s.PresignGet(t.Context(), key, objects.Download{Type: "image/png"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for origin, allowed := range map[string]string{
		"https://app.example.com": "https://app.example.com", "https://evil.example": "", "https://app.example.com.evil.example": "", "null": "", "": "",
	} {
		header := http.Header{"Access-Control-Request-Method": {http.MethodPost}}
		if origin != "" {
			header.Set("Origin", origin)
		}
		question := status(t, http.MethodOptions, s.public.String()+"/", header, nil)
		if (question.StatusCode == http.StatusOK) != (allowed != "") || question.Header.Get("Access-Control-Allow-Origin") != allowed {
			t.Errorf("%q: the browser's question is answered with %d %v", origin, question.StatusCode, question.Header)
		}
		got := status(t, http.MethodGet, at, header, nil)
		if got.Header.Get("Access-Control-Allow-Origin") != allowed || got.Header.Get("Vary") != "Origin" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: a download has %v", origin, got.Header)
		}
	}
	header := http.Header{"Origin": {"https://app.example.com"}, "Access-Control-Request-Method": {http.MethodDelete}}
	if got := status(t, http.MethodOptions, s.public.String()+"/", header, nil); got.StatusCode != http.StatusForbidden {
		t.Errorf("DELETE is answered with %d", got.StatusCode)
	}
}

func TestFormsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "*")
	upload := objects.Upload{Key: newKey("upload"), Type: "image/png", Size: 7}
	form, err := s.PresignForm(t.Context(), upload, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	good, kind := formBody(t, form, "content")
	many := objects.Form{Fields: map[string]string{}}
	for range 100 {
		many.Fields[uuid.NewString()] = "x"
	}
	crowded, crowdedKind := formBody(t, many, "content")
	long, longKind := formBody(t, objects.Form{Fields: map[string]string{"policy": strings.Repeat("x", maxFieldSize+1)}}, "content")
	twice := bytes.Replace(good, []byte(`name="key"`), []byte(`name="policy"`), 1)
	for name, test := range map[string]struct {
		kind string
		body []byte
	}{
		"empty":            {kind, nil},
		"cut in the file":  {kind, good[:len(good)-70]},
		"cut in a field":   {kind, good[:200]},
		"no boundary":      {"multipart/form-data", good},
		"not a form":       {"application/json", []byte("{}")},
		"no type":          {"", good},
		"many fields":      {crowdedKind, crowded},
		"a field too long": {longKind, long},
		"a field twice":    {kind, twice},
		"much behind it":   {kind, append(good[:len(good):len(good)], bytes.Repeat([]byte("x"), 200_000)...)},
	} {
		got := status(t, http.MethodPost, form.URL, http.Header{"Content-Type": {test.kind}}, bytes.NewReader(test.body))
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: it is answered with %d", name, got.StatusCode)
		}
	}
	// A body of unknown length: S3 takes none either.
	got := status(t, http.MethodPost, form.URL, http.Header{"Content-Type": {kind}}, io.MultiReader(bytes.NewReader(good)))
	if got.StatusCode != http.StatusLengthRequired {
		t.Errorf("one without a length is answered with %d", got.StatusCode)
	}
	if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("the object is told as %v", err)
	}
	servicetest.Await(t, "nothing is left", func() bool { return len(temporaries(t, dir)) == 0 })
}

func TestUploadsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "*")
	for range cap(s.slots) {
		s.slots <- struct{}{}
	}
	upload := objects.Upload{Key: newKey("upload"), Type: "image/png", Size: 7}
	form, err := s.PresignForm(t.Context(), upload, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	send := func() *http.Response {
		body, kind := formBody(t, form, "content")
		return status(t, http.MethodPost, form.URL, http.Header{"Content-Type": {kind}}, bytes.NewReader(body))
	}
	if got := send(); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("one more is answered with %d %v", got.StatusCode, got.Header)
	}
	<-s.slots
	if got := send(); got.StatusCode != http.StatusNoContent {
		t.Errorf("when one has ended it is answered with %d", got.StatusCode)
	}
}

func TestAnUploadThatIsBrokenOffLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "*")
	upload := objects.Upload{Key: newKey("upload"), Type: "image/png", Size: 1 << 20}
	form, err := s.PresignForm(t.Context(), upload, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	body, kind := formBody(t, form, strings.Repeat("x", 1<<20))
	connection, err := net.Dial("tcp", s.public.Host)
	if err != nil {
		t.Fatal(err)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, form.URL, nil)
	head := "POST " + request.URL.Path + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind + "\r\nContent-Length: 1050000\r\n\r\n"
	if _, err := connection.Write(append([]byte(head), body[:200_000]...)); err != nil {
		t.Fatal(err)
	}
	servicetest.Await(t, "it is being written", func() bool { return len(temporaries(t, dir)) == 1 })
	connection.Close()
	servicetest.Await(t, "nothing is left", func() bool { return len(temporaries(t, dir)) == 0 && len(s.slots) == 0 })
	if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("the object is told as %v", err)
	}
}

// Deleting takes the empty folders away under those who are putting.
func TestPutAndDeleteAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "*")
	medium := newKey("")
	var running sync.WaitGroup
	for _, name := range []string{"original", "256.jpg", "1024.jpg"} {
		running.Go(func() {
			for range 30 {
				put(t, s, medium+name, "content")
				if err := s.Delete(t.Context(), medium+name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if left, err := s.List(t.Context(), "", "", 10); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestTheServerEndsWithWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "*")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := NewServer(address, s).Run(t.Context()); err == nil {
		t.Error("an address that is taken is none that it says")
	}
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewServer(address, s).Run(ctx) }()
	servicetest.Await(t, "it answers", func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}
