package images

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"
)

// What x/image's decoder of lossless WebP takes besides pixels: Huffman codes, in groups of five. A file chooses how many groups there are, at most one for each tile of
// 4×4 pixels, and how large their trees are, and says so in few bits. x/image refuses more groups than libwebp makes; without that, a file of 12 MiB could take gigabytes.
const (
	maxGroups     = 2600
	groupBytes    = 5 * (128*4 + 24 + 8)              // five look-up tables and slices
	treesBytes    = (280 + 2048 + 3*256 + 40) * 2 * 8 // five trees of all symbols
	treeExpansion = 256                               // bytes of trees that a byte of the file can become: three bits give six symbols a length
	fewTrees      = 6 * 2 * (groupBytes + treesBytes) // of the transforms' images and of the groups' numbers, and what is left of making trees
)

// frame is the first frame of a WebP: its chunks, where it is shown, and its size.
type frame struct {
	alpha, pixels []byte // chunks with their headers; alpha may be missing
	lossless      bool
	at            image.Point
	width, height int
}

// walkWebP goes from chunk to chunk of the container (RFC 9649). What is decoded is the first frame alone, also of an animation, which x/image does not know.
func walkWebP(data []byte, found *structure) error {
	size := int64(binary.LittleEndian.Uint32(data[4:]))
	if size < 4 || size > int64(len(data)-8) {
		return reject(Unreadable, "the WebP is truncated")
	}
	walker := webpWalker{found: found}
	if err := eachChunk(data[12:8+size], walker.chunk); err != nil {
		return err
	}
	return walker.finish()
}

type webpWalker struct {
	found    *structure
	extended bool // it has a canvas of its own (VP8X)
	animated int  // frames
}

// eachChunk hands each chunk on: its kind, its payload, and the whole.
func eachChunk(data []byte, take func(kind string, payload, whole []byte) error) error {
	for len(data) > 0 {
		if len(data) < 8 {
			return reject(Unreadable, "the WebP is truncated")
		}
		length := int64(binary.LittleEndian.Uint32(data[4:]))
		if length > int64(len(data)-8) {
			return reject(Unreadable, "the WebP is truncated")
		}
		if err := take(string(data[:4]), data[8:8+length], data[:8+length]); err != nil {
			return err
		}
		data = data[min(int64(len(data)), 8+length+length%2):]
	}
	return nil
}

func (w *webpWalker) chunk(kind string, payload, whole []byte) error {
	switch kind {
	case "VP8X":
		if len(payload) < 10 || w.extended {
			return reject(Unreadable, "the WebP has a wrong canvas")
		}
		w.extended = true
		w.found.width, w.found.height = 1+uint24(payload[4:]), 1+uint24(payload[7:])
	case "EXIF":
		w.found.orientation = orientationOf(payload)
	case "ANMF":
		w.animated++
		if w.animated > 1 {
			return nil
		}
		if len(payload) < 16 {
			return reject(Unreadable, "the WebP is truncated")
		}
		w.found.frame.at = image.Pt(2*uint24(payload), 2*uint24(payload[3:]))
		return eachChunk(payload[16:], w.picture)
	default:
		if w.animated == 0 {
			return w.picture(kind, payload, whole)
		}
	}
	return nil
}

// picture takes the chunks of a frame; those after its pixels are none of it.
func (w *webpWalker) picture(kind string, payload, whole []byte) error {
	f := &w.found.frame
	switch {
	case f.pixels != nil:
	case kind == "ALPH":
		f.alpha = whole
	case kind == "VP8 ": // RFC 6386, 9.1
		if len(payload) < 10 || payload[0]&1 != 0 || string(payload[3:6]) != "\x9d\x01\x2a" {
			return reject(Unreadable, "the WebP has a wrong frame")
		}
		f.pixels = whole
		f.width, f.height = int(binary.LittleEndian.Uint16(payload[6:])&0x3fff), int(binary.LittleEndian.Uint16(payload[8:])&0x3fff)
	case kind == "VP8L": // RFC 9649, 3.4
		if len(payload) < 5 || payload[0] != 0x2f {
			return reject(Unreadable, "the WebP has a wrong frame")
		}
		bits := binary.LittleEndian.Uint32(payload[1:])
		f.pixels, f.alpha, f.lossless = whole, nil, true
		f.width, f.height = int(1+bits&0x3fff), int(1+bits>>14&0x3fff)
	}
	return nil
}

func (w *webpWalker) finish() error {
	f := &w.found.frame
	if f.pixels == nil {
		return reject(Unreadable, "the WebP has no picture")
	}
	if !w.extended {
		w.found.width, w.found.height, f.alpha = f.width, f.height, nil
	}
	w.found.frames = max(1, w.animated)
	shown := image.Rectangle{Min: f.at, Max: f.at.Add(image.Pt(f.width, f.height))}
	canvas := image.Rect(0, 0, w.found.width, w.found.height)
	if f.width == 0 || f.height == 0 || !shown.In(canvas) || w.animated == 0 && shown != canvas {
		return reject(Unreadable, "the WebP is %v and shows %v", canvas, shown)
	}
	w.found.memory = f.memory()
	return nil
}

func (f *frame) memory() int64 {
	pixels := int64(ceil(f.width, 16)*16) * int64(ceil(f.height, 16)*16)
	switch {
	case f.lossless:
		return losslessMemory(f.width, f.height, len(f.pixels))
	case f.alpha == nil:
		return 2*pixels + int64(len(f.pixels))
	default:
		return 3*pixels + int64(len(f.pixels)) + losslessMemory(f.width, f.height, len(f.alpha))
	}
}

func losslessMemory(width, height, size int) int64 {
	groups := min(int64(ceil(width, 4))*int64(ceil(height, 4)), maxGroups)
	trees := groups*groupBytes + min(groups*treesBytes, treeExpansion*int64(size))
	// Pixels are held twice while a palette is applied, and transforms have an image of a sixteenth each.
	return 9*int64(width)*int64(height) + trees + fewTrees
}

// still gives the frame as a WebP of its own.
func (f *frame) still() io.Reader {
	var canvas []byte
	if f.alpha != nil {
		const hasAlpha = 1 << 4
		canvas = append([]byte("VP8X\x0a\x00\x00\x00"), hasAlpha, 0, 0, 0)
		canvas = appendUint24(appendUint24(canvas, f.width-1), f.height-1)
	}
	header := append([]byte("RIFF\x00\x00\x00\x00WEBP"), canvas...)
	binary.LittleEndian.PutUint32(header[4:], uint32(4+len(canvas)+padded(f.alpha)+padded(f.pixels)))
	return io.MultiReader(bytes.NewReader(header), bytes.NewReader(f.alpha), padding(f.alpha), bytes.NewReader(f.pixels), padding(f.pixels))
}

func padded(chunk []byte) int { return len(chunk) + len(chunk)%2 }

func padding(chunk []byte) io.Reader { return bytes.NewReader(make([]byte, len(chunk)%2)) }

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func appendUint24(b []byte, value int) []byte {
	return append(b, byte(value), byte(value>>8), byte(value>>16))
}
