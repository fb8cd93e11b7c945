// Package demo plays the main job against a running messenger: two users side by side, who meet in a room, chat live, lose
// and resume a stream and read back what was said. It ends with what it measured.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
)

type options struct {
	url      string
	issuer   string
	clientID string
	left     string
	right    string
	messages int
	rate     int
}

const defaultURL = "http://localhost:5403"

// deadline is how long the demo takes at most, beside the time in which it sends what is measured: as long as a stack that has just been
// started may be slow.
const deadline = 2 * time.Minute

// Run plays the demo and prints it.
func Run(ctx context.Context, args []string, out io.Writer) error {
	opts, err := parse(args, out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	d := newDemo(opts, out)
	defer d.http.CloseIdleConnections()
	return d.play(ctx)
}

func newDemo(opts options, out io.Writer) *demo {
	return &demo{
		options: opts, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, screen: newScreen(out, opts.left, opts.right),
		deadline: deadline, every: tellEvery, pause: pause, known: map[uuid.UUID]bool{},
	}
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("ism demo", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.url, "target", defaultURL, "base URL of the messenger; \"compose\" is the stack that make up has started")
	flags.StringVar(&o.issuer, "issuer", "", "OIDC issuer that gives tokens by the password grant (default: the target's own, under /realms/ism)")
	flags.StringVar(&o.clientID, "client", "ism-demo", "OIDC client that may use the password grant")
	flags.StringVar(&o.left, "left", "alice", "user on the left; the password is the name")
	flags.StringVar(&o.right, "right", "bob", "user on the right; the password is the name")
	flags.IntVar(&o.messages, "messages", 300, "messages that are measured")
	flags.IntVar(&o.rate, "rate", 100, "measured messages a second")
	if err := flags.Parse(args); err != nil {
		return options{}, err //nolint:wrapcheck // it has been printed as it is
	}
	if o.messages < 1 || o.rate < 1 {
		return options{}, errors.New("-messages and -rate must be above 0")
	}
	if o.url == "compose" {
		o.url = defaultURL
		if public := os.Getenv("PUBLIC_URL"); public != "" {
			o.url = public
		}
	}
	if o.issuer == "" {
		o.issuer = strings.TrimRight(o.url, "/") + "/realms/ism"
	}
	return o, nil
}

type demo struct {
	options
	http     *http.Client
	screen   *screen
	deadline time.Duration
	every    time.Duration                                    // between two lines that say what is waited for
	pause    func(ctx context.Context, d time.Duration) error // fails with ctx
	known    map[uuid.UUID]bool                               // messages of the history that are accounted for
}

// user is one side of the demo, with its open stream.
type user struct {
	name   string
	side   side
	id     uuid.UUID
	client *client.Client
	stream *client.Stream
}

func (d *demo) play(ctx context.Context) error {
	sending := time.Duration(d.messages) * time.Second / time.Duration(d.rate)
	ctx, cancel := context.WithTimeoutCause(ctx, d.deadline+sending, fmt.Errorf("it takes longer than %s", d.deadline+sending))
	defer cancel()
	left, err := d.signIn(ctx, d.left, leftSide)
	if err != nil {
		return err
	}
	right, err := d.signIn(ctx, d.right, rightSide)
	if err != nil {
		return err
	}
	room, err := d.meet(ctx, left, right)
	if err != nil {
		return err
	}
	for _, u := range []*user{left, right} {
		if err := d.openStream(ctx, u, ""); err != nil {
			return err
		}
		defer func() { u.stream.Close() }()
		d.screen.say(u.side, "(stream open)")
	}

	lines := []string{"Lunch?", "Yes! Soup or salad? 🥗", "Soup 🥣", "At noon, then."}
	var live []wire.Message
	for i, line := range lines {
		from, to := left, right
		if i%2 == 1 {
			from, to = right, left
		}
		message, err := d.sayLive(ctx, from, to, room, line)
		if err != nil {
			return err
		}
		live = append(live, message)
	}
	missed, err := d.loseAndResume(ctx, left, right, room)
	if err != nil {
		return err
	}
	if err := d.readBack(ctx, right, room, append(live, missed...)); err != nil {
		return err
	}
	return d.measure(ctx, left, right, room)
}

func (d *demo) signIn(ctx context.Context, name string, on side) (*user, error) {
	var token string
	err := d.until(ctx, name+" to be signed in", func(ctx context.Context) (err error) {
		token, _, err = client.PasswordToken(ctx, d.http, d.issuer, d.clientID, name, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sign %s in at %s: %w", name, d.issuer, err)
	}
	id, err := client.Subject(token)
	if err != nil {
		return nil, fmt.Errorf("read the token of %s: %w", name, err)
	}
	u := &user{name: name, side: on, id: id, client: client.New(d.url, d.http, client.Token(token))}
	var rooms []wire.Room
	err = d.until(ctx, "the rooms of "+name, func(ctx context.Context) (err error) {
		rooms, err = u.client.Rooms(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the rooms of %s: %w", name, err)
	}
	d.screen.say(on, fmt.Sprintf("(signed in, %d rooms)", len(rooms)))
	return u, nil
}

// meet gives the Single room of the two, which an earlier demo may have left, and takes in what is in it already.
func (d *demo) meet(ctx context.Context, left, right *user) (room uuid.UUID, err error) {
	err = d.until(ctx, "a room", func(ctx context.Context) error {
		room, err = d.createOrFind(ctx, left, right)
		return err
	})
	if err != nil {
		return uuid.Nil, err
	}
	history, err := d.history(ctx, left, room)
	for _, message := range history {
		d.known[message.ID] = true
	}
	return room, err
}

func (d *demo) createOrFind(ctx context.Context, left, right *user) (uuid.UUID, error) {
	room, err := left.client.CreateRoom(ctx, client.NewRoom{Type: wire.Single, Invited: []uuid.UUID{left.id, right.id}})
	if err == nil {
		d.screen.say(left.side, "(room created)")
		return room.ID, nil
	}
	if !client.HasCode(err, "room-exists") {
		return uuid.Nil, fmt.Errorf("create a room: %w", err)
	}
	rooms, err := left.client.Rooms(ctx)
	if err != nil {
		return uuid.Nil, fmt.Errorf("look for the room: %w", err)
	}
	for _, r := range rooms {
		if r.Type != wire.Single {
			continue
		}
		members, err := left.client.Members(ctx, r.ID)
		if err != nil {
			return uuid.Nil, fmt.Errorf("look for the room: %w", err)
		}
		for _, m := range members {
			if m.ID == right.id {
				d.screen.say(left.side, "(room found)")
				return r.ID, nil
			}
		}
	}
	return uuid.Nil, errors.New("the room of the two exists, but is not in the list of rooms")
}

// sayLive sends a line and waits until it stands on both streams.
func (d *demo) sayLive(ctx context.Context, from, to *user, room uuid.UUID, line string) (wire.Message, error) {
	d.screen.say(from.side, line)
	start := time.Now()
	sent, err := d.send(ctx, from, room, line)
	if err != nil {
		return wire.Message{}, err
	}
	if err := d.awaitMessage(ctx, to, sent.ID); err != nil {
		return wire.Message{}, err
	}
	d.screen.say(to.side, fmt.Sprintf("« %s »  %s", line, milliseconds(time.Since(start))))
	return sent, d.awaitMessage(ctx, from, sent.ID)
}

// loseAndResume cuts the right user's stream, lets the left one write, and resumes it.
func (d *demo) loseAndResume(ctx context.Context, left, right *user, room uuid.UUID) ([]wire.Message, error) {
	last := right.stream.LastEventID()
	right.stream.Close()
	d.screen.say(right.side, "(stream lost behind "+last+")")
	var missed []wire.Message
	for _, line := range []string{"Are you there?", "I'll be at the door."} {
		d.screen.say(left.side, line)
		sent, err := d.send(ctx, left, room, line)
		if err != nil {
			return nil, err
		}
		missed = append(missed, sent)
	}
	if err := d.openStream(ctx, right, last); err != nil {
		return nil, err
	}
	d.screen.say(right.side, "(stream resumed)")
	for _, m := range missed {
		if err := d.awaitMessage(ctx, right, m.ID); err != nil {
			return nil, err
		}
		d.screen.say(right.side, "« "+textOf(m)+" »  missed, not lost")
	}
	return missed, nil
}

// readBack compares the newest part of the history with what was seen live.
func (d *demo) readBack(ctx context.Context, reader *user, room uuid.UUID, live []wire.Message) error {
	history, err := d.history(ctx, reader, room)
	if err != nil {
		return err
	}
	// What was written though nobody was told so is in the history, too, and was not waited for.
	slices.Reverse(history)
	history = slices.DeleteFunc(history, func(m wire.Message) bool {
		return !slices.ContainsFunc(live, func(said wire.Message) bool { return said.ID == m.ID })
	})
	if len(history) < len(live) {
		return fmt.Errorf("the history has %d messages of %d", len(history), len(live))
	}
	d.screen.line(fmt.Sprintf("The history, as %s scrolls back to it:", reader.name))
	for i, want := range live {
		got := history[i]
		if got.ID != want.ID {
			return fmt.Errorf("the history has message %s where %s was seen live", got.ID, want.ID)
		}
		who := d.left
		if got.SenderID == reader.id {
			who = reader.name
		}
		d.screen.line(fmt.Sprintf("  %s  %-8s %s", got.CreatedAt.Format("15:04:05.000"), who, textOf(got)))
	}
	d.screen.line("The history is what both saw live, in the same order.")
	return nil
}
