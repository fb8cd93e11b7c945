package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/services/media/objects"
)

// explained gives an error of the contract for one of the object store, with what was being done. A caller that went away is no fault of the
// store's.
func explained(doing string, err error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", doing, kind, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// kindOf is the error of the contract that an error of the object store is, nil where there is none.
func kindOf(err error) error {
	if errors.Is(err, objects.ErrMismatch) || errors.Is(err, context.Canceled) {
		return nil
	}
	answer, answered := errors.AsType[minio.ErrorResponse](err)
	if !answered {
		if network, ok := errors.AsType[net.Error](err); ok || errors.Is(err, context.DeadlineExceeded) {
			_ = network
			return objects.ErrUnavailable
		}
		return objects.ErrUnavailable // what was read is no answer of S3
	}
	switch answer.Code {
	case minio.NoSuchKey, "NoSuchUpload", "NoSuchVersion":
		return objects.ErrNotFound
	case minio.NoSuchBucket:
		return objects.ErrNoBucket
	case minio.PreconditionFailed, "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge", "BadDigest", "XAmzContentChecksumMismatch",
		"XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody", "InvalidRange":
		return objects.ErrMismatch
	// The service's own keys, clock or rights: nothing that a caller has done.
	case "RequestTimeTooSkewed", minio.AccessDenied, "SignatureDoesNotMatch", "InvalidAccessKeyId", "SlowDown", "SlowDownRead", "SlowDownWrite", "QuotaExceeded":
		return objects.ErrUnavailable
	}
	if answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError && answer.StatusCode != http.StatusNotImplemented {
		return objects.ErrUnavailable
	}
	return nil
}
