package images

import (
	"bytes"
	"encoding/binary"
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// SniffBytes is how much of a file's beginning [Sniff] looks at.
const SniffBytes = 4 << 10

// Verdict is what the first bytes of a file say of the type that was declared for it.
type Verdict int

// The verdicts.
const (
	CannotTell Verdict = iota // of text, of application/octet-stream, and of types that have no signature that we know
	Matches
	Mismatch
)

func (v Verdict) String() string { return [...]string{"cannot tell", "matches", "mismatch"}[v] }

// Sniff compares a file's first bytes, of which it looks at [SniffBytes], with its declared MIME type, which may have parameters. It also gives the type that they look like.
//
// Types whose names differ while their containers do not are one: a voice note that a browser records is WebM or MP4 without a picture, and nobody agrees on its name.
// A document that is a container of another kind (DOCX is a ZIP) matches when its container does, since what tells it may come after the first bytes.
//
// Polyglots, files that are valid as two types:
//   - HTML and SVG in what claims to be an image, a video or a sound, anywhere in these bytes, are refused (also as a comment of a GIF): a server in between that drops
//     nosniff would have them run. So is a PDF: readers look for its header in the first KiB.
//   - What claims to be text is refused when a browser would take it for a page or an SVG, by what it begins with (WHATWG MIME Sniffing, 7.1). Markdown that begins with
//     <h1>, and text that tells of <script> further on, are text.
//   - GIF and JavaScript in one file is refused where the header gives it away: its width is that of "/*" or of "=" and a further character, over 8,000 pixels. Others pass:
//     no browser runs image/gif under nosniff.
//   - An archive behind an image (GIFAR) begins as an image and is not seen here: [Inspect], which has the whole file, refuses a ZIP's end record at its end. Anything else
//     behind an image is left: phones put videos and depth maps there. Variants never have it.
//   - An SVG that is declared as one matches, with its scripts; of HTML and XML that are declared as such nothing is said. It is for the download to give these a type that
//     does not run.
func Sniff(head []byte, declared string) (verdict Verdict, detected string) {
	head = head[:min(len(head), SniffBytes)]
	found := mimetype.Detect(head)
	detected = withoutParameters(found.String())
	declaredType, _, err := mime.ParseMediaType(declared)
	if err != nil || !strings.Contains(declaredType, "/") {
		return Mismatch, detected
	}
	return compare(head, family(declaredType), declaredType, found), detected
}

func compare(head []byte, want, declared string, found *mimetype.MIME) Verdict {
	switch {
	case want == "image/svg+xml":
		return matchesIf(found.Is("image/svg+xml"))
	case isMedia(want) && (hidesActiveContent(head) || hidesPDF(head)):
		return Mismatch
	case want == "text/html", want == "application/xhtml+xml", want == "text/xml", strings.HasSuffix(want, "+xml"):
		return CannotTell
	case strings.HasPrefix(want, "text/"):
		return textOf(head, found)
	case want == octetStream:
		return CannotTell
	}
	return containerOf(want, declared, found)
}

const octetStream = "application/octet-stream"

func matchesIf(matches bool) Verdict {
	if matches {
		return Matches
	}
	return Mismatch
}

func isMedia(mimeType string) bool {
	kind, _, _ := strings.Cut(mimeType, "/")
	return kind == "image" || kind == "video" || kind == "audio" || mimeType == "application/ogg"
}

// textOf judges what claims to be text: bytes that no text has are a mismatch, too.
func textOf(head []byte, found *mimetype.MIME) Verdict {
	if beginsAsPage(head) {
		return Mismatch
	}
	for parent := found; parent != nil; parent = parent.Parent() {
		if parent.Is("text/plain") {
			return CannotTell
		}
	}
	if found.Is(octetStream) {
		return CannotTell // an encoding that was not recognised
	}
	return Mismatch
}

func containerOf(want, declared string, found *mimetype.MIME) Verdict {
	for parent := found; parent != nil && !parent.Is(octetStream); parent = parent.Parent() {
		if family(parent.String()) == want || parent.Is(declared) {
			return Matches
		}
	}
	known := mimetype.Lookup(declared)
	if known == nil {
		known = mimetype.Lookup(want)
	}
	if known == nil {
		return unknownOf(want, found)
	}
	for parent := known.Parent(); parent != nil && !parent.Is(octetStream) && !parent.Is("text/plain"); parent = parent.Parent() {
		if found.Is(parent.String()) && !isMedia(want) {
			return Matches // the container of it, in which the first bytes show no more
		}
	}
	if isTextual(known) && isTextual(found) || found.Is(octetStream) && (isTextual(known) || unsigned(want)) {
		return CannotTell
	}
	return Mismatch
}

// unknownOf judges types of which the library knows no signature: a picture, a video or a sound is none of another kind.
func unknownOf(want string, found *mimetype.MIME) Verdict {
	if isMedia(want) && !found.Is(octetStream) && !isMedia(family(found.String())) {
		return Mismatch
	}
	return CannotTell
}

func isTextual(of *mimetype.MIME) bool {
	for ; of != nil; of = of.Parent() {
		if of.Is("text/plain") {
			return true
		}
	}
	return false
}

// unsigned are types whose files may begin with anything: streams that are entered in their middle.
func unsigned(want string) bool {
	return want == "audio/mpeg" || want == "audio/aac" || want == "video/mpeg"
}

// family gives one name for types whose files cannot be told from each other by their containers, and for types that have several names.
func family(mimeType string) string {
	switch mimeType = withoutParameters(mimeType); mimeType {
	case "image/jpg", "image/pjpeg":
		return string(JPEG)
	case "image/x-png", "image/apng", "image/vnd.mozilla.apng":
		return string(PNG)
	case "image/heic", "image/heic-sequence", "image/heif-sequence":
		return "image/heif"
	case "image/avif-sequence":
		return "image/avif"
	case "audio/mp4", "audio/x-m4a", "audio/m4a", "audio/x-mp4a", "application/mp4", "video/x-m4v", "video/quicktime", "video/3gpp", "audio/3gpp", "video/3gpp2", "audio/3gpp2", "video/3gp":
		return "video/mp4"
	case "audio/webm", "video/x-matroska", "audio/x-matroska", "video/matroska", "audio/matroska":
		return "video/webm"
	case "audio/ogg", "video/ogg", "audio/opus", "audio/x-opus+ogg", "application/x-ogg":
		return "application/ogg"
	case "audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3", "audio/x-mpeg-3":
		return "audio/mpeg"
	case "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts":
		return "audio/aac"
	case "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav":
		return "audio/wav"
	case "application/x-zip", "application/x-zip-compressed":
		return "application/zip"
	case "application/x-pdf":
		return "application/pdf"
	case "application/xml":
		return "text/xml"
	}
	return mimeType
}

func withoutParameters(mimeType string) string {
	name, _, _ := strings.Cut(mimeType, ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// hidesActiveContent finds what a browser could run in what is no page.
func hidesActiveContent(head []byte) bool {
	head = head[:min(len(head), SniffBytes)]
	if bytes.HasPrefix(head, []byte("GIF8")) && len(head) >= 8 && (string(head[6:8]) == "/*" || head[6] == '=' && head[7] >= ' ') {
		return true
	}
	lower := asciiLower(head)
	for rest := lower; ; {
		at := bytes.IndexByte(rest, '<')
		if at < 0 {
			return false
		}
		if rest = rest[at:]; beginsTag(rest, "script", "html", "svg", "iframe", "body", "!doctype html", "?php") {
			return true
		}
		rest = rest[1:]
	}
}

// beginsAsPage is whether a browser that looks for itself would take a text for a page.
func beginsAsPage(head []byte) bool {
	text := asciiLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), "\t\n\f\r "))
	for bytes.HasPrefix(text, []byte("<!--")) || bytes.HasPrefix(text, []byte("<?xml")) {
		_, after, closed := bytes.Cut(text, []byte(">"))
		if !closed {
			return false
		}
		text = bytes.TrimLeft(after, "\t\n\f\r ")
	}
	return beginsTag(text, "script", "html", "head", "svg", "iframe", "body", "!doctype html", "!doctype svg")
}

