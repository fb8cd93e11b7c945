// Package objects keeps media in a bucket of an S3-compatible object store.
//
// In this version the bucket is made, watched and reported in readiness; uploads and downloads come with the media API.
package objects

import (
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

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/retry"
	"github.com/ism-chat/ism/libs/telemetry"
)

// Config says where the bucket is.
type Config struct {
	Endpoint     string        `envconfig:"ENDPOINT" required:"true" desc:"the object store as the service reaches it, for example http://s3:7070"`
	PublicURL    string        `envconfig:"PUBLIC_URL" desc:"the object store as browsers reach it, which presigned addresses carry, for example https://media.example.com; empty: the endpoint"`
	Bucket       string        `envconfig:"BUCKET" default:"ism-media" desc:"bucket of all media"`
	Region       string        `envconfig:"REGION" default:"us-east-1" desc:"region that requests are signed for"`
	AccessKey    string        `envconfig:"ACCESS_KEY" required:"true" desc:"access key id"`
	SecretKey    config.Secret `envconfig:"SECRET_KEY" required:"true" desc:"secret access key"`
	CreateBucket bool          `envconfig:"CREATE_BUCKET" default:"true" desc:"make the bucket if it is missing; false: wait until it is there"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for variable, value := range map[string]string{"ENDPOINT": c.Endpoint, "PUBLIC_URL": c.PublicURL} {
		if value == "" {
			continue
		}
		if at, err := url.Parse(value); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") || at.Path != "" && at.Path != "/" {
			faults = append(faults, config.Fault{Variable: variable, Problem: "is no address of an object store; allowed: http://host:port or https://host, without a path"})
		}
	}
	return faults
}

const (
	timeout = 5 * time.Second // of a request to the object store
)

var (
	errNotYet   = errors.New("the bucket has not been seen yet")
	errNoBucket = errors.New("the bucket does not exist")
)

// Bucket is the bucket of all media. Its methods are safe for concurrent use.
type Bucket struct {
	cfg     Config
	client  *minio.Client
	log     *slog.Logger
	metrics *telemetry.StoreMetrics
	there   atomic.Bool
}

// New makes the bucket's client. It reaches for nothing: Run does.
func New(cfg Config, tel *telemetry.Telemetry) (*Bucket, error) {
	client, err := Client(cfg, cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	return &Bucket{cfg: cfg, client: client, log: tel.Log, metrics: tel.Store("media")}, nil
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
	transport.ResponseHeaderTimeout = timeout
	client, err := minio.New(at.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey.Reveal(), ""),
		Secure:       at.Scheme == "https",
		Region:       cfg.Region,
		Transport:    transport,
		BucketLookup: minio.BucketLookupPath, // every S3-compatible store knows it, and it needs no DNS of the bucket's own
		MaxRetries:   1,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the object store: %w", err)
	}
	return client, nil
}

// Run sees to it that the bucket is there, trying again while the object store is not, and returns when ctx is done.
func (b *Bucket) Run(ctx context.Context) error {
	err := retry.Policy{First: 200 * time.Millisecond, Max: 5 * time.Second}.Do(ctx, b.ensure, func(err error, _ time.Duration) {
		b.log.WarnContext(ctx, "the bucket of media is not there yet; trying again", "endpoint", b.cfg.Endpoint, "bucket", b.cfg.Bucket, "error", err.Error())
	})
	if err != nil {
		return nil //nolint:nilerr // it was told to end
	}
	b.there.Store(true)
	b.log.InfoContext(ctx, "the bucket of media is there", "endpoint", b.cfg.Endpoint, "bucket", b.cfg.Bucket)
	<-ctx.Done()
	return nil
}

func (b *Bucket) ensure(ctx context.Context) (err error) {
	defer b.metrics.Observe("ensure_bucket")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	exists, err := b.client.BucketExists(ctx, b.cfg.Bucket)
	switch {
	case err != nil:
		return fmt.Errorf("look for the bucket: %w", err)
	case exists:
		return nil
	case !b.cfg.CreateBucket:
		return errNoBucket
	}
	err = b.client.MakeBucket(ctx, b.cfg.Bucket, minio.MakeBucketOptions{Region: b.cfg.Region})
	if err != nil && minio.ToErrorResponse(err).StatusCode != http.StatusConflict { // another instance made it
		return fmt.Errorf("make the bucket: %w", err)
	}
	return nil
}

// Ready reports whether the bucket can be reached.
func (b *Bucket) Ready(ctx context.Context) (err error) {
	if !b.there.Load() {
		return errNotYet
	}
	defer b.metrics.Observe("look_for_bucket")(&err)
	exists, err := b.client.BucketExists(ctx, b.cfg.Bucket)
	if err != nil {
		return fmt.Errorf("look for the bucket: %w", err)
	}
	if !exists {
		return errNoBucket
	}
	return nil
}
