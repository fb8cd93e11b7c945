package webpush

// Preview says what a push says of a message.
type Preview string

// The previews.
const (
	Full       Preview = "full"   // sender and text
	SenderOnly Preview = "sender" // sender
	Nothing    Preview = "none"   // the room alone
)

// Previews are all that there are.
func Previews() []Preview { return []Preview{Full, SenderOnly, Nothing} }
