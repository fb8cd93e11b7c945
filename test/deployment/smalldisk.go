package deployment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a file system of a few megabytes that one process alone sees, in a mount namespace of its own.
type Disk struct {
	process *process
	dir     string
}

// OneProcessOnSmallDisk is [OneProcess] with its data on a disk of so many MiB.
func OneProcessOnSmallDisk(t testing.TB, mebibytes int, settings ...Settings) (*Deployment, *Disk) {
	t.Helper()
	dir := t.TempDir()
	d, p := oneProcess(t, append([]Settings{{"ISM_DATA_DIR": dir}}, settings...))
	namespaces := "-m"
	if os.Getuid() != 0 {
		namespaces = "-rm" // root in a user namespace of its own, which may mount
	}
	mount := fmt.Sprintf(`mount -t tmpfs -o size=%dm tmpfs "$0" && exec "$1"`, mebibytes)
	p.args = []string{namespaces, "sh", "-c", mount, dir, p.path}
	p.path = "/usr/bin/unshare"
	d.processes["ism"] = p
	return start(t, d), &Disk{process: p, dir: dir}
}

// filler is where the file is that fills the disk, as seen from outside its namespace (proc(5), /proc/pid/root).
func (d *Disk) filler() string {
	return filepath.Join("/proc", fmt.Sprint(d.process.cmd.Process.Pid), "root", d.dir, "filler")
}

// Fill fills the disk to the last byte.
func (d *Disk) Fill(t testing.TB) {
	t.Helper()
	file, err := os.Create(d.filler())
	if err != nil {
		t.Fatalf("fill the disk: %v", err)
	}
	defer file.Close()
	for size := 64 << 10; size > 0; {
		if _, err = file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
}

// Free takes away what has filled the disk.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		t.Fatalf("free the disk: %v", err)
	}
}
