// Package images makes small pictures of large ones that strangers send: variants for a chat, and the square of a room.
//
// Three things are kept apart. [Sniff] tells what a file is by its first bytes. A walk over the file's structure (chunks, segments, blocks; no pixel) finds its
// dimensions, orientation, frames and scans, and what decoding it would take at most; whatever is above [Limits] is refused there, having cost the bytes of the
// file and no more. Only then decoders of the standard library and of golang.org/x/image make pixels of it.
//
// What comes out is always a JPEG made of pixels alone: no EXIF, no place, no thumbnail, no colour profile, nothing that followed the picture in its file.
package images

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"slices"
)

// Limits bound what one image may be. All are inclusive.
type Limits struct {
	MaxBytes  int64 // of the file
	MaxPixels int64 // width × height
	MaxMemory int64 // bytes that decoding takes at most, by the estimate of [Info]; it also bounds progressive JPEGs, 16-bit PNGs and lossless WebPs
	MaxFrames int   // of an animation, though only the first is ever decoded: clients play the original
	MaxScans  int   // of a JPEG: a scan of a progressive one can cost a pass over all of its pixels and hardly a byte
}

// DefaultLimits are generous for phones (50 megapixels) and bound a file to what [Pool] can carry with its defaults.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 32 << 20, MaxPixels: 50_000_000, MaxMemory: 512 << 20, MaxFrames: 1000, MaxScans: 100}
}

const (
	// maxSide is the most that JPEG can express. Longer ones exist in PNG only, as bombs of one row; sums of this package rely on it, too.
	maxSide = 65_535
	// scansAtMaxPixels is how many scans a progressive JPEG of MaxPixels may have; a smaller one may have more, up to MaxScans. Usual encoders make 10, rarely 15.
	scansAtMaxPixels = 16
	// quality of all JPEGs made here, as image/jpeg counts it.
	quality = 82
)

// Format is what an image is encoded as, as a MIME type.
type Format string

// The formats that are decoded here.
const (
	JPEG Format = "image/jpeg"
	PNG  Format = "image/png"
	GIF  Format = "image/gif"
	WebP Format = "image/webp"
)

// Decodes reports whether files of a MIME type, with or without parameters, have variants. HEIC, AVIF and SVG do not: nothing in Go that we would trust decodes them.
func Decodes(mimeType string) bool {
	switch Format(family(mimeType)) {
	case JPEG, PNG, GIF, WebP:
		return true
	}
	return false
}

// Info is what the structure of a file tells. Width and Height are as the image is seen, with its orientation applied.
type Info struct {
	Format        Format
	Width, Height int
	Orientation   int // EXIF's, 1 to 8; 1 where there is none that can be read
	Frames        int
	Memory        int64 // bytes that decoding takes at most, besides the file itself
}

// Variant is a smaller picture of an image.
type Variant struct {
	Edge          int // what was asked for, pixels of the longest edge
	Width, Height int
	JPEG          []byte
}

// Inspect reads a file of so many bytes and tells what its structure says. No pixel is decoded: a file that passes can still turn out unreadable.
// The error is a [Rejection], that of the reader, or the context's.
func Inspect(ctx context.Context, file io.Reader, size int64, limits Limits) (Info, error) {
	opened, err := open(ctx, file, size, limits)
	if err != nil {
		return Info{}, err
	}
	return opened.info(), nil
}

// Variants makes a JPEG for each longest edge, and tells what the image is. A variant is never larger than the image, orientation is applied, and what is transparent is white.
// The error is a [Rejection], that of the reader, or the context's, which is looked at while decoding, too.
func Variants(ctx context.Context, file io.Reader, size int64, limits Limits, edges ...int) (Info, []Variant, error) {
	return variants(ctx, file, size, limits, admitAll, edges)
}

// Square makes a JPEG of so many pixels each way of the image's centre. Smaller images are scaled up. Errors are those of [Variants].
func Square(ctx context.Context, file io.Reader, size int64, limits Limits, side int) ([]byte, error) {
	return square(ctx, file, size, limits, admitAll, side)
}

// admit waits until so many bytes may be taken, and gives what gives them back.
type admit func(ctx context.Context, memory int64) (release func(), err error)

