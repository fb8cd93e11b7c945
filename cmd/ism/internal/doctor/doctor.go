// Package doctor looks at an installation, from outside as clients see it and from inside as its services do, and says for each
// fault what to do. It changes nothing, but for one small object that it writes to the bucket of media and takes away again.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn"
	identity "github.com/ism-chat/ism/libs/authn/checks"
	"github.com/ism-chat/ism/libs/bus"
	kafka "github.com/ism-chat/ism/libs/bus/checks"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/telemetry"
	media "github.com/ism-chat/ism/services/media/checks"
	messages "github.com/ism-chat/ism/services/messages/checks"
	notifications "github.com/ism-chat/ism/services/notifications/checks"
	realtime "github.com/ism-chat/ism/services/realtime/checks"
	rooms "github.com/ism-chat/ism/services/rooms/checks"
)

const exitFault = 1

const about = `usage: ism doctor [flags]

Looks at an installation and says for each fault what to do. From anywhere it looks at the public address; given the services' own
ISM_ variables, also at what is behind it: docker compose run --rm doctor. What it lacks a variable for it does not check, and says so.
The exit code is 0 without faults, 1 with faults, 2 for a wrong command line.

`

// options are the command line.
type options struct {
	target     examine.Target
	issuer     string
	user       string
	password   string
	client     string
	services   []string
	prometheus string // "": that of the compose stack
	json       bool

	userGiven     bool
	servicesGiven bool
}

// Main runs the command with an environment in the form of [os.Environ], and gives its exit code.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return deployable.ExitUsage
	}
	known, err := readSettings(environ)
	if err != nil {
		fmt.Fprintf(stderr, "ism doctor: %v\n", err)
		return exitFault
	}
	d := newDoctor(opts, known, time.Now)
	r := d.examine(ctx)
	write := r.writeText
	if opts.json {
		write = r.writeJSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintf(stderr, "ism doctor: %v\n", err)
		return exitFault
	}
	if r.Counts[examine.Fault] > 0 {
		return exitFault
	}
	return 0
}

func parse(args []string, stdout, stderr io.Writer) (options, error) {
	var o options
	var target, services string
	flags := flag.NewFlagSet("ism doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&target, "target", "http://localhost:5403", "public base URL of the installation")
	flags.StringVar(&o.issuer, "issuer", "", "OIDC issuer (default: ISM_OIDC_ISSUER, or else TARGET/realms/ism)")
	flags.StringVar(&o.user, "user", "alice", "user to get a token for, by the password grant")
	flags.StringVar(&o.password, "password", "", "the user's password (default: the user's name)")
	flags.StringVar(&o.client, "client-id", "ism-demo", "OIDC client that may use the password grant")
	flags.StringVar(&services, "services", "", "services to ask for their readiness, host:port, comma-separated (default, given ISM_ variables: those of the compose stack)")
	flags.StringVar(&o.prometheus, "prometheus", "", "Prometheus, to see whether alerts reach anybody (default, given ISM_ variables: that of the compose stack)")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	print := func(out io.Writer) {
		fmt.Fprint(out, about)
		flags.SetOutput(out)
		flags.PrintDefaults()
	}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		print(stdout)
		return options{}, flag.ErrHelp
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q is not understood", flags.Arg(0))
	}
	if err == nil {
		o.target, err = parseTarget(target)
	}
	if err == nil && o.issuer != "" && !isURL(o.issuer) {
		err = errors.New("-issuer must be an http or https URL")
	}
	if err == nil && o.prometheus != "" && !isURL(o.prometheus) {
		err = errors.New("-prometheus must be an http or https URL")
	}
	if err != nil {
		fmt.Fprintf(stderr, "ism doctor: %v\n\n", err)
		print(stderr)
		return options{}, err
	}
	flags.Visit(func(f *flag.Flag) {
		o.userGiven = o.userGiven || f.Name == "user" || f.Name == "password" || f.Name == "client-id"
	})
	o.servicesGiven = services != ""
	o.services = strings.Split(cmp.Or(services, "rooms:5403,messages:5403,realtime:5403,notifications:5403,media:5403"), ",")
	o.prometheus = strings.TrimRight(o.prometheus, "/")
	o.password = cmp.Or(o.password, o.user)
	return o, nil
}

