package wire

// MediaState is how far a medium is.
type MediaState string

// The states.
const (
	MediaPending  MediaState = "pending"  // its bytes are awaited
	MediaUploaded MediaState = "uploaded" // its bytes are there, and are looked at
	MediaReady    MediaState = "ready"    // messages may use it
	MediaRejected MediaState = "rejected" // it is never used: its reason says why
	MediaDeleted  MediaState = "deleted"
)

// Known reports whether it is one of the states.
func (s MediaState) Known() bool {
	switch s {
	case MediaPending, MediaUploaded, MediaReady, MediaRejected, MediaDeleted:
		return true
	}
	return false
}
