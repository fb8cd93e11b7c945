// Package oneprocess is the composition root of the whole messenger in one process. The services are the same as anywhere;
// they are handed a broker in the process, SQLite stores and, where no issuer is configured, an identity provider for
// development.
package oneprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/events"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/objects/directory"
	mediasqlite "github.com/ism-chat/ism/services/media/store/sqlite"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/membership"
	messagessqlite "github.com/ism-chat/ism/services/messages/store/sqlite"
	"github.com/ism-chat/ism/services/notifications"
	notificationssqlite "github.com/ism-chat/ism/services/notifications/store/sqlite"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
	roomssqlite "github.com/ism-chat/ism/services/rooms/store/sqlite"
)

// What is in the data directory.
const (
	lockFile    = "lock"
	logDir      = "log" // of the broker
	identityDir = "identity"
	mediaDir    = "media"

	roomsDB         = "rooms.db"
	messagesDB      = "messages.db"
	notificationsDB = "notifications.db"
	mediaDB         = "media.db"
)

// Run runs the messenger until ctx is done. Once it is up it prints to out what to type.
func Run(ctx context.Context, out io.Writer) error {
	cfg, development, err := load()
	if err != nil {
		return err
	}
	private()
	release, err := lockDir(cfg.DataDir)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // the end of the process releases it as well
	return run(ctx, cfg, development, out)
}

func run(ctx context.Context, cfg Config, development bool, out io.Writer) error {
	url := "http://" + reachable(cfg.HTTP.Address)
	if development { // its own issuer's tokens have its own audience
		cfg.OIDC.Issuer, cfg.OIDC.Audience, cfg.OIDC.Clients = url+devidp.Path, []string{devidp.Audience}, nil
	}
	if missing := authn.Missing(cfg.OIDC); len(missing) > 0 {
		return missing
	}
	tel, err := telemetry.New(ctx, cfg.Config.Config, "ism")
	if err != nil {
		return fmt.Errorf("start telemetry: %w", err)
	}
	if err := closeToOthers(cfg.DataDir, tel.Log); err != nil {
		return err
	}
	broker, err := startBroker(filepath.Join(cfg.DataDir, logDir), tel.Log)
	if err != nil {
		return err
	}
	broker.configure(&cfg.Kafka)
	if cfg.Kafka.Partitions == 0 {
		cfg.Kafka.Partitions = partitions
	}
	host, err := deployable.With(tel, "ism", cfg.Config)
	if err != nil {
		broker.Close()
		return err
	}
	host.ReportRenamed(&cfg)
	if !development && cfg.Media.onThisMachine {
		host.Telemetry.Log.Warn("media are for browsers on this machine alone: ISM_MEDIA_PUBLIC_URL and ISM_MEDIA_DIRECTORY_PUBLIC_URL are not set")
	}
	services, err := compose(cfg, host)
	if err == nil && development {
		services, err = withIdentityProvider(cfg, host, services)
	}
	if err == nil && cfg.Web.Enabled {
		services, err = withWebClient(cfg, services)
	}
	if err != nil {
		broker.Close()
		return err
	}
	notice := banner{url: url, web: cfg.Web.Enabled, dataDir: cfg.DataDir, development: development, userID: devidp.UserID}
	host.Add(lifecycle.Part{Name: "broker", Run: broker.Run})
	host.Add(lifecycle.Part{Name: "banner", Run: func(ctx context.Context) error { return notice.printOnceUp(ctx, out) }})
	return host.Run(ctx, services...)
}

// withIdentityProvider adds the development identity provider to what is served.
func withIdentityProvider(cfg Config, host *deployable.Host, services []deployable.Service) ([]deployable.Service, error) {
	provider, err := devidp.New(devidp.Config{
		Settings: cfg.DevIDP, Dir: filepath.Join(cfg.DataDir, identityDir), Issuer: cfg.OIDC.Issuer, Log: host.Telemetry.Log,
	})
	if err != nil {
		return nil, err
	}
	return append(services, identity{provider}), nil
}

// withWebClient adds the web client to what is served.
func withWebClient(cfg Config, services []deployable.Service) ([]deployable.Service, error) {
	client, err := newWebClient(cfg)
	if err != nil {
		return nil, err
	}
	return append(services, client), nil
}

// identity is the development identity provider as a service of the process.
type identity struct{ *devidp.Provider }

var _ deployable.Service = identity{}