// beginsTag reports whether it begins with one of the tags, which end where a tag's name ends.
func beginsTag(lower []byte, names ...string) bool {
	if len(lower) == 0 || lower[0] != '<' {
		return false
	}
	for _, name := range names {
		if after, ok := bytes.CutPrefix(lower[1:], []byte(name)); ok && len(after) > 0 && strings.IndexByte(" \t\r\n\f>/", after[0]) >= 0 {
			return true
		}
	}
	return false
}

// asciiLower leaves what is no ASCII as it is, so that nothing moves.
func asciiLower(text []byte) []byte {
	lower := bytes.Clone(text)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return lower
}

// hidesPDF looks where readers of PDF look for its header.
func hidesPDF(head []byte) bool { return bytes.Contains(head[:min(len(head), 1<<10)], []byte("%PDF-")) }

// endsAsZip finds the end record of a ZIP (APPNOTE 4.3.16), which readers look for from the file's end; its comment reaches to the end.
func endsAsZip(data []byte) bool {
	const record, maxComment = 22, 1<<16 - 1
	tail := data[max(0, len(data)-record-maxComment):]
	for end := len(tail); ; {
		at := bytes.LastIndex(tail[:end], []byte("PK\x05\x06"))
		if at < 0 {
			return false
		}
		if found := tail[at:]; len(found) >= record && int(binary.LittleEndian.Uint16(found[20:])) == len(found)-record {
			return true
		}
		end = at
	}
}

// foreign refuses an image that is something else besides.
func foreign(format Format, data []byte) error {
	switch head := data[:min(len(data), SniffBytes)]; {
	case hidesActiveContent(head):
		return reject(NotWhatItSays, "the %s has active content", format)
	case hidesPDF(head):
		return reject(NotWhatItSays, "the %s is a PDF, too", format)
	case endsAsZip(data):
		return reject(NotWhatItSays, "the %s is a ZIP, too", format)
	}
	return nil
}
