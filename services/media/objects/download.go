package objects

import (
	"mime"
	"slices"

	"github.com/ism-chat/ism/services/media/internal/filenames"
)

// unknown is the type of what no browser shows.
const unknown = "application/octet-stream"

// shown are the types that a browser may show: pictures, sound and film, of which none can hold a script that browsers run. SVG is none of
// them. PDF is none either: viewers run what is in it. A browser that is given one of these never takes the content for HTML, whatever it
// is, and never runs it as a script (WHATWG, MIME Sniffing, section 7; Fetch, "should response to request be blocked due to its MIME type").
var shown = []string{
	"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/heic", "image/heif",
	"audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/opus", "audio/wav", "audio/webm", "audio/flac",
	"video/mp4", "video/webm", "video/ogg", "video/quicktime",
}

// Served gives Content-Type and Content-Disposition of a download, whatever type was declared and whatever the content is. This is what is
// guaranteed in place of X-Content-Type-Options: nosniff, which a signed request of S3 cannot ask for: content has one of a few types of
// pictures, sound and film, which browsers believe; all else is application/octet-stream and an attachment, which they keep and do not open.
// A page of somebody else's that names a download as its script could still have it run there where nothing says nosniff: package directory
// and the gateway say it.
func (d Download) Served() (contentType, disposition string) {
	kind, _, err := mime.ParseMediaType(d.Type)
	if err != nil || !slices.Contains(shown, kind) {
		return unknown, filenames.Disposition(d.FileName, false)
	}
	if d.Inline {
		return kind, filenames.Disposition(d.FileName, true)
	}
	return kind, filenames.Disposition(d.FileName, false)
}
