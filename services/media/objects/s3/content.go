package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/services/media/objects"
)

// Stat implements [objects.Store].
func (s *Store) Stat(ctx context.Context, key string) (info objects.Info, err error) {
	if err := objects.CheckKey(key); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("stat")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := s.inside.StatObject(ctx, s.cfg.Bucket, key, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return objects.Info{}, explained("look at an object", err)
	}
	return infoOf(key, found), nil
}

func infoOf(key string, found minio.ObjectInfo) objects.Info {
	info := objects.Info{Key: key, Size: found.Size, Type: found.ContentType, ETag: found.ETag, Modified: found.LastModified.In(time.UTC)}
	if found.ChecksumMode != minio.ChecksumCompositeMode.String() {
		info.SHA256 = decoded(found.ChecksumSHA256)
	}
	return info
}

// Open implements [objects.Store].
func (s *Store) Open(ctx context.Context, key string, part objects.Range) (content io.ReadCloser, info objects.Info, err error) {
	if err := errors.Join(objects.CheckKey(key), part.Check()); err != nil {
		return nil, objects.Info{}, err
	}
	defer s.metrics.Observe("open")(&err)
	info, err = s.Stat(ctx, key) // S3 answers a range with its own size, and one behind the end with an error
	if err != nil {
		return nil, objects.Info{}, err
	}
	length := min(wantedLength(part), info.Size-part.Offset)
	if length <= 0 {
		return io.NopCloser(noContent{}), info, nil
	}
	options := minio.GetObjectOptions{}
	if err := errors.Join(options.SetMatchETag(info.ETag), options.SetRange(part.Offset, part.Offset+length-1)); err != nil {
		return nil, objects.Info{}, fmt.Errorf("%w: %w", objects.ErrInvalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, objects.ReadLimit(length))
	body, _, _, err := s.inside.GetObject(ctx, s.cfg.Bucket, key, options)
	if err != nil {
		cancel()
		return nil, objects.Info{}, explained("open an object", err)
	}
	return &reading{body: body, cancel: cancel}, info, nil
}

func wantedLength(part objects.Range) int64 {
	if part.Length == 0 {
		return 1<<63 - 1
	}
	return part.Length
}

type noContent struct{}

// Read has nothing.
func (noContent) Read([]byte) (int, error) { return 0, io.EOF }

// reading is the body of an answer, with its deadline.
type reading struct {
	body   io.ReadCloser
	cancel context.CancelFunc
}

// Read implements [io.Reader].
func (r *reading) Read(into []byte) (int, error) {
	n, err := r.body.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		err = explained("read an object", err)
	}
	return n, err //nolint:wrapcheck // io.EOF as it is
}

// Close implements [io.Closer].
func (r *reading) Close() error {
	r.cancel()
	return r.body.Close() //nolint:wrapcheck // nothing to add
}

// Put implements [objects.Store].
func (s *Store) Put(ctx context.Context, object objects.Upload, content io.Reader) (info objects.Info, err error) {
	if err := object.Check(); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("put")(&err)
	ctx, cancel := context.WithTimeout(ctx, objects.ReadLimit(object.Size))
	defer cancel()
	options, sum := minio.PutObjectOptions{ContentType: object.Type}, ""
	if object.SHA256 != nil {
		options.UserMetadata = map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(object.SHA256)}
		sum = hex.EncodeToString(object.SHA256)
	}
	put, err := s.inside.PutObject(ctx, s.cfg.Bucket, object.Key, objects.Exactly(content, object.Size), object.Size, "", sum, options)
	if err != nil {
		return objects.Info{}, explained("put an object", err)
	}
	return objects.Info{Key: object.Key, Size: object.Size, Type: object.Type, ETag: put.ETag, SHA256: object.SHA256, Modified: time.Now().UTC()}, nil
}

// Seal implements [objects.Store].
func (s *Store) Seal(ctx context.Context, from, to, etag string) (info objects.Info, err error) {
	if err := errors.Join(objects.CheckKey(from), objects.CheckKey(to)); err != nil {
		return objects.Info{}, err
	}
	defer s.metrics.Observe("seal")(&err)
	copying, cancel := context.WithTimeout(ctx, longTimeout)
	defer cancel()
	_, err = s.inside.Client.CopyObject(copying, minio.CopyDestOptions{Bucket: s.cfg.Bucket, Object: to}, minio.CopySrcOptions{Bucket: s.cfg.Bucket, Object: from, MatchETag: etag})
	err = explained("seal an object", err)
	if errors.Is(err, objects.ErrNotFound) {
		return s.Stat(ctx, to) // it was sealed before
	}
	if err != nil {
		return objects.Info{}, err
	}
	if err := s.Delete(ctx, from); err != nil {
		return objects.Info{}, err
	}
	return s.Stat(ctx, to)
}

// Delete implements [objects.Store].
func (s *Store) Delete(ctx context.Context, keys ...string) (err error) {
	for _, key := range keys {
		if err := objects.CheckKey(key); err != nil {
			return err
		}
	}
	defer s.metrics.Observe("delete")(&err)
	for some := range slices.Chunk(keys, objects.MaxListed) {
		if err := s.deleteSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteSome(ctx context.Context, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, longTimeout)
	defer cancel()
	if len(keys) == 1 {
		err := s.inside.RemoveObject(ctx, s.cfg.Bucket, keys[0], minio.RemoveObjectOptions{})
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil
		}
		return explained("delete an object", err)
	}
	named := func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}
	results, err := s.inside.RemoveObjectsWithIter(ctx, s.cfg.Bucket, named, minio.RemoveObjectsOptions{})
	if err != nil {
		return explained("delete objects", err)
	}
	answered := 0
	var failed error
	for result := range results {
		answered++
		if result.Err != nil && minio.ToErrorResponse(result.Err).Code != minio.NoSuchKey && failed == nil {
			failed = explained("delete objects", result.Err)
		}
	}
	if failed == nil && ctx.Err() != nil && answered < len(keys) {
		failed = explained("delete objects", ctx.Err())
	}
	return failed
}

// List implements [objects.Store].
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (all []objects.Info, err error) {
	if err := objects.CheckListing(limit); err != nil {
		return nil, err
	}
	defer s.metrics.Observe("list")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for found := range s.inside.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: limit}) {
		if found.Err != nil {
			return nil, explained("list objects", found.Err)
		}
		all = append(all, objects.Info{Key: found.Key, Size: found.Size, Modified: found.LastModified.In(time.UTC)})
		if len(all) == limit {
			break
		}
	}
	return all, nil
}