func isURL(text string) bool {
	at, err := url.Parse(text)
	return err == nil && at.Host != "" && (at.Scheme == "http" || at.Scheme == "https")
}

func parseTarget(text string) (examine.Target, error) {
	target, err := url.Parse(text)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" || strings.Trim(target.Path, "/") != "" || target.RawQuery != "" || target.User != nil {
		return examine.Target{}, errors.New("-target must be the base URL, for example http://localhost:5403")
	}
	target.Path = ""
	return examine.Target{URL: target}, nil
}

// groups are the order in which findings are printed.
var groups = []string{"configuration", gateway, services, "identity", "kafka", "rooms", "messages", "notifications", "media", alerts, "host"}

// doctor holds what its own checks share.
type doctor struct {
	options
	settings *settings
	http     *http.Client
	front    func() front // what stands at the target
	inStack  func() bool  // the names of the compose stack are known here
	identity *identity.Issuer
	bus      *bus.Bus
}

func newDoctor(opts options, known *settings, now func() time.Time) *doctor {
	d := &doctor{options: opts, settings: known, http: examine.NewClient()}
	d.front = examine.Once(d.lookAtFront)
	d.inStack = examine.Once(d.knowsServices)
	cfg, guessed := d.configuredIssuer()
	d.identity = identity.NewIssuer(cfg, guessed, known.found, identity.User{Name: d.user, Given: d.userGiven, Token: d.requestToken}, d.target, now)
	d.bus = bus.New(known.shared().Kafka, telemetry.Discard(nil))
	return d
}

// configuredIssuer is the issuer that the command line or the environment names, or else the one that the demo realm would have.
func (d *doctor) configuredIssuer() (cfg authn.Config, guessed bool) {
	cfg = d.settings.shared().OIDC
	switch {
	case d.issuer != "" && d.issuer != cfg.Issuer:
		cfg.Issuer, cfg.Address = d.issuer, ""
	case cfg.Issuer == "":
		cfg.Issuer, guessed = d.target.String()+"/realms/ism", true
	}
	return cfg, guessed
}

func (d *doctor) requestToken(ctx context.Context, httpClient *http.Client, issuer string) (string, error) {
	token, _, err := client.PasswordToken(ctx, httpClient, issuer, d.client, d.user, d.password)
	return token, err
}

// parts are all who contribute checks. A new service adds its own here.
func (d *doctor) parts() []examine.Part {
	s, found := d.settings, d.settings.found
	return []examine.Part{
		{Checks: []examine.Check{{Group: "configuration", Name: "variables", Look: s.look}}},
		{Checks: d.gatewayChecks()},
		realtime.Part(s.realtime.Realtime, d.target, d.withToken, s.inside()),
		{Checks: d.clockChecks()},
		{Checks: d.serviceChecks()},
		{Checks: d.identity.Checks()},
		kafka.Part(d.bus, s.shared().Kafka, found, s.consumerGroups()...),
		rooms.Part(s.rooms.Rooms.Postgres, s.rooms.Rooms.Migrate, found),
		messages.Part(s.messages.Messages.Cassandra, s.messages.Messages.Migrate, found),
		notifications.Part(s.notifications.Notifications.Postgres, s.notifications.Notifications.Migrate, found),
		media.Database(s.media.Media.Postgres, s.media.Media.Migrate, found),
		media.Part(s.media.Media.S3, s.media.Media.PublicURL, found, d.target),
		{Checks: d.alertChecks()},
	}
}

// examine makes all checks.
func (d *doctor) examine(ctx context.Context) report {
	var checks []examine.Check
	var secrets []string
	for _, part := range d.parts() {
		checks, secrets = append(checks, part.Checks...), append(secrets, part.Secrets...)
	}
	slices.SortStableFunc(checks, func(a, b examine.Check) int {
		return cmp.Compare(slices.Index(groups, a.Group), slices.Index(groups, b.Group))
	})
	findings := examine.Run(ctx, checks)
	examine.Redact(findings, slices.Concat(secrets, d.identity.Secrets(), examine.Password(d.user, config.Secret(d.password))))
	return newReport(d.target.String(), findings)
}
