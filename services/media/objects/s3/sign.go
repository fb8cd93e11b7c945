package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/services/media/objects"
)

const checksumHeader = "x-amz-checksum-sha256"

// PresignForm implements [objects.Store].
func (s *Store) PresignForm(ctx context.Context, upload objects.Upload, lifetime time.Duration) (objects.Form, error) {
	if err := upload.CheckForm(lifetime); err != nil {
		return objects.Form{}, err
	}
	found := s.found.Load()
	if found == nil {
		return objects.Form{}, errNotYet
	}
	if !found.FormChecksum {
		upload.SHA256 = nil
	}
	return signForm(ctx, s.outside, s.cfg.Bucket, upload, lifetime)
}

// signForm signs a POST policy (AWS, "Creating a POST policy") for the address of the client.
func signForm(ctx context.Context, client *minio.Client, bucket string, upload objects.Upload, lifetime time.Duration) (objects.Form, error) {
	policy := minio.NewPostPolicy()
	for _, set := range []func() error{
		func() error { return policy.SetBucket(bucket) },
		func() error { return policy.SetKey(upload.Key) },
		func() error { return policy.SetContentType(upload.Type) },
		func() error { return policy.SetContentLengthRange(upload.Size, upload.Size) },
		func() error { return policy.SetExpires(time.Now().Add(lifetime)) },
	} {
		if err := set(); err != nil {
			return objects.Form{}, fmt.Errorf("write a POST policy: %w", err)
		}
	}
	if upload.SHA256 != nil {
		if err := policy.SetChecksum(minio.NewChecksum(minio.ChecksumSHA256, upload.SHA256)); err != nil {
			return objects.Form{}, fmt.Errorf("write a POST policy: %w", err)
		}
	}
	at, fields, err := client.PresignedPostPolicy(ctx, policy)
	if err != nil {
		return objects.Form{}, fmt.Errorf("sign a POST policy: %w", err)
	}
	return objects.Form{URL: at.String(), Fields: fields}, nil
}

// PresignPart implements [objects.Store].
func (s *Store) PresignPart(ctx context.Context, part objects.PartUpload, lifetime time.Duration) (objects.Request, error) {
	if err := part.Check(lifetime); err != nil {
		return objects.Request{}, err
	}
	found := s.found.Load()
	if found == nil {
		return objects.Request{}, errNotYet
	}
	return signPart(ctx, s.outside, s.cfg.Bucket, part, found.PartSize, lifetime)
}

// signPart signs a part's upload for the address of the client. Its size is signed with it as Content-Length, which clients send by
// themselves, where the store understands that.
func signPart(ctx context.Context, client *minio.Client, bucket string, part objects.PartUpload, sized bool, lifetime time.Duration) (objects.Request, error) {
	query := url.Values{"partNumber": {strconv.Itoa(part.Number)}, "uploadId": {part.UploadID}}
	signed, sent := http.Header{}, map[string]string{}
	if sized {
		signed.Set("Content-Length", strconv.FormatInt(part.Size, 10))
	}
	if part.SHA256 != nil {
		sent[checksumHeader] = base64.StdEncoding.EncodeToString(part.SHA256)
		signed.Set(checksumHeader, sent[checksumHeader])
	}
	at, err := client.PresignHeader(ctx, http.MethodPut, bucket, part.Key, lifetime, query, signed)
	if err != nil {
		return objects.Request{}, fmt.Errorf("sign a part: %w", err)
	}
	return objects.Request{Method: http.MethodPut, URL: at.String(), Headers: sent}, nil
}

// PresignGet implements [objects.Store].
func (s *Store) PresignGet(ctx context.Context, key string, download objects.Download, lifetime time.Duration) (string, error) {
	if err := objects.CheckKey(key); err != nil {
		return "", err
	}
	if err := objects.CheckLifetime(lifetime); err != nil {
		return "", err
	}
	kind, disposition := download.Served()
	at, err := s.outside.PresignedGetObject(ctx, s.cfg.Bucket, key, lifetime, url.Values{
		"response-content-type":        {kind},
		"response-content-disposition": {disposition},
		"response-cache-control":       {fmt.Sprintf("private, max-age=%d", int(lifetime.Seconds()))},
	})
	if err != nil {
		return "", fmt.Errorf("sign a download: %w", err)
	}
	return at.String(), nil
}
