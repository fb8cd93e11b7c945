package bus

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// disturbances logs the connection errors of a client, the first few and then one in ten seconds. The client's own log is off: its
// errors come as events, too, and reading that log would cost ten wake-ups a second for each client.
type disturbances struct {
	log    *slog.Logger
	client string
	often  rate.Sometimes
}

func (b *Bus) disturbances(client string) *disturbances {
	return &disturbances{log: b.tel.Log, client: client, often: rate.Sometimes{First: 3, Interval: 10 * time.Second}}
}

func (d *disturbances) report(ctx context.Context, err error) {
	d.often.Do(func() {
		d.log.WarnContext(ctx, "the connection to Kafka is disturbed", "client", d.client, "error", err.Error())
	})
}
