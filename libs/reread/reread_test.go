package reread_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/reread"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASecretIsWhatItsFileSaysByNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		short := func(secret config.Secret) error {
			if len(secret) < 3 {
				return errors.New("it is too short")
			}
			return nil
		}
		put(t, path, "first\n")
		value := reread.Secret("the secret of the door", "started", config.SecretFile(path), short, slog.New(slog.NewTextHandler(&log, nil)))
		expect := func(want string) {
			t.Helper()
			if got := value.Now().Reveal(); got != want {
				t.Errorf("it is %q, want %q", got, want)
			}
		}
		expect("first")
		put(t, path, "second")
		expect("first") // believed for a second
		time.Sleep(time.Second)
		expect("second")
		for _, unusable := range []func(){func() { put(t, path, "") }, func() { put(t, path, "x") }, func() { _ = os.Remove(path) }} {
			unusable()
			for range 3 {
				time.Sleep(time.Second)
				expect("second")
			}
		}
		if lines := strings.Count(log.String(), "the secret of the door cannot be read again"); lines != 3 || !strings.Contains(log.String(), "it is too short") {
			t.Errorf("the log tells of %d faults, want 3:\n%s", lines, log.String())
		}
		if strings.Contains(log.String(), path) || strings.Contains(log.String(), "second") {
			t.Errorf("the log tells a secret or where it is:\n%s", log.String())
		}
		put(t, path, "third")
		time.Sleep(time.Second)
		expect("third")
	})
}

// Kubernetes leads ..data, through which the names of a volume's files lead, to another folder.
func TestALinkThatLeadsElsewhereCounts(t *testing.T) {
	folder := t.TempDir()
	link := func(to string) {
		if err := os.Mkdir(filepath.Join(folder, to), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(folder, to, "secret"), to)
		if err := errors.Join(os.Symlink(to, filepath.Join(folder, "..new")), os.Rename(filepath.Join(folder, "..new"), filepath.Join(folder, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	link("monday")
	if err := os.Symlink("..data/secret", filepath.Join(folder, "secret")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		value := reread.Secret("the secret", "", config.SecretFile(filepath.Join(folder, "secret")), nil, slog.New(slog.DiscardHandler))
		monday := value.Now().Reveal()
		link("tuesday")
		time.Sleep(time.Second)
		if tuesday := value.Now().Reveal(); monday != "monday" || tuesday != "tuesday" {
			t.Errorf("it was %q, and is %q", monday, tuesday)
		}
	})
}

func TestWithoutAFileASecretStays(t *testing.T) {
	value := reread.Secret("the secret", "given", "", func(config.Secret) error { return errors.New("not asked") }, slog.New(slog.DiscardHandler))
	if got := value.Now().Reveal(); got != "given" {
		t.Errorf("it is %q", got)
	}
}
