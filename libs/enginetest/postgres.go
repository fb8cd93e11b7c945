package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ism-chat/ism/libs/certificates"
)

// rules let in who shows a certificate with the name of the role, and by the socket, whose folder is the server's own, everybody.
const rules = `local all all trust
hostssl all all 127.0.0.0/8 cert clientcert=verify-full
`

const serverStart = time.Minute // on a machine that has much else to do

// PostgresWithCertificates starts a server that is the test's own, at 127.0.0.1 and 127.0.0.2 and the port. It shows the certificate of the files, and lets
// the role in, which has a database of its name, with a certificate of their authority, and nobody without one.
func PostgresWithCertificates(t testing.TB, files certificates.Files, role string) (port int) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		if os.Getenv(requireVariable) == "1" {
			t.Fatal("a Postgres of the test's own is required, and not installed: test/engines/up does that")
		}
		t.Skip("NOT PROVED without an installed Postgres: run make test")
	}
	s := server{bin: slices.Max(found), folder: serverFolder(t), port: freePort(t)}
	s.run(t, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	for from, to := range map[string]string{files.Certificate: "server.crt", files.Key: "server.key", files.Authority: "root.crt"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.put(t, to, text)
	}
	s.put(t, "pg_hba.conf", []byte(rules))
	s.start(t)
	s.execute(t, "CREATE ROLE "+role+" LOGIN")
	s.execute(t, "CREATE DATABASE "+role+" OWNER "+role)
	return s.port
}

// server is a Postgres of a test. Its folder is short: it has the socket, whose path has 107 bytes at most.
type server struct {
	bin, folder string
	port        int
}

func (s server) data() string { return filepath.Join(s.folder, "data") }

// serverFolder is the server's own: it refuses to run as root, and works in no folder of somebody else's.
func serverFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ism-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	own(t, folder)
	return folder
}

// own gives a file to the user postgres, where the tests run as root.
func own(t testing.TB, path string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(owner.Uid)
	gid, gidErr := strconv.Atoi(owner.Gid)
	if err := errors.Join(uidErr, gidErr, os.Chown(path, uid, gid)); err != nil {
		t.Fatal(err)
	}
}

func (s server) put(t testing.TB, name string, text []byte) {
	t.Helper()
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, path)
}

// command is one of Postgres's programs, as its own user. It outlives the test's context, which ends before what is cleaned up.
func (s server) command(t testing.TB, program string, arguments ...string) *exec.Cmd {
	t.Helper()
	all := append([]string{filepath.Join(s.bin, program)}, arguments...)
	if os.Getuid() == 0 {
		all = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"}, all...)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), all[0], all[1:]...)
	command.Dir = s.folder
	return command
}

func (s server) run(t testing.TB, program string, arguments ...string) {
	t.Helper()
	if out, err := s.command(t, program, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func (s server) start(t testing.TB) {
	t.Helper()
	running := s.command(t, "postgres", "-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1,127.0.0.2", "-c", "unix_socket_directories="+s.folder,
		"-c", "ssl=on", "-c", "ssl_ca_file=root.crt", "-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=16MB")
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	running.Stdout, running.Stderr = log, log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = running.Process.Signal(syscall.SIGINT) // ends it at once, and its connections
		_ = running.Wait()
	})
	s.await(t)
}

func (s server) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), serverStart)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		connection, err := pgx.Connect(ctx, s.address())
		if err == nil {
			_ = connection.Close(ctx)
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			said, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			t.Fatalf("Postgres does not start: %v\n%s", err, said)
		}
	}
}

// address is that of the socket.
func (s server) address() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.folder, s.port)
}

func (s server) execute(t testing.TB, statement string) {
	t.Helper()
	execute(t, s.address(), statement)
}

func freePort(t testing.TB) int {
	t.Helper()
	listening, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close()
	return listening.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
}
