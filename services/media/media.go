// Package media is the service of uploads to and downloads from S3, and the pictures of rooms.
//
// Clients upload to the object store and download from it by requests that the service signs for them, see package objects. What the service knows of a
// medium is in its store, as a row that goes from state to state ([store.Media]). Who may upload or download is decided by package access; messages asks the
// service for what a message shows.
//
// What becomes of a medium and the event that tells of it are one transaction: the store's outbox. One relay brings the outbox to the log ism.media. What is
// to be done with a medium that is uploaded or deleted are jobs, see package processing. What messages show, and what was deleted, is taken from the logs of
// rooms and users by the consumer group [Group], see package follow.
package media

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/outbox"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/access"
	"github.com/ism-chat/ism/services/media/internal/follow"
	"github.com/ism-chat/ism/services/media/internal/images"
	"github.com/ism-chat/ism/services/media/internal/processing"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// Group is the consumer group that takes from the logs what messages show, and what was deleted.
const Group = "ism.media"

const (
	deliveryTimeout = 5 * time.Second // of the relay's records
	discardTimeout  = 5 * time.Second
	picturesTimeout = 10 * time.Second
	maxUploads      = 16  // pictures of rooms that are in memory at once, as they are uploaded
	maxBatch        = 200 // records that the consumer group takes at once
	// fetchWait is how far it may be behind the log: what is new is its members' until then.
	fetchWait = 400 * time.Millisecond
)

// Deps is what the service is handed.
type Deps struct {
	Objects   objects.Store // one of the service's parts
	Rows      store.Rows    // one of the service's parts
	Rooms     access.Rooms
	Messages  access.Messages
	Bus       *bus.Bus
	Verifier  *authn.Verifier
	Telemetry *telemetry.Telemetry
}

// Service is the media service.
type Service struct {
	cfg      Config
	deps     Deps
	now      func() time.Time
	access   *access.Access
	store    *store.Store
	images   *images.Pool
	relay    *outbox.Relay
	worker   store.Worker
	follower *bus.Consumer
}

var _ deployable.Service = (*Service)(nil)

var _ deployable.LargeBodies = (*Service)(nil)

// New makes the service. It connects to nothing: its parts do.
func New(cfg Config, deps Deps) (*Service, error) {
	pictures := images.DefaultPool()
	pictures.Workers = cfg.AtOnce
	pool, err := images.NewPool(pictures, images.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("make the pool of pictures: %w", err)
	}
	s := &Service{
		cfg: cfg, deps: deps, now: time.Now, access: access.New(deps.Rooms, deps.Messages), store: store.New(deps.Rows, deps.Telemetry, time.Now), images: pool,
	}
	if s.relay, err = outbox.New(s.store, "media", deps.Telemetry); err != nil {
		return nil, fmt.Errorf("make the relay of media: %w", err)
	}
	working := processing.Deps{
		Media: s.store, Objects: deps.Objects, Pictures: pool, Telemetry: deps.Telemetry, Now: time.Now, UploadTTL: cfg.UploadTTL,
		UnusedAfter: cfg.UnusedAfter, OrphansAfter: cfg.OrphansAfter,
	}
	if cfg.Scan.URL != "" {
		scanner, err := scan.New(cfg.Scan, cfg.JobTimeout*2/3, deps.Telemetry)
		if err != nil {
			return nil, fmt.Errorf("make the scanner of media: %w", err)
		}
		working.Scanner = scanner
	}
	s.worker = processing.New(working)
	handler := follow.New(s.store, deps.Bus.Tracing(Group))
	s.follower, err = deps.Bus.NewConsumer(bus.ConsumerConfig{
		Group: Group, Topics: []string{events.TopicRooms, events.TopicUsers}, Handler: handler.Take, MaxBatch: maxBatch, FetchWait: fetchWait,
	})
	if err != nil {
		return nil, fmt.Errorf("make the consumer that follows what shows media: %w", err)
	}
	s.measureWaiting()
	return s, nil
}

// Checks implements [deployable.Service].
func (s *Service) Checks() []httpapi.Check {
	return []httpapi.Check{{Name: "media-objects", Check: s.deps.Objects.Ready}, {Name: "media-store", Check: s.store.Ping}}
}

// LargeBodies implements [deployable.LargeBodies]: pictures of rooms come through the service.
func (s *Service) LargeBodies() []httpapi.LargeBody {
	return []httpapi.LargeBody{{Method: http.MethodPost, Path: isPictureUpload, Limit: maxPicture + formMargin, AtOnce: maxUploads, Admit: s.admitPicture}}
}

// Parts implements [deployable.Service]. The stores stop last: all others use them.
func (s *Service) Parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "media store", Run: s.store.Run},
		{Name: "media objects", Run: s.deps.Objects.Run, Beside: true},
		{Name: "media outbox relay", Run: s.relayOutbox},
		{Name: "media pictures", Run: s.closePictures},
		{Name: "media jobs", Run: s.work},
		{Name: "media follower", Run: s.follower.Run, Beside: true},
	}
}

// closePictures waits at the end for those who look at pictures.
func (s *Service) closePictures(ctx context.Context) error {
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), picturesTimeout)
	defer cancel()
	if err := s.images.Close(closing); err != nil {
		return fmt.Errorf("wait for pictures that are looked at: %w", err)
	}
	return nil
}

func (s *Service) work(ctx context.Context) error {
	return s.store.RunJobs(ctx, store.Jobs{AtOnce: s.cfg.AtOnce, Timeout: s.cfg.JobTimeout, SweepEvery: s.cfg.SweepEvery, Log: s.deps.Telemetry.Log}, s.worker)
}

// relayOutbox uses a gapless producer: a row must not be in the log before those that stand before it.
func (s *Service) relayOutbox(ctx context.Context) error {
	if err := s.deps.Bus.EnsureTopics(ctx, events.TopicMedia, events.TopicUsers); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		return err
	}
	return s.deps.Bus.WithProducer(ctx, bus.ProducerConfig{DeliveryTimeout: deliveryTimeout, Gapless: true}, func(ctx context.Context, log *bus.Producer) error {
		s.relay.Run(ctx, log)
		return nil
	})
}
