package main

import (
	"bytes"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/ism-chat/ism/deploy/images/pins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stand is a registry that speaks the registries' protocol, a list of images in it, and a lock.
type stand struct {
	address    string
	behind     string // the registry's own address, for what is pushed
	list, lock string
	patience   time.Duration // with a registry
}

// newStand starts a registry behind what a test puts before it.
func newStand(t *testing.T, before func(registry http.Handler) http.Handler) stand {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(&bytes.Buffer{}, "", 0)))
	listen := func(handler http.Handler) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	folder := t.TempDir()
	s := stand{listen(before(handler)), listen(handler), filepath.Join(folder, "env.example"), filepath.Join(folder, "images.lock"), time.Minute}
	s.write(t, s.list, "# --- the images\nGATEWAY_PORT=5403\nPOSTGRES_IMAGE="+s.address+"/library/postgres:17\nKAFKA_IMAGE="+s.address+"/apache/kafka:4.1.1\nIMAGE_TAG=\n")
	return s
}

func plainly(registry http.Handler) http.Handler { return registry }

func (s stand) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s stand) locked(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.lock)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// push gives a tag to a new image for several platforms, and gives its digest.
func (s stand) push(t *testing.T, image string) string {
	t.Helper()
	index, err := random.Index(64, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(s.behind + "/" + image)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := remote.WriteIndex(tag, index, remote.WithTransport(transport)); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func (s stand) run(t *testing.T, command string) (code int, out string) {
	t.Helper()
	var text bytes.Buffer
	code = run(t.Context(), []string{"-list", s.list, "-lock", s.lock, command}, &text, &text, pins.Registries{Timeout: s.patience})
	return code, text.String()
}

func TestImagesArePinnedByWhatTheRegistryHas(t *testing.T) {
	t.Parallel()
	s := newStand(t, plainly)
	postgres, kafka := s.push(t, "library/postgres:17"), s.push(t, "apache/kafka:4.1.1")
	if code, out := s.run(t, "check"); code != differs || strings.Count(out, "not pinned before") != 2 {
		t.Errorf("before anything is pinned: %d, %s", code, out)
	}
	if code, out := s.run(t, "pin"); code != same {
		t.Fatalf("pin: %d, %s", code, out)
	}
	want := "POSTGRES_IMAGE=" + s.address + "/library/postgres:17@" + postgres + "\nKAFKA_IMAGE=" + s.address + "/apache/kafka:4.1.1@" + kafka + "\n"
	first := s.locked(t)
	if !strings.HasPrefix(first, "#") || !strings.HasSuffix(first, "\n"+want) {
		t.Errorf("the lock is\n%s, without\n%s", first, want)
	}
	if info, err := os.Stat(s.lock); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("who builds cannot read the lock: %v, %v", info.Mode(), err)
	}
	if code, out := s.run(t, "check"); code != same || strings.Count(out, "as pinned") != 2 {
		t.Errorf("once they are pinned: %d, %s", code, out)
	}

	moved := s.push(t, "library/postgres:17")
	code, out := s.run(t, "check")
	if code != differs || !strings.Contains(out, moved+"  moved from "+postgres) || strings.Count(out, "as pinned") != 1 || s.locked(t) != first {
		t.Errorf("once a tag has moved: %d, %s", code, out)
	}
	if code, out := s.run(t, "pin"); code != same || !strings.Contains(s.locked(t), moved) || strings.Contains(s.locked(t), postgres) {
		t.Errorf("pinned again: %d, %s", code, out)
	}

	s.push(t, "library/postgres:18")
	s.write(t, s.list, "POSTGRES_IMAGE="+s.address+"/library/postgres:18\n")
	if code, out := s.run(t, "check"); code != differs || !strings.Contains(out, "was "+s.address+"/library/postgres:17@") || !strings.Contains(out, "no longer in the list") {
		t.Errorf("another list: %d, %s", code, out)
	}
}

// Half a lock, or one of another day, is worse than none: without an answer for each image nothing is written.
func TestWithoutAnAnswerTheLockStaysAsItWas(t *testing.T) {
	t.Parallel()
	only := func(path string, answer http.HandlerFunc) func(http.Handler) http.Handler {
		return func(registry http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, path) {
					answer(w, r)
					return
				}
				registry.ServeHTTP(w, r)
			})
		}
	}
	refuse := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for what, before := range map[string]func(http.Handler) http.Handler{
		"there is no such tag":   only("/manifests/4.1.1", refuse(http.StatusNotFound)),
		"a login is needed":      only("/apache/kafka/", refuse(http.StatusUnauthorized)),
		"pulls are limited":      only("/manifests/4.1.1", refuse(http.StatusTooManyRequests)),
		"it never answers":       only("/manifests/4.1.1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"what answers is no one": only("/manifests/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) }),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, before)
			if what == "it never answers" {
				s.patience = time.Second
			}
			s.push(t, "library/postgres:17")
			s.push(t, "apache/kafka:4.1.1")
			lock := "POSTGRES_IMAGE=postgres:16@sha256:" + strings.Repeat("a", 64) + "\n"
			s.write(t, s.lock, lock)
			for _, command := range []string{"pin", "check"} {
				code, out := s.run(t, command)
				if code != unknown || !strings.Contains(out, "KAFKA_IMAGE "+s.address+"/apache/kafka:4.1.1: ask "+s.address) || !strings.Contains(out, "is as it was") {
					t.Errorf("%s: %d, %s", command, code, out)
				}
			}
			if s.locked(t) != lock {
				t.Errorf("the lock has become %s", s.locked(t))
			}
			if entries, err := os.ReadDir(filepath.Dir(s.lock)); err != nil || len(entries) != 2 {
				t.Errorf("something is left behind: %v, %v", entries, err)
			}
		})
	}
	t.Run("nobody is there", func(t *testing.T) {
		t.Parallel()
		s := newStand(t, plainly)
		s.write(t, s.list, "POSTGRES_IMAGE=127.0.0.1:1/postgres:17\n")
		if code, out := s.run(t, "pin"); code != unknown || !strings.Contains(out, "connection refused") || s.locked(t) != "" {
			t.Errorf("%d, %s", code, out)
		}
	})
}

