package deployable_test

import (
	"context"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
)

// greeter is the smallest service there is.
type greeter struct{ greeting string }

func (g greeter) Routes(api fiber.Router) {
	api.Get("/api/greeting", func(c *fiber.Ctx) error { return c.SendString(g.greeting) })
}

func (greeter) InternalRoutes(fiber.Router) {}

func (greeter) Parts() []lifecycle.Part {
	return []lifecycle.Part{{Name: "greeter", Run: func(ctx context.Context) error { <-ctx.Done(); return nil }}}
}

func (greeter) Checks() []httpapi.Check { return nil }

// GreeterConfig is what the greeter's own program is configured with: ISM_GREETER_GREETING, and what every deployable has.
type GreeterConfig struct {
	deployable.Config
	Greeter struct {
		Greeting string `default:"Hello" desc:"what is said"`
	}
}

// This is the main function of a service's program.
func ExampleProgram() {
	main := func() {
		os.Exit(deployable.Program(os.Args[1:], "greeter", func(cfg *GreeterConfig, _ *deployable.Host) (deployable.Service, error) {
			return greeter{cfg.Greeter.Greeting}, nil
		}))
	}
	_ = main
}
