package objects

import (
	"errors"
	"fmt"
	"io"
)

// Exactly gives a content that must have the size: reading one that ends early or goes on fails with ErrMismatch, the latter without giving
// what is too much.
func Exactly(content io.Reader, size int64) io.Reader { return &exactly{content, size} }

type exactly struct {
	content io.Reader
	left    int64
}

// Read implements [io.Reader].
func (e *exactly) Read(into []byte) (int, error) {
	if e.left == 0 {
		return 0, e.end()
	}
	if int64(len(into)) > e.left {
		into = into[:e.left]
	}
	n, err := e.content.Read(into)
	e.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && e.left > 0:
		return n, fmt.Errorf("%w: %d bytes are missing", ErrMismatch, e.left)
	case e.left == 0 && (err == nil || errors.Is(err, io.EOF)):
		// Now: who knows the size does not ask again. The last bytes are withheld from whoever would take them for all.
		if err := e.end(); !errors.Is(err, io.EOF) {
			return 0, err
		}
		return n, io.EOF
	}
	return n, err //nolint:wrapcheck // the content's own
}

// end sees whether the content ends where it must.
func (e *exactly) end() error {
	var one [1]byte
	for {
		n, err := e.content.Read(one[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: there are more bytes", ErrMismatch)
		case err != nil:
			return err //nolint:wrapcheck // io.EOF, or the content's own
		}
	}
}