// A registry that has no answer to HEAD is asked for the whole manifest.
func TestRegistriesWithoutHead(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/") {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			registry.ServeHTTP(w, r)
		})
	})
	postgres := s.push(t, "library/postgres:17")
	s.push(t, "apache/kafka:4.1.1")
	if code, out := s.run(t, "pin"); code != same || !strings.Contains(s.locked(t), "@"+postgres+"\n") {
		t.Errorf("%d, %s", code, out)
	}
}

func TestWhatCannotBePinned(t *testing.T) {
	t.Parallel()
	for list, says := range map[string]string{
		"POSTGRES_IMAGE=postgres\n": "no image with a tag",
		"POSTGRES_IMAGE=\n":         "no image with a tag",
		"POSTGRES_IMAGE=a:1@sha256:" + strings.Repeat("a", 64) + "\n":     "no image with a tag",
		"POSTGRES_IMAGE=UPPER CASE\n":                                     "no line such as",
		"# POSTGRES_IMAGE=postgres:17\nIMAGE_TAG=1\nGATEWAY_IMAGES=a:1\n": "no line such as",
	} {
		s := newStand(t, plainly)
		s.write(t, s.list, list)
		if code, out := s.run(t, "pin"); code != unknown || !strings.Contains(out, says) || s.locked(t) != "" {
			t.Errorf("%q: %d, %s", list, code, out)
		}
	}
	s := newStand(t, plainly)
	for _, lock := range []string{"POSTGRES_IMAGE=postgres:17\n", "POSTGRES_IMAGE=postgres:17@sha256:abc\n", "<<<<<<< HEAD\n"} {
		s.write(t, s.lock, lock)
		if code, out := s.run(t, "check"); code != unknown || !strings.Contains(out, "is no pin") {
			t.Errorf("the lock %q: %d, %s", lock, code, out)
		}
	}
	if code, out := s.run(t, "unpin"); code != unknown || !strings.Contains(out, "usage") {
		t.Errorf("%d, %s", code, out)
	}
}
