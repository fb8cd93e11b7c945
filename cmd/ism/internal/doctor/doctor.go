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
	"strings"
	"sync"
	"time"

	"github.com/ism-chat/ism/libs/bus"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/telemetry"
)

const exitFault = 1

const about = `usage: ism doctor [flags]

Looks at an installation and says for each fault what to do. From anywhere it looks at the public address; given the services' own
ISM_ variables, also at what is behind it: docker compose run --rm doctor. What it lacks a variable for it does not check, and says so.
The exit code is 0 without faults, 1 with faults, 2 for a wrong command line.

`

// options are the command line.
type options struct {
	target   *url.URL
	issuer   string
	user     string
	password string
	client   string
	services []string
	json     bool

	userGiven     bool
	servicesGiven bool
}

var errUsage = errors.New("wrong command line")

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
	d := newDoctor(opts, known)
	r := d.examine(ctx)
	write := r.writeText
	if opts.json {
		write = r.writeJSON
	}
	if err := write(stdout); err != nil {
		fmt.Fprintf(stderr, "ism doctor: %v\n", err)
		return exitFault
	}
	if r.Counts[Fault] > 0 {
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
	flags.StringVar(&o.client, "client-id", "ism-web", "OIDC client that may use the password grant")
	flags.StringVar(&services, "services", "", "services to ask for their readiness, host:port, comma-separated (default, given ISM_ variables: those of the compose stack)")
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
	if err == nil && o.issuer != "" {
		if at, bad := url.Parse(o.issuer); bad != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			err = errors.New("-issuer must be an http or https URL")
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "ism doctor: %v\n\n", err)
		print(stderr)
		return options{}, errUsage
	}
	flags.Visit(func(f *flag.Flag) {
		o.userGiven = o.userGiven || f.Name == "user" || f.Name == "password" || f.Name == "client-id"
	})
	o.servicesGiven = services != ""
	o.services = strings.Split(cmp.Or(services, "rooms:5403,messages:5403,realtime:5403,notifications:5403,media:5403"), ",")
	o.password = cmp.Or(o.password, o.user)
	return o, nil
}

func parseTarget(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" || strings.Trim(target.Path, "/") != "" || target.RawQuery != "" || target.User != nil {
		return nil, errors.New("-target must be the base URL, for example http://localhost:5403")
	}
	target.Path = ""
	return target, nil
}

// doctor holds what the checks share.
type doctor struct {
	options
	settings    *settings
	now         func() time.Time
	patience    patience
	http        *http.Client // to addresses as they are
	public      *http.Client // to addresses as clients outside have them
	front       func() front // what stands at the target
	inStack     func() bool  // the names of the compose stack are known here
	identity    *identity
	lostBrokers func() []string // of those that are configured, each with the reason
	bus         *bus.Bus
	topics      []bus.Topic // that have to be there
}

func newDoctor(opts options, known *settings) *doctor {
	d := &doctor{options: opts, settings: known, now: time.Now, patience: usualPatience(), http: newClient(nil)}
	d.public = newClient(d.dialPublic)
	d.front = sync.OnceValue(d.lookAtFront)
	d.inStack = sync.OnceValue(d.knowsServices)
	d.identity = newIdentity(d)
	d.lostBrokers = sync.OnceValue(func() []string {
		ctx, cancel := context.WithTimeout(context.Background(), limit-grace)
		defer cancel()
		return unreachable(ctx, known.shared().Kafka.Brokers)
	})
	d.bus = bus.New(known.shared().Kafka, telemetry.Discard(nil))
	d.topics = d.bus.Table()
	return d
}

// examine makes all checks.
func (d *doctor) examine(ctx context.Context) report {
	var checks []check
	for _, group := range [][]check{
		d.gatewayChecks(), d.serviceChecks(), d.identity.checks(), d.kafkaChecks(), d.roomsChecks(), d.messagesChecks(), d.mediaChecks(), d.hostChecks(),
	} {
		checks = append(checks, group...)
	}
	findings := append(d.settings.findings(), runAll(ctx, checks)...)
	secrets := append(d.settings.secrets(), d.identity.secret()...)
	if d.password != d.user {
		secrets = append(secrets, d.password)
	}
	redact(findings, secrets)
	return newReport(d.target.String(), findings)
}
