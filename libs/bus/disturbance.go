package bus

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// disturbances tells the log what a client has trouble with, and not the same trouble many times a second. The clients' own
// logging is off: what it says of errors comes as events too, and following it costs ten wake-ups a second for each client.
type disturbances struct {
	log    *slog.Logger
	client string
	often  rate.Sometimes
}

func (b *Bus) disturbances(client string) *disturbances {
	return &disturbances{log: b.tel.Log, client: client, often: rate.Sometimes{First: 3, Interval: 10 * time.Second}}
}

func (d *disturbances) tell(ctx context.Context, err error) {
	d.often.Do(func() {
		d.log.WarnContext(ctx, "the connection to Kafka is disturbed", "client", d.client, "error", err.Error())
	})
}
