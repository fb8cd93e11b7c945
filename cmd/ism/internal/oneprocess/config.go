package oneprocess

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/media/objects/directory"
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
	Web           webSettings     `envconfig:"WEB"`
	Rooms         rooms.Config
	Messages      messages.Config
	Realtime      realtime.Config
	Notifications notifications.Config
	Media         mediaConfig
}

// mediaConfig is that of media, whose contents are in a directory with a server of its own.
type mediaConfig struct {
	media.Config
	Directory directoryConfig

	onThisMachine bool // nobody said where clients reach it
}

// directoryConfig is that of the server at which media are uploaded and downloaded.
type directoryConfig struct {
	Address     string   `envconfig:"ADDRESS" desc:"where media are uploaded and downloaded, host:port; without it the host of ISM_HTTP_ADDRESS, and the port behind its: :5404"`
	PublicURL   string   `envconfig:"PUBLIC_URL" desc:"where browsers reach that address, for example https://media.example.com; without it http://localhost:5404, or what the address is"`
	CORSOrigins []string `envconfig:"CORS_ORIGINS" default:"*" desc:"origins whose pages may upload and download there, comma-separated, or *; who has no signed address gets nothing, whatever the origin"`
}

// Validate implements [config.Validator].
func (c directoryConfig) Validate() []config.Fault {
	var faults []config.Fault
	if c.Address != "" {
		if _, err := portOf(c.Address); err != nil {
			faults = append(faults, config.Fault{Variable: "ADDRESS", Problem: fmt.Sprintf("%q is no address; allowed: for example :5404 or 127.0.0.1:5404", c.Address)})
		}
	}
	if c.PublicURL != "" {
		faults = append(faults, directory.Config{PublicURL: c.PublicURL}.Validate()...)
	}
	return faults
}

// Validate says where settings of the services do not go with those of the process.
func (c *Config) Validate() []config.Fault {
	return slices.Concat(c.Rooms.Within(c.HTTP), c.Messages.Within(c.HTTP), c.Notifications.Within(c.HTTP), c.Realtime.Within(c.Lifecycle))
}

// ownBroker has a fault for each setting that says how another broker than that of the process is reached.
func ownBroker() []config.Fault {
	var faults []config.Fault
	for _, name := range []string{
		"BROKERS", "SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD", "SASL_PASSWORD_FILE", "OAUTH_TOKEN_URL", "OAUTH_CLIENT_ID",
		"OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET_FILE", "OAUTH_SCOPE", "OAUTH_EXTENSIONS", "OAUTH_CA_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE",
		"KEY_PASSWORD", "KEY_PASSWORD_FILE",
	} {
		if _, set := os.LookupEnv("ISM_KAFKA_" + name); set {
			faults = append(faults, config.Fault{Variable: "ISM_KAFKA_" + name, Problem: "is not allowed here: the one process has a broker of its own, which answers nobody else"})
		}
	}
	return faults
}

// hasIssuer reports whether it is said who gives the tokens.
func (c *Config) hasIssuer() bool { return c.OIDC.Issuer != "" || c.DevIDP.Enabled }

// missingIssuer is the fault of a configuration without an issuer, which does not ask for the one for development either.
func missingIssuer() config.Fault {
	fault := authn.MissingIssuer()
	fault.Problem += "; or, for a first look and development on this machine alone, ISM_DEV_IDP_ENABLED=true: an identity provider that lets anybody in (make run sets it)"
	return fault
}

// load reads the configuration and settles what depends on whether the development identity provider is asked for.
func load() (cfg Config, development bool, err error) {
	var faults config.Faults
	if err := config.Load(&cfg); err != nil {
		if !errors.As(err, &faults) {
			return Config{}, false, err
		}
		if len(faults.Under("ISM_OIDC_ISSUER"))+len(faults.Under("ISM_DEV_IDP_ENABLED")) == 0 && !cfg.hasIssuer() {
			faults = append(faults, missingIssuer())
		}
		return Config{}, false, faults
	}
	faults = append(faults, ownBroker()...)
	if cfg.Notifications.KafkaIn && len(cfg.Notifications.KafkaInFrom.Brokers) == 0 {
		faults = append(faults, config.Fault{
			Variable: "ISM_NOTIFICATIONS_KAFKA_IN_BROKERS", Problem: "is needed here with ISM_NOTIFICATIONS_KAFKA_IN: nobody else writes to the broker of the one process",
		})
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		faults = append(faults, config.Fault{Variable: "ISM_DATA_DIR", Problem: "is no usable path"})
	}
	if !cfg.hasIssuer() {
		faults = append(faults, missingIssuer())
	}
	if development = cfg.DevIDP.Enabled; development {
		if _, set := os.LookupEnv("ISM_HTTP_ADDRESS"); !set {
			cfg.HTTP.Address = loopbackAddress(cfg.HTTP.Address)
		}
		// Whoever tries something out has a page on this machine. An issuer of one's own is the end of development.
		_, set := os.LookupEnv("ISM_HTTP_CORS_ORIGINS")
		cfg.HTTP.CORSLoopback = !set
		faults = append(faults, devidp.Validate(cfg.HTTP.Address, cfg.OIDC.Issuer)...)
	}
	faults = append(faults, cfg.Media.settle(cfg.HTTP.Address)...)
	if len(faults) > 0 {
		return Config{}, false, faults
	}
	return cfg, development, nil
}

// settle gives media the addresses that follow from where the API listens, as far as they are not set.
func (c *mediaConfig) settle(api string) []config.Fault {
	if c.Directory.Address == "" {
		c.Directory.Address = besides(api)
	}
	_, set := os.LookupEnv("ISM_MEDIA_PUBLIC_URL")
	if !set {
		c.PublicURL = "http://" + reachable(api)
	}
	switch c.onThisMachine = !set && c.Directory.PublicURL == ""; {
	case c.Directory.PublicURL != "":
		return nil
	case set:
		return []config.Fault{{
			Variable: "ISM_MEDIA_DIRECTORY_PUBLIC_URL", Problem: "is needed with ISM_MEDIA_PUBLIC_URL: browsers that reach the API there upload and download media at another address",
		}}
	}
	c.Directory.PublicURL = "http://" + reachable(c.Directory.Address)
	return nil
}

// besides is the address with the next port.
func besides(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	port, err := portOf(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(port+1))
}

func portOf(address string) (int, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return int(number), err
}

// loopbackAddress is the address on loopback only.
func loopbackAddress(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}
