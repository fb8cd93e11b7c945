package outbox

// These are the relay's limits.
const (
	BatchSize    = batchSize
	BatchBytes   = batchBytes
	AwaitTimeout = awaitTimeout
	LastLook     = lastLook
)

// Age is what the relay shows as the age of its oldest row, seconds.
func (r *Relay) Age() float64 { return r.age() }

// Found is the number of rows that the relay shows.
func (r *Relay) Found() int { return int(r.rows.Load()) }

// Leads reports whether the relay leads.
func (r *Relay) Leads() bool { return r.leads.Load() }

// Waiting is the number of rows that are waited for.
func (r *Relay) Waiting() int {
	r.waiters.mu.Lock()
	defer r.waiters.mu.Unlock()
	return len(r.waiters.rows)
}
