//go:build unix

package eventloop

import (
	"math"
	"syscall"
)

// descriptorLimit is how many files and sockets this process may have open. Go has raised that to all that it may.
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}
