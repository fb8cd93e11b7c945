package oneprocess

import (
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

// Config is all that the one process is configured with.
type Config struct {
	deployable.Config
	DataDir       string          `envconfig:"DATA_DIR" default:".ism" desc:"directory of all that is kept: the log, the stores, the keys of the development identity provider"`
	DevIDP        devidp.Settings `envconfig:"DEV_IDP"`
	Rooms         rooms.Config
	Messages      messages.Config
	Realtime      realtime.Config
	Notifications notifications.Config
	Media         media.Config
}

// Validate says where settings of the services do not go with those of the process.
func (c *Config) Validate() []config.Fault {
	return slices.Concat(c.Rooms.Within(c.HTTP), c.Messages.Within(c.HTTP), c.Notifications.Within(c.HTTP), c.Realtime.Within(c.Lifecycle))
}

// load reads the configuration and settles what depends on whether an issuer is configured.
func load() (cfg Config, development bool, err error) {
	if err := config.Load(&cfg); err != nil {
		return Config{}, false, err
	}
	var faults config.Faults
	if _, set := os.LookupEnv("ISM_KAFKA_BROKERS"); set {
		faults = append(faults, config.Fault{Variable: "ISM_KAFKA_BROKERS", Problem: "is not allowed here: the one process has a broker of its own"})
	}
	if cfg.Notifications.KafkaIn && len(cfg.Notifications.KafkaInFrom.Brokers) == 0 {
		faults = append(faults, config.Fault{
			Variable: "ISM_NOTIFICATIONS_KAFKA_IN_BROKERS", Problem: "is needed here with ISM_NOTIFICATIONS_KAFKA_IN: nobody else writes to the broker of the one process",
		})
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		faults = append(faults, config.Fault{Variable: "ISM_DATA_DIR", Problem: "is no usable path"})
	}
	if cfg.OIDC.Issuer == "" {
		development = true
		if _, set := os.LookupEnv("ISM_HTTP_ADDRESS"); !set {
			cfg.HTTP.Address = loopbackAddress(cfg.HTTP.Address)
		}
		// Whoever tries something out has a page on this machine. An issuer of one's own is the end of development.
		_, set := os.LookupEnv("ISM_HTTP_CORS_ORIGINS")
		cfg.HTTP.CORSLoopback = !set
		faults = append(faults, devidp.Validate(cfg.HTTP.Address, cfg.OIDC.Issuer)...)
	}
	if len(faults) > 0 {
		return Config{}, false, faults
	}
	return cfg, development, nil
}

// loopbackAddress is the address on loopback only.
func loopbackAddress(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}
