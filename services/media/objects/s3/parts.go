package s3

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/services/media/objects"
)

// BeginParts implements [objects.Store].
func (s *Store) BeginParts(ctx context.Context, upload objects.Upload) (id string, err error) {
	if err := upload.Check(); err != nil {
		return "", err
	}
	defer s.metrics.Observe("begin_parts")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	options := minio.PutObjectOptions{ContentType: upload.Type}
	if upload.PartChecksums {
		options.UserMetadata = map[string]string{"x-amz-checksum-algorithm": minio.ChecksumSHA256.String()}
	}
	id, err = s.inside.NewMultipartUpload(ctx, s.cfg.Bucket, upload.Key, options)
	return id, explained("begin an upload in parts", err)
}

// Parts implements [objects.Store].
func (s *Store) Parts(ctx context.Context, key, uploadID string) (parts []objects.Part, err error) {
	if err := objects.CheckKey(key); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("parts")(&err)
	ctx, cancel := context.WithTimeout(ctx, longTimeout) // ten pages at most
	defer cancel()
	for after := 0; ; {
		page, err := s.inside.ListObjectParts(ctx, s.cfg.Bucket, key, uploadID, after, objects.MaxListed)
		if err != nil {
			return nil, explained("list the parts of an upload", err)
		}
		for _, part := range page.ObjectParts {
			parts = append(parts, objects.Part{Number: part.PartNumber, Size: part.Size, ETag: part.ETag, SHA256: decoded(part.ChecksumSHA256)})
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= after {
			return parts, nil
		}
		after = page.NextPartNumberMarker
	}
}

// CompleteParts implements [objects.Store].
func (s *Store) CompleteParts(ctx context.Context, key, uploadID string, parts []objects.Part) (err error) {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	if err := objects.CheckParts(parts); err != nil {
		return err
	}
	defer s.metrics.Observe("complete_parts")(&err)
	ctx, cancel := context.WithTimeout(ctx, longTimeout)
	defer cancel()
	named := make([]minio.CompletePart, len(parts))
	for i, part := range parts {
		named[i] = minio.CompletePart{PartNumber: part.Number, ETag: part.ETag}
		if part.SHA256 != nil {
			named[i].ChecksumSHA256 = base64.StdEncoding.EncodeToString(part.SHA256)
		}
	}
	_, err = s.inside.CompleteMultipartUpload(ctx, s.cfg.Bucket, key, uploadID, named, minio.PutObjectOptions{})
	return explained("complete an upload in parts", err)
}

// AbortParts implements [objects.Store].
func (s *Store) AbortParts(ctx context.Context, key, uploadID string) (err error) {
	if err := objects.CheckKey(key); err != nil {
		return err
	}
	defer s.metrics.Observe("abort_parts")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = s.inside.AbortMultipartUpload(ctx, s.cfg.Bucket, key, uploadID)
	if minio.ToErrorResponse(err).Code == "NoSuchUpload" {
		return nil
	}
	return explained("abort an upload in parts", err)
}

// Unfinished implements [objects.Store].
func (s *Store) Unfinished(ctx context.Context, prefix, after string, limit int) (all []objects.Unfinished, err error) {
	if err := objects.CheckListing(limit); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("unfinished")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	page, err := s.inside.ListMultipartUploads(ctx, s.cfg.Bucket, prefix, after, "", "", limit)
	if err != nil {
		return nil, explained("list unfinished uploads", err)
	}
	for _, upload := range page.Uploads {
		all = append(all, objects.Unfinished{Key: upload.Key, UploadID: upload.UploadID, Begun: upload.Initiated.In(time.UTC)})
	}
	return all, nil
}

// decoded is a checksum of a whole content as S3 writes it: nil for none, and for those of parts put together ("…-3").
func decoded(checksum string) []byte {
	sum, err := base64.StdEncoding.DecodeString(checksum)
	if err != nil || len(sum) == 0 {
		return nil
	}
	return sum
}