// InternalRoutes implements [deployable.Service]: there are none.
func (identity) InternalRoutes(fiber.Router) {}

// Checks implements [deployable.Service]: there are none.
func (identity) Checks() []httpapi.Check { return nil }

// Parts implements [deployable.Service]: it only answers requests.
func (identity) Parts() []lifecycle.Part { return nil }

// partitions of each topic. A record that is synced to disk costs as much in each partition that it touches, and one broker gains
// nothing by more of them than it has cores to read them.
const partitions = 2

// compose makes the services and hands each what it needs.
func compose(cfg Config, host *deployable.Host) ([]deployable.Service, error) {
	roomsService, err := rooms.New(cfg.Rooms, rooms.Deps{
		Store: roomssqlite.New(roomssqlite.Config{Path: filepath.Join(cfg.DataDir, roomsDB)}, host.Telemetry),
		Bus:   host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
	if err != nil {
		return nil, fmt.Errorf("make rooms: %w", err)
	}
	var askedByMedia messagesForMedia
	contents, err := contentsOfMedia(cfg, host)
	if err != nil {
		return nil, err
	}
	mediaRows, err := mediasqlite.New(mediasqlite.Config{Path: filepath.Join(cfg.DataDir, mediaDB)}, host.Telemetry)
	if err != nil {
		return nil, fmt.Errorf("make the media store: %w", err)
	}
	mediaService, err := media.New(cfg.Media.Config, media.Deps{
		Objects: contents, Rows: mediaRows, Rooms: roomsForMedia{roomsService}, Messages: &askedByMedia,
		Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
	if err != nil {
		return nil, fmt.Errorf("make media: %w", err)
	}
	messagesService, err := messages.New(cfg.Messages, messages.Deps{
		Store: messagessqlite.New(filepath.Join(cfg.DataDir, messagesDB), host.Telemetry.Log),
		Rooms: roomsDirectly{roomsService}, Media: mediaDirectly{mediaService},
		Bus: host.Bus, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
	if err != nil {
		return nil, fmt.Errorf("make messages: %w", err)
	}
	askedByMedia.messages = messagesService
	realtimeService, err := realtime.New(cfg.Realtime, realtime.Deps{
		Bus: host.Bus, Verifier: host.Verifier, SignOuts: host.SignOuts, Telemetry: host.Telemetry, Draining: host.Draining(),
	})
	if err != nil {
		return nil, fmt.Errorf("make realtime: %w", err)
	}
	notificationsService, err := notifications.New(cfg.Notifications, notifications.Deps{
		Store: notificationssqlite.New(notificationssqlite.Config{Path: filepath.Join(cfg.DataDir, notificationsDB)}, host.Telemetry),
		Bus:   host.Bus, Rooms: roomsService, Verifier: host.Verifier, Telemetry: host.Telemetry,
	})
	if err != nil {
		return nil, fmt.Errorf("make notifications: %w", err)
	}
	return []deployable.Service{roomsService, messagesService, realtimeService, notificationsService, servedMedia{mediaService, directory.NewServer(cfg.Media.Directory.Address, contents)}}, nil
}

// roomsDirectly answers messages' questions to rooms within the process.
type roomsDirectly struct {
	rooms *rooms.Service
}

// Membership implements [membership.Rooms].
func (r roomsDirectly) Membership(ctx context.Context, room uuid.UUID) (events.Membership, error) {
	members, err := r.rooms.Membership(ctx, room)
	if errors.Is(err, rooms.ErrRoomNotFound) {
		return events.Membership{}, membership.ErrRoomNotFound
	}
	return members, err
}

// Standing implements [membership.Rooms].
func (r roomsDirectly) Standing(ctx context.Context, room, user uuid.UUID) (events.Standing, error) {
	standing, err := r.rooms.Standing(ctx, room, user)
	if errors.Is(err, rooms.ErrRoomNotFound) {
		return events.Standing{}, membership.ErrRoomNotFound
	}
	return standing, err
}

// User implements [membership.Rooms].
func (r roomsDirectly) User(ctx context.Context, user uuid.UUID) (events.UserAnswer, error) {
	known, err := r.rooms.User(ctx, user)
	if errors.Is(err, rooms.ErrUserNotFound) {
		return events.UserAnswer{}, membership.ErrUserNotFound
	}
	return known, err
}

// reachable is the address as a client on this machine types it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.Equal(net.IPv4(127, 0, 0, 1))) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
