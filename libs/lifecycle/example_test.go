package lifecycle_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ism-chat/ism/libs/lifecycle"
)

// Parts start together and stop in reverse: what others need stands before them.
func ExampleGroup() {
	group := lifecycle.New(lifecycle.Config{StopTimeout: time.Minute}, slog.New(slog.DiscardHandler))
	for _, name := range []string{"store", "consumer"} {
		group.Add(lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(name, "stops")
			return nil
		}})
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	fmt.Println(group.Run(ctx))
	// Output:
	// consumer stops
	// store stops
	// <nil>
}
