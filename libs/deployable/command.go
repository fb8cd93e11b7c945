package deployable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
	if args[0] == "help" || isHelp(args[0]) {
		writeUsage(stdout, program, commands)
		return 0
	}
	for _, command := range commands {
		if command.Name == args[0] {
			return command.Main(program, args[1:], stdout, stderr)
		}
	}
	_, _ = fmt.Fprintf(stderr, "%s: there is no command %q\n\n", program, strings.Join(args, " "))
	writeUsage(stderr, program, commands)
	return ExitUsage
}

// Main does it, with the arguments behind the name, until it is told to stop by SIGINT or SIGTERM, and gives the exit code. Asked for help it says how it is
// called. Program is what the errors and the usage begin with.
func (c Command) Main(program string, args []string, stdout, stderr io.Writer) int {
	if slices.ContainsFunc(args, isHelp) {
		printUsage(stdout, program, c.Usage)
		return 0
	}
	ctx, stop := untilTold()
	defer stop()
	err := c.Run(ctx, args, stdout)
	if wrong, ok := errors.AsType[UsageError](err); ok {
		_, _ = fmt.Fprintf(stderr, "%s: %s\n\n", program, wrong)
		printUsage(stderr, program, c.Usage)
		return ExitUsage
	}
	return exitCode(err, program+": ", stderr)
}

// isHelp reports whether an argument asks for help.
func isHelp(arg string) bool { return arg == "-h" || arg == "--help" }

func writeUsage(w io.Writer, program string, commands []Command) {
	all := []Usage{{"", "run the service; it is configured by ISM_* variables (docs/configuration.md)"}}
	for _, command := range commands {
		all = append(all, command.Usage...)
	}
	printUsage(w, program, append(all, Usage{"help", "print this"}))
}

func printUsage(w io.Writer, program string, all []Usage) {
	out := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(out, "usage:")
	for _, usage := range all {
		_, _ = fmt.Fprintf(out, "  %s\t%s\n", strings.TrimSpace(program+" "+usage.Line), usage.Does)
	}
	_ = out.Flush()
}
