package guard_test

import (
	"io"
	"log"
)

// newSilent keeps what a server complains of out of the output of tests.
func newSilent() *log.Logger { return log.New(io.Discard, "", 0) }
