// Command ism is the whole messenger in one process, and the tools for those who run it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/ism-chat/ism/cmd/ism/internal/demo"
	"github.com/ism-chat/ism/cmd/ism/internal/doctor"
	"github.com/ism-chat/ism/cmd/ism/internal/oneprocess"
	"github.com/ism-chat/ism/cmd/ism/internal/seedconfig"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/notifications"
)

const usage = `ism is an instant messenger for SaaS backends, all of it in one process.

usage:
  ism          run the messenger; it is configured by ISM_* variables (docs/configuration.md)
  ism health   say by the exit code whether the messenger that runs beside it, with the same configuration, is ready
  ism demo     two users chat through a running messenger (ism demo -h lists its flags)
  ism doctor   look at an installation, from outside and from inside, and say for each fault what to do (ism doctor -h)
  ism import-config FILE
               print the .env for the Rust ISM's production.config.toml (docs/configuration-from-toml.md)
  ism webhooks, ism dead-letters, ism inbox, ism devices
               what an operator sees and does of a running messenger, over its API (ism webhooks -h)
  ism help     print this
`

func main() {
	os.Exit(dispatch(os.Args[1:], os.Stdout, os.Stderr))
}

func dispatch(args []string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "":
		return deployable.Main(func(ctx context.Context) error { return oneprocess.Run(ctx, stdout) })
	case "health":
		return deployable.Main(deployable.Health)
	case "demo":
		return deployable.Main(func(ctx context.Context) error { return demo.Run(ctx, args[1:], stdout) })
	case "doctor":
		return doctor.Main(context.Background(), args[1:], os.Environ(), stdout, stderr)
	case "import-config":
		return seedconfig.Main(args[1:], stdout, stderr)
	case "help", "-h", "--help":
		_, _ = fmt.Fprint(stdout, usage)
		return 0
	default:
		for _, operate := range notifications.Operate(os.Environ()) {
			if operate.Name == command {
				return operate.Main("ism", args[1:], stdout, stderr)
			}
		}
		_, _ = fmt.Fprintf(stderr, "ism: there is no command %q\n\n%s", command, usage)
		return deployable.ExitUsage
	}
}
