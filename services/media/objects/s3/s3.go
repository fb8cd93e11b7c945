// Package s3 keeps media in a bucket of an S3-compatible object store.
package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/objects"
)

const (
	timeout      = 5 * time.Second  // of a request to the object store
	longTimeout  = 60 * time.Second // of a request that copies or joins content within the store
	startTimeout = 30 * time.Second // of all that is done at start
)

var errNotYet = fmt.Errorf("%w: it has not been seen yet", objects.ErrUnavailable)

// Store is the bucket of all media. Its methods are safe for concurrent use.
type Store struct {
	cfg     Config
	inside  *minio.Core   // as the service reaches the object store
	outside *minio.Client // as clients reach it: signs, and asks nothing
	plain   *http.Client  // to the inside, for requests that are signed already
	log     *slog.Logger
	metrics *telemetry.StoreMetrics
	found   atomic.Pointer[objects.Capabilities] // nil until the store was asked
	lacks   atomic.Pointer[error]                // what keeps it from being ready, while something does
}

var _ objects.Store = (*Store)(nil)

// New makes the store. It reaches for nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Store, error) {
	inside, err := Client(cfg, cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	outside, err := Client(cfg, cmp.Or(cfg.PublicURL, cfg.Endpoint))
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, inside: &minio.Core{Client: inside}, outside: outside, plain: inside.CredContext().Client,
		log: tel.Log, metrics: tel.Store("media", objects.ErrNotFound, objects.ErrMismatch, objects.ErrInvalid),
	}
	s.lacks.Store(&errNotYet)
	return s, nil
}

// Client is a client of the object store at the address: the endpoint, or the public URL.
func Client(cfg Config, address string) (*minio.Client, error) {
	at, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("parse the address of the object store: %w", err)
	}
	transport, err := minio.DefaultTransport(at.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to the object store: %w", err)
	}
	transport.ResponseHeaderTimeout = longTimeout // each request has its own deadline
	client, err := minio.New(at.Host, &minio.Options{
		Creds:        credentials.New(newKey(cfg)),
		Secure:       at.Scheme == "https",
		Region:       cfg.Region, // so that nothing is asked to sign
		Transport:    transport,
		BucketLookup: minio.BucketLookupPath, // every S3-compatible store knows it, and it needs no DNS of the bucket's own
		MaxRetries:   1,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the object store: %w", err)
	}
	return client, nil
}

// Run sees to it that the bucket is there and does what it must, trying again while it does not, and returns when ctx is done.
func (s *Store) Run(ctx context.Context) error {
	defer s.plain.CloseIdleConnections()
	err := retry.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, s.start, func(err error, _ time.Duration) {
		s.lacks.Store(&err)
		s.log.WarnContext(ctx, "the bucket of media cannot be used yet; trying again", "endpoint", s.cfg.Endpoint, "bucket", s.cfg.Bucket, "error", err.Error())
	})
	if err != nil {
		return nil // it was told to end
	}
	s.lacks.Store(nil)
	s.log.InfoContext(ctx, "the bucket of media is there", "endpoint", s.cfg.Endpoint, "bucket", s.cfg.Bucket, "does", fmt.Sprintf("%+v", s.Capabilities()))
	<-ctx.Done()
	return nil
}

// start makes the bucket usable, and finds out what it does. The error says what it lacks.
func (s *Store) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.ensure(ctx); err != nil {
		return err
	}
	var lacking error
	if s.cfg.ConfigureBucket {
		lacking = s.allowOrigins(ctx)
		if err := s.expireUploads(ctx); err != nil {
			s.log.InfoContext(ctx, "the bucket's lifecycle cannot be configured: unfinished uploads are the housekeeping's", "error", err.Error())
		}
	}
	found, err := s.probe(ctx)
	if err != nil {
		return err
	}
	s.found.Store(&found)
	switch {
	case !found.FormLimits:
		return errors.New("the object store does not hold uploads to what was signed: it takes forms (POST policies) not at all, or with another size, type or key")
	case !found.CORS && s.cfg.ConfigureBucket:
		return errors.Join(fmt.Errorf("pages of %s may not upload: give the bucket a CORS rule for them (ism doctor prints it)", s.cfg.CORSOrigins), lacking)
	}
	return nil
}

func (s *Store) ensure(ctx context.Context) (err error) {
	defer s.metrics.Observe("ensure_bucket")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exists, err := s.inside.BucketExists(ctx, s.cfg.Bucket)
	switch {
	case err != nil:
		return explained("look for the bucket", err)
	case exists:
		return nil
	case !s.cfg.CreateBucket:
		return objects.ErrNoBucket
	}
	err = s.inside.MakeBucket(ctx, s.cfg.Bucket, minio.MakeBucketOptions{Region: s.cfg.Region})
	if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusConflict { // another instance made it
		return explained("make the bucket", err)
	}
	return nil
}

// Ready implements [objects.Store].
func (s *Store) Ready(ctx context.Context) (err error) {
	if lacks := s.lacks.Load(); lacks != nil {
		return *lacks
	}
	defer s.metrics.Observe("look_for_bucket")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exists, err := s.inside.BucketExists(ctx, s.cfg.Bucket)
	if err != nil {
		return explained("look for the bucket", err)
	}
	if !exists {
		return objects.ErrNoBucket
	}
	return nil
}

// Capabilities implements [objects.Store].
func (s *Store) Capabilities() objects.Capabilities {
	if found := s.found.Load(); found != nil {
		return *found
	}
	return objects.Capabilities{}
}
