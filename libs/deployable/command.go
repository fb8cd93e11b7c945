package deployable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Command is something that a service's program does beside running the service.
type Command struct {
	// Name is the first argument.
	Name string
	// Usage says what there is: a line for each way to call it.
	Usage []Usage
	// Run does it, with the arguments behind the name. An error is exit code 1; a [UsageError] and faults of the configuration are
	// [ExitUsage]. ctx ends by SIGINT and SIGTERM.
	Run func(ctx context.Context, args []string, stdout io.Writer) error
}

// Usage is a way to call a command.
type Usage struct {
	Line string // the arguments, the command's name among them
	Does string
}

// UsageError says what is wrong with a command line.
type UsageError string

// Error implements error.
func (e UsageError) Error() string { return string(e) }

// health is the command of every program.
func health() Command {
	return Command{
		Name:  "health",
		Usage: []Usage{{"health", "say by the exit code whether the one that runs beside it, with the same configuration, is ready"}},
		Run: func(ctx context.Context, args []string, _ io.Writer) error {
			if len(args) > 0 {
				return UsageError("health takes no arguments")
			}
			return Health(ctx)
		},
	}
}

// runCommand does what the arguments, of which there is one at least, name.
func runCommand(program string, args []string, commands []Command, stdout, stderr io.Writer) int {
	if name := args[0]; name == "help" || name == "-h" || name == "--help" {
		writeUsage(stdout, program, commands)
		return 0
	}
	for _, command := range commands {
		if command.Name != args[0] {
			continue
		}
		ctx, stop := untilTold()
		defer stop()
		err := command.Run(ctx, args[1:], stdout)
		if wrong, ok := errors.AsType[UsageError](err); ok {
			_, _ = fmt.Fprintf(stderr, "%s: %s\n\n", program, wrong)
			writeUsage(stderr, program, commands)
			return ExitUsage
		}
		return exitCode(err, stderr)
	}
	_, _ = fmt.Fprintf(stderr, "%s: there is no command %q\n\n", program, strings.Join(args, " "))
	writeUsage(stderr, program, commands)
	return ExitUsage
}

func writeUsage(w io.Writer, program string, commands []Command) {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(out, "usage:")
	line := func(usage Usage) {
		_, _ = fmt.Fprintf(out, "  %s\t%s\n", strings.TrimSpace(program+" "+usage.Line), usage.Does)
	}
	line(Usage{"", "run the service; it is configured by ISM_* variables (docs/configuration.md)"})
	for _, command := range commands {
		for _, usage := range command.Usage {
			line(usage)
		}
	}
	line(Usage{"help", "print this"})
	_ = out.Flush()
}
