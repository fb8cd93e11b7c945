// Package operator has the commands by which an operator sees what webhooks, inboxes and devices are doing, and puts it right: over the API, as a backend of no
// tenant, and never past it.
//
// Each group of commands is a file, and each of its commands a [verb].
package operator

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/deployable"
)

// Commands are those of a program that offers them, in an environment in the form of [os.Environ].
func Commands(environ []string) []deployable.Command {
	return []deployable.Command{webhooks().command(environ), deadLetters().command(environ), inbox().command(environ), devices().command(environ)}
}

// group is a command, of which the first argument names a verb.
type group struct {
	name  string
	verbs []verb
}

// verb is one thing that a group can do.
type verb struct {
	name    string
	args    []string // what it takes: ID; [ID], which may be missing; ID…, of which there may be more
	options string   // its flags, as usage shows them
	does    string
	// prepare adds the verb's flags, and gives what it does once they are parsed.
	prepare func(flags *flag.FlagSet) action
}

// action does something, with the arguments that are no flags. Of a wrong command line the error is a [deployable.UsageError].
type action func(ctx context.Context, s *session, args []string) error

// plain is the prepare of a verb without flags.
func plain(do action) func(*flag.FlagSet) action { return func(*flag.FlagSet) action { return do } }

func (g group) command(environ []string) deployable.Command {
	usage := make([]deployable.Usage, 0, len(g.verbs)+1)
	for _, v := range g.verbs {
		usage = append(usage, deployable.Usage{Line: v.line(g.name), Does: v.does})
	}
	usage = append(usage, deployable.Usage{
		Line: g.name + " … [--json] [--url URL] [--issuer URL]",
		Does: "as JSON; of the ISM at ISM_URL, with ISM_TOKEN, or ISM_CLIENT_ID and ISM_CLIENT_SECRET, of a backend",
	})
	return deployable.Command{Name: g.name, Usage: usage, Run: func(ctx context.Context, args []string, stdout io.Writer) error {
		return g.run(ctx, environ, args, stdout)
	}}
}

// line is how a verb is called.
func (v verb) line(group string) string {
	return strings.Join(slices.DeleteFunc([]string{group, v.name, strings.Join(v.args, " "), v.options}, func(part string) bool { return part == "" }), " ")
}

// run does what the arguments say.
func (g group) run(ctx context.Context, environ, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return deployable.UsageError(g.name + " of what: " + g.names())
	}
	at := slices.IndexFunc(g.verbs, func(v verb) bool { return v.name == args[0] })
	if at < 0 {
		return deployable.UsageError(fmt.Sprintf("%s does not know %q; it takes %s", g.name, args[0], g.names()))
	}
	v := g.verbs[at]
	flags := flag.NewFlagSet(g.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var asked options
	asked.addTo(flags)
	do := v.prepare(flags)
	given, err := parse(flags, args[1:])
	if err != nil {
		return deployable.UsageError(err.Error())
	}
	if !v.takes(len(given)) {
		return deployable.UsageError("it is called as " + v.line(g.name))
	}
	s, err := open(environ, asked, stdout)
	if err != nil {
		return err
	}
	defer s.close()
	return explain(do(ctx, s, given))
}

func (g group) names() string {
	names := make([]string, len(g.verbs))
	for i, v := range g.verbs {
		names[i] = v.name
	}
	return strings.Join(names, ", ")
}

// takes reports whether a verb can be called with so many arguments.
func (v verb) takes(n int) bool {
	least, most := 0, len(v.args)
	for _, arg := range v.args {
		if !strings.HasPrefix(arg, "[") {
			least++
		}
		if strings.Contains(arg, "…") {
			most = n
		}
	}
	return n >= least && n <= most
}

// parse parses flags wherever they stand, and gives all else. Behind "--" nothing is a flag.
func parse(flags *flag.FlagSet, args []string) (given []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err //nolint:wrapcheck // it is told as it is
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return given, nil
		}
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			return append(given, rest...), nil
		}
		given, args = append(given, rest[0]), rest[1:]
	}
}

// idOf reads an argument that is an id.
func idOf(what, text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, deployable.UsageError(fmt.Sprintf("%s must be a UUID, and %q is none", what, text))
	}
	return id, nil
}

// idsOf reads arguments that are ids.
func idsOf(what string, texts []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		id, err := idOf(what, text)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}
