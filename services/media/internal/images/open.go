package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// opened is a file whose structure was walked over, and found within the limits.
type opened struct {
	structure
	data []byte
}

// structure is what a walk over a file finds.
type structure struct {
	format        Format
	width, height int // as stored
	orientation   int
	frames        int
	scans         int   // of a JPEG
	memory        int64 // bytes that decoding takes at most
	missing       bool  // it has fewer bytes of pixels than its size needs at least, so that to begin would be in vain
	frame         frame // of a WebP
}

// workspace is what is taken besides the decoder's, bytes: a row, the pictures of the longest usual variant, and their JPEGs.
const workspace = 16 << 20

func (o *opened) info() Info {
	width, height := o.width, o.height
	if turnsSideways(o.orientation) {
		width, height = height, width
	}
	return Info{Format: o.format, Width: width, Height: height, Orientation: o.orientation, Frames: o.frames, Memory: o.memory}
}

func open(ctx context.Context, file io.Reader, size int64, limits Limits) (*opened, error) {
	data, err := read(ctx, file, size, limits.MaxBytes)
	if err != nil {
		return nil, err
	}
	found, err := walk(data)
	if err != nil {
		return nil, err
	}
	if err := foreign(found.format, data); err != nil {
		return nil, err
	}
	if err := check(found, limits); err != nil {
		return nil, err
	}
	return &opened{structure: found, data: data}, nil
}

// read takes the whole file: what is small enough is held once, at its size.
func read(ctx context.Context, file io.Reader, size, most int64) ([]byte, error) {
	if size > most {
		return nil, reject(TooManyBytes, "%d bytes, %d are taken", size, most)
	}
	if size <= 0 {
		return nil, reject(Unreadable, "%d bytes", size)
	}
	data, reader := make([]byte, size), &cancellable{ctx: ctx, reader: file}
	if _, err := io.ReadFull(reader, data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it is shorter than it was said to be, whoever is wrong
		}
		return nil, fmt.Errorf("read an image of %d bytes: %w", size, err)
	}
	return data, nil
}

// cancellable reads until its context is done, and so ends decoders, too, which know none.
type cancellable struct {
	ctx    context.Context
	reader io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.reader.Read(p)
}

func walk(data []byte) (found structure, err error) {
	found.orientation, found.frames = 1, 1
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		found.format, err = JPEG, walkJPEG(data, &found)
	case bytes.HasPrefix(data, []byte(pngSignature)):
		found.format, err = PNG, walkPNG(data, &found)
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		found.format, err = GIF, walkGIF(data, &found)
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		found.format, err = WebP, walkWebP(data, &found)
	default:
		return found, reject(Unsupported, "it is not a JPEG, PNG, GIF or WebP")
	}
	if err == nil && (found.width <= 0 || found.height <= 0) {
		err = reject(Unreadable, "%d×%d pixels", found.width, found.height)
	}
	found.memory += workspace
	return found, err
}

func check(found structure, limits Limits) error {
	pixels := int64(found.width) * int64(found.height)
	switch {
	case found.width > maxSide, found.height > maxSide, pixels > limits.MaxPixels:
		return reject(TooManyPixels, "%d×%d, %d are taken", found.width, found.height, limits.MaxPixels)
	case found.missing:
		return reject(Unreadable, "it says %d×%d and has not the bytes for that", found.width, found.height)
	case found.frames > limits.MaxFrames:
		return reject(TooManyFrames, "%d frames, %d are taken", found.frames, limits.MaxFrames)
	case found.scans > limits.MaxScans, int64(found.scans)*pixels > scansAtMaxPixels*limits.MaxPixels:
		return reject(TooManyScans, "%d scans of %d pixels, %d are taken", found.scans, pixels, limits.MaxScans)
	case found.memory > limits.MaxMemory:
		return reject(TooMuchMemory, "%d bytes to decode it, %d are taken", found.memory, limits.MaxMemory)
	}
	return nil
}

// decode makes pixels of the first frame.
func (o *opened) decode(ctx context.Context) (picture, error) {
	decoded, err := guarded(func() (picture, error) { return o.pixels(ctx) })
	if ctx.Err() != nil {
		return picture{}, fmt.Errorf("decode a %s: %w", o.format, context.Cause(ctx))
	}
	if err != nil {
		return picture{}, reject(Unreadable, "decode a %s: %v", o.format, err)
	}
	if shown := image.Rect(0, 0, o.width, o.height); !decoded.frame().In(shown) || o.format != GIF && decoded.pixels.Bounds().Size() != o.stored() {
		return picture{}, reject(Unreadable, "the %s says %v and decodes to %v", o.format, shown, decoded.frame())
	}
	return decoded, nil
}

// stored is the size of what is decoded.
func (o *opened) stored() image.Point {
	if o.format == WebP {
		return image.Pt(o.frame.width, o.frame.height)
	}
	return image.Pt(o.width, o.height)
}

// guarded makes an error of a decoder's panic: it has read what it cannot read.
func guarded(decode func() (picture, error)) (decoded picture, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			decoded, err = picture{}, fmt.Errorf("the decoder panics: %v", panicked)
		}
	}()
	return decode()
}

func (o *opened) pixels(ctx context.Context) (picture, error) {
	decoded := picture{width: o.width, height: o.height}
	reader, err := &cancellable{ctx: ctx, reader: bytes.NewReader(o.data)}, error(nil)
	switch o.format {
	case JPEG:
		decoded.pixels, err = jpeg.Decode(reader)
	case PNG:
		decoded.pixels, err = png.Decode(reader)
	case GIF:
		if decoded.pixels, err = gif.Decode(reader); err == nil {
			decoded.at = decoded.pixels.Bounds().Min
		}
	case WebP:
		reader.reader = o.frame.still()
		decoded.pixels, err = webp.Decode(reader)
		decoded.at = o.frame.at
	}
	return decoded, err
}
