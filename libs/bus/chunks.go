package bus

import (
	"errors"
	"slices"
)

// InChunks has a handler do a batch chunk by chunk, and gives the items that are done. A chunk that is rejected it halves until it has found the
// items at fault; any other error ends it, since what that needs does not work for the others either. The error is [ErrRejected] only if all
// items are done that are not at fault, so that none is given up for another's sake.
func InChunks[T any](chunks [][]T, do func(chunk []T) error) (done []T, err error) {
	for _, chunk := range chunks {
		did, failed := halving(chunk, do)
		done, err = append(done, did...), worse(err, failed)
		if isOutage(failed) {
			break
		}
	}
	return done, err
}

func halving[T any](chunk []T, do func(chunk []T) error) (done []T, err error) {
	err = do(chunk)
	switch {
	case err == nil:
		return chunk, nil
	case isOutage(err), len(chunk) == 1:
		return nil, err
	}
	first, err := halving(chunk[:len(chunk)/2], do)
	if isOutage(err) {
		return first, err
	}
	second, other := halving(chunk[len(chunk)/2:], do)
	return slices.Concat(first, second), worse(err, other)
}

// isOutage reports whether the error is not about an item.
func isOutage(err error) bool { return err != nil && !errors.Is(err, ErrRejected) }

// worse gives an outage alone: items that are to be rejected come again, and those that the outage kept from being done must not be.
func worse(err, other error) error {
	if isOutage(other) {
		return other
	}
	return errors.Join(err, other)
}
