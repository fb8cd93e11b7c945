package stream

// Reason is why a stream ended.
type Reason uint8

// Why a stream ended.
const (
	None         Reason = iota // it has not
	Slow                       // the client did not keep up: its queue was full, or a write took too long
	Gone                       // the connection broke
	Silent                     // the client's machine acknowledged nothing for too long
	Garbage                    // the client sent what nobody asked for
	Expired                    // the token's time was over, or the stream's
	Replaced                   // the user has opened more streams than it may, and this was the oldest
	Disconnected               // the backend has told the user's streams to end
	SignedOut                  // the user was signed out, or the token's session was
	Drained                    // this process stops, or has missed which streams were to end
)

// Reasons are all reasons why streams end.
func Reasons() []Reason {
	return []Reason{Slow, Gone, Silent, Garbage, Expired, Replaced, Disconnected, SignedOut, Drained}
}

// String is the reason's name in metrics and on the wire.
func (r Reason) String() string {
	return [...]string{"", "slow", "gone", "silent", "garbage", "expired", "replaced", "disconnected", "signed-out", "drained"}[r]
}

// told reports whether somebody has told the stream to end: it ends for that, whatever goes wrong while it does.
func (r Reason) told() bool {
	return r == Replaced || r == Disconnected || r == SignedOut || r == Drained
}
