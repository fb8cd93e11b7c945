//go:build !unix

package eventloop

import "math"

// descriptorLimit is how many files and sockets this process may have open: no system but Unix says.
func descriptorLimit() uint64 { return math.MaxUint64 }
