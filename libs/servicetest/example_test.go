package servicetest_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

// A test runs a part, waits for what it does, and looks at what it has logged.
func Example() {
	_ = func(t *testing.T) {
		var kept servicetest.Log
		logger := slog.New(slog.NewTextHandler(&kept, nil))
		var ready atomic.Bool
		servicetest.Run(t, "worker", func(ctx context.Context) error {
			logger.InfoContext(ctx, "ready")
			ready.Store(true)
			<-ctx.Done()
			return nil
		})
		servicetest.Await(t, "the worker is ready", ready.Load)
		if errors := kept.Errors(); len(errors) > 0 {
			t.Errorf("logged at error level: %s", errors)
		}
	}
}
