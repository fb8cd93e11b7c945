package oneprocess

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

// loose makes files that others may read and write, in folders that they may, too.
func loose(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for at := path; at != dir; at = filepath.Dir(at) {
			mode := fs.FileMode(0o666)
			if at != path {
				mode = 0o777
			}
			if err := os.Chmod(at, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// modes are those of all that is in a directory, and of itself.
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[name] = about.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhatAVersionBeforeHasLeftOpenIsClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loose(t, dir, "lock", "rooms.db", "rooms.db-wal", "rooms.db-shm", "messages.db", "notifications.db-journal", "media.db",
		"log/topics.json", "log/partitions/ism.rooms-0/0.dat", "identity/development-signing-key.pem", "media/.key", "media/a/b")
	var log servicetest.Log
	if err := closeToOthers(dir, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	for name, mode := range modes(t, dir) {
		if mode != 0o600 && mode != 0o700 {
			t.Errorf("%s has mode %04o", name, mode)
		}
	}
	if log.String() != "" {
		t.Errorf("logged %s", log.String())
	}
}

// Whoever has put other things there, or the data directory where they were, keeps them as they are.
func TestWhatIsOfOthersIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	loose(t, dir, "rooms.db", "photos/cat.png", "rooms.database", "log/topics.json")
	loose(t, elsewhere, "a/b")
	for _, link := range [][2]string{{elsewhere, "media"}, {filepath.Join(dir, "photos"), "log/link"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	var log servicetest.Log
	if err := closeToOthers(dir, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	got := modes(t, dir)
	for name, want := range map[string]fs.FileMode{
		".": 0o755, "rooms.db": 0o600, "rooms.database": 0o666, "photos": 0o777, "photos/cat.png": 0o666, "log": 0o700, "log/topics.json": 0o600,
	} {
		if got[name] != want {
			t.Errorf("%s has mode %04o, want %04o", name, got[name], want)
		}
	}
	if there := modes(t, elsewhere); there["a"] != 0o700 || there["a/b"] != 0o600 {
		t.Errorf("media on another disk: %v", there)
	}
	if !strings.Contains(log.String(), "0755") {
		t.Errorf("nobody is told that the directory is open: %q", log.String())
	}
}
