package oneprocess

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// others are the permissions of whoever is not the process's own user.
const others = 0o077

// private makes whatever the process writes from now on its user's alone, whoever opens the file: the broker and SQLite ask for more. A process has one umask.
func private() { syscall.Umask(others) }

// closeToOthers takes from others what they may do with files that are there already: of a version before, or from a backup. What is not ours is left
// alone, as whoever says ISM_DATA_DIR=$HOME has other things there.
func closeToOthers(dir string, log *slog.Logger) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list the data directory: %w", err)
	}
	shared := false
	for _, entry := range found {
		if !ours(entry.Name()) {
			shared = shared || entry.Name() != "lost+found" // of the file system's own
			continue
		}
		path, err := filepath.EvalSymlinks(filepath.Join(dir, entry.Name())) // a folder may be on another disk
		if err != nil {
			return fmt.Errorf("look at the data directory: %w", err)
		}
		if err := filepath.WalkDir(path, closeOne); err != nil {
			return fmt.Errorf("make the data directory private: %w", err)
		}
	}
	return closeDirectory(dir, shared, log)
}

// closeDirectory closes the data directory itself, if it has nothing but ours. Else it warns: its files are closed all the same.
func closeDirectory(dir string, shared bool, log *slog.Logger) error {
	about, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	if about.Mode().Perm()&others == 0 {
		return nil
	}
	if !shared {
		err = os.Chmod(dir, about.Mode()&^others)
		if err == nil {
			return nil
		}
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("make the data directory private: %w", err)
	}
	log.Warn("others can list the data directory: give the messenger one of its own, with mode 0700", "directory", dir, "mode", fmt.Sprintf("%04o", about.Mode().Perm()))
	return nil
}

// ours reports whether an entry of the data directory is the messenger's.
func ours(name string) bool {
	if slices.Contains([]string{lockFile, logDir, identityDir, mediaDir}, name) {
		return true
	}
	for _, database := range []string{roomsDB, messagesDB, notificationsDB, mediaDB} {
		if name == database || strings.HasPrefix(name, database+"-") { // -wal, -shm, -journal
			return true
		}
	}
	return false
}

// closeOne is a [fs.WalkDirFunc].
func closeOne(path string, entry fs.DirEntry, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || entry.Type()&fs.ModeSymlink != 0 {
		return err
	}
	about, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || about.Mode().Perm()&others == 0 {
		return err
	}
	return os.Chmod(path, about.Mode()&^others)
}
