package outbox

// BatchSize and AwaitTimeout are the relay's limits.
const (
	BatchSize    = batchSize
	BatchBytes   = batchBytes
	AwaitTimeout = awaitTimeout
)

// Age is what the relay shows as the age of its oldest row, seconds.
func (r *Relay) Age() float64 { return r.age() }

// Found is the number of rows that the relay shows.
func (r *Relay) Found() int { return int(r.rows.Load()) }

// Waiting is the number of rows that are waited for.
func (r *Relay) Waiting() int { return len(r.waiters.rows) }
