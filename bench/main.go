// Command bench drives a running messenger open-loop and prints how long messages took, as a table and, on request, as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/ism-chat/ism/bench/load"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	base := flags.String("url", "http://localhost:5403", "base URL of the messenger")
	issuer := flags.String("issuer", "", "OIDC issuer that gives tokens by the password grant (default: URL/realms/ism)")
	clientID := flags.String("client", "ism-demo", "OIDC client that may use the password grant")
	users := flags.Int("users", 20, "users, each with a stream; they are named u01, u02, …")
	roomSize := flags.Int("room", 10, "users a room")
	rate := flags.Int("rate", 100, "messages a second")
	duration := flags.Duration("for", 20*time.Second, "how long to send")
	asJSON := flags.String("json", "", "file to write the result to")
	if err := flags.Parse(args); err != nil {
		return err //nolint:wrapcheck // the flag set has printed it
	}
	if *issuer == "" {
		*issuer = strings.TrimRight(*base, "/") + "/realms/ism"
	}
	result, err := load.Run(ctx, load.Options{
		BaseURL: *base, Issuer: *issuer, ClientID: *clientID, Users: load.Names(*users), RoomSize: *roomSize,
		Rate: *rate, Duration: *duration, WarmUp: 3 * time.Second,
	})
	if err != nil {
		return err
	}
	fmt.Print(result.Table())
	if *asJSON == "" {
		return nil
	}
	raw, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if err := os.WriteFile(*asJSON, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
