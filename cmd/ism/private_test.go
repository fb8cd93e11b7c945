package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

// Whatever umask somebody has: what the process has written is its user's alone, while it runs and afterwards.
func TestNeighboursCannotReadTheData(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := func() string { return fmt.Sprintf("127.0.0.1:%d", servicetest.FreePort(t)) }
	api, data := address(), filepath.Join(t.TempDir(), "new", "data")
	cmd := exec.Command("/bin/sh", "-c", `umask 0; exec "$0"`, self)
	cmd.Env = []string{
		asCommand + "=1", "ISM_DEV_IDP_ENABLED=true", "ISM_DATA_DIR=" + data, "ISM_LOG_LEVEL=error",
		"ISM_HTTP_ADDRESS=" + api, "ISM_HTTP_INTERNAL_ADDRESS=" + address(), "ISM_MEDIA_DIRECTORY_ADDRESS=" + address(),
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return cmd.Wait()
	}
	defer func() { _ = stop() }()
	client := &http.Client{Timeout: servicetest.Timeout}
	defer client.CloseIdleConnections()
	servicetest.AwaitSuccess(t, "the messenger", func() error {
		response, err := client.Get("http://" + api + "/ready")
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		return nil
	})
	response, err := client.PostForm("http://"+api+"/realms/ism/protocol/openid-connect/token",
		url.Values{"grant_type": {"password"}, "client_id": {"ism-web"}, "username": {"alice"}, "password": {"alice"}})
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("no token: %v, %v", response, err)
	}
	_ = response.Body.Close()
	running := look(t, data)
	for _, kind := range []string{".db", ".db-wal", ".db-shm", ".dat", ".pem"} {
		if !strings.Contains(running, kind+"\n") {
			t.Errorf("nothing with %s was looked at:\n%s", kind, running)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, out.String())
	}
	look(t, data)
}

// look checks the modes of all that is in the directory, and gives the names, a line each.
func look(t *testing.T, dir string) string {
	t.Helper()
	var names strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if os.IsNotExist(err) {
			return nil // a file that was there for a moment
		}
		if err != nil {
			return err
		}
		if want := fs.FileMode(0o600); !entry.IsDir() && about.Mode().Perm() != want || entry.IsDir() && about.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %04o", path, about.Mode().Perm())
		}
		fmt.Fprintln(&names, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names.String()
}