func admitAll(context.Context, int64) (func(), error) { return func() {}, nil }

func variants(ctx context.Context, file io.Reader, size int64, limits Limits, admit admit, edges []int) (Info, []Variant, error) {
	opened, err := open(ctx, file, size, limits)
	if err != nil {
		return Info{}, nil, err
	}
	release, err := admit(ctx, opened.memory)
	if err != nil {
		return Info{}, nil, err
	}
	defer release()
	decoded, err := opened.decode(ctx)
	if err != nil {
		return Info{}, nil, err
	}
	made := make([]Variant, len(edges))
	for _, i := range descending(edges) { // each from the one before: to look at all pixels once is enough
		width, height := within(decoded.width, decoded.height, edges[i])
		if decoded, err = decoded.shrunk(ctx, image.Rect(0, 0, decoded.width, decoded.height), width, height); err != nil {
			return Info{}, nil, err
		}
		if made[i], err = newVariant(decoded, opened.orientation, edges[i]); err != nil {
			return Info{}, nil, err
		}
	}
	return opened.info(), made, nil
}

func newVariant(small picture, orientation, edge int) (Variant, error) {
	oriented := orient(small.pixels, orientation)
	encoded, err := encode(oriented)
	if err != nil {
		return Variant{}, err
	}
	return Variant{Edge: edge, Width: oriented.Bounds().Dx(), Height: oriented.Bounds().Dy(), JPEG: encoded}, nil
}

func square(ctx context.Context, file io.Reader, size int64, limits Limits, admit admit, side int) ([]byte, error) {
	opened, err := open(ctx, file, size, limits)
	if err != nil {
		return nil, err
	}
	release, err := admit(ctx, opened.memory)
	if err != nil {
		return nil, err
	}
	defer release()
	decoded, err := opened.decode(ctx)
	if err != nil {
		return nil, err
	}
	inner := min(decoded.width, decoded.height)
	left, top := (decoded.width-inner)/2, (decoded.height-inner)/2
	outer := min(inner, side)
	small, err := decoded.shrunk(ctx, image.Rect(left, top, left+inner, top+inner), outer, outer)
	if err != nil {
		return nil, err
	}
	return encode(enlarge(orient(small.pixels, opened.orientation), side))
}

func encode(pixels image.Image) ([]byte, error) {
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, pixels, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode a JPEG: %w", err)
	}
	return encoded.Bytes(), nil
}

// descending gives the indexes of edges, that of the largest first.
func descending(edges []int) []int {
	order := make([]int, len(edges))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(edges[b], edges[a]) })
	return order
}

// within gives the size of an image whose longest edge is at most so many pixels, at least one pixel each way.
func within(width, height, edge int) (int, int) {
	longest := max(width, height)
	if longest <= edge {
		return width, height
	}
	scaled := func(side int) int { return max(1, (side*edge+longest/2)/longest) }
	return scaled(width), scaled(height)
}

// Reason is why an image is refused, as a stable code.
type Reason string

// The reasons.
const (
	Unreadable    Reason = "unreadable-image"  // truncated, broken, or no image at all
	Unsupported   Reason = "unsupported-image" // a way of encoding that is not decoded here, such as an arithmetic-coded JPEG
	NotWhatItSays Reason = "not-what-it-says"  // another type than declared, or a second one besides it
	TooManyBytes  Reason = "too-many-bytes"
	TooManyPixels Reason = "too-many-pixels"
	TooManyFrames Reason = "too-many-frames"
	TooManyScans  Reason = "too-many-scans"
	TooMuchMemory Reason = "too-much-memory" // within the pixels, but encoded so that decoding takes too much
)

// Rejection is the error of an image that is refused, whoever asks again. Errors that are none say nothing of the image: trying again may help.
type Rejection struct {
	Reason Reason
	Detail string // for logs
}

func (r *Rejection) Error() string { return fmt.Sprintf("%s: %s", r.Reason, r.Detail) }

// ReasonOf tells why an image was refused; ok is false for other errors.
func ReasonOf(err error) (reason Reason, ok bool) {
	var rejection *Rejection
	if !errors.As(err, &rejection) {
		return "", false
	}
	return rejection.Reason, true
}

func reject(reason Reason, format string, args ...any) error {
	return &Rejection{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
