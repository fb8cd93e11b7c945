package images

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

var (
	red, green, blue, white = color.RGBA{R: 255, A: 255}, color.RGBA{G: 255, A: 255}, color.RGBA{B: 255, A: 255}, color.RGBA{255, 255, 255, 255}
	nothing                 = color.RGBA{}
)

// quarters is red and green above, blue and white below.
func quarters(width, height int) *image.NRGBA {
	made := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			made.Set(x, y, [2][2]color.RGBA{{red, green}, {blue, white}}[2*y/height][2*x/width])
		}
	}
	return made
}

func asJPEG(t testing.TB, made image.Image) []byte {
	t.Helper()
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, made, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func asPNG(t testing.TB, made image.Image) []byte {
	t.Helper()
	var encoded bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&encoded, made); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func paletted(made image.Image) *image.Paletted {
	indexed := image.NewPaletted(made.Bounds(), color.Palette{red, green, blue, white, nothing})
	for y := made.Bounds().Min.Y; y < made.Bounds().Max.Y; y++ {
		for x := made.Bounds().Min.X; x < made.Bounds().Max.X; x++ {
			indexed.Set(x, y, made.At(x, y))
		}
	}
	return indexed
}

func asGIF(t testing.TB, width, height int, frames ...*image.Paletted) []byte {
	t.Helper()
	var encoded bytes.Buffer
	err := gif.EncodeAll(&encoded, &gif.GIF{Image: frames, Delay: make([]int, len(frames)), Config: image.Config{Width: width, Height: height}})
	if err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

// bits is a stream as VP8L has it, the least significant bit first.
type bits struct {
	made []byte
	used int
}

func (b *bits) put(value, count int) {
	for i := range count {
		if b.used%8 == 0 {
			b.made = append(b.made, 0)
		}
		b.made[b.used/8] |= byte(value>>i&1) << (b.used % 8)
		b.used++
	}
}

func (b *bits) header(width, height int) {
	b.put(0x2f, 8)
	b.put(width-1, 14)
	b.put(height-1, 14)
	b.put(1, 1)     // has alpha
	b.put(0, 3+1+1) // version, no transform, no colour cache
}

// twoSymbols is a code of a bit: 0 and 255.
func (b *bits) twoSymbols() {
	b.put(0b111, 3)
	b.put(0, 8)
	b.put(255, 8)
}

// noBits is a code of the symbol 0 only.
func (b *bits) noBits() { b.put(0b0001, 4) }

// allBytes is a code of eight bits, the most significant first.
func (b *bits) allBytes() {
	b.put(0, 1)
	b.put(12-4, 4)
	b.put(0, 11*3)
	b.put(1, 3) // all lengths are 8
	b.put(1, 1)
	b.put(3, 3)
	b.put(256-2, 8)
}

func (b *bits) putByte(value int) {
	for i := 7; i >= 0; i-- {
		b.put(value>>i, 1)
	}
}

func chunk(kind string, payload []byte) []byte {
	made := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(payload)))
	made = append(made, payload...)
	return append(made, make([]byte, len(payload)%2)...)
}

func riff(chunks ...[]byte) []byte {
	return chunk("RIFF", append([]byte("WEBP"), bytes.Join(chunks, nil)...))
}

func canvas(flags byte, width, height int) []byte {
	return chunk("VP8X", appendUint24(appendUint24([]byte{flags, 0, 0, 0}, width-1), height-1))
}

// lossless is a VP8L chunk of an image whose channels are all or nothing.
func lossless(made image.Image) []byte {
	var b bits
	size := made.Bounds().Size()
	b.header(size.X, size.Y)
	b.put(0, 1) // one group of codes
	for range 4 {
		b.twoSymbols()
	}
	b.noBits()
	for y := range size.Y {
		for x := range size.X {
			c := color.NRGBAModel.Convert(made.At(x, y)).(color.NRGBA)
			for _, channel := range []byte{c.G, c.R, c.B, c.A} {
				b.put(int(channel&1), 1)
			}
		}
	}
	return chunk("VP8L", b.made)
}

// manyGroups is a VP8L chunk in which each tile of 4×4 pixels has codes of its own.
func manyGroups(width, height int) []byte {
	var b bits
	b.header(width, height)
	b.put(1, 1) // groups of codes
	b.put(0, 3) // for tiles of 4×4
	b.put(0, 1) // whose numbers have no colour cache
	b.allBytes()
	b.allBytes()
	b.noBits()
	b.noBits()
	b.noBits()
	groups := ceil(width, 4) * ceil(height, 4)
	for i := range groups {
		b.putByte(i & 0xff)
		b.putByte(i >> 8)
	}
	for range groups * 5 {
		b.noBits()
	}
	return chunk("VP8L", b.made)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// exif is a directory of two entries, the second of which is the orientation.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	made := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		made = []byte("MM\x00*")
	}
	made = order.AppendUint32(made, 8)
	made = order.AppendUint16(made, 2)
	made = append(made, tiffEntry(order, 0x010f, 2, 4, 0)...)
	made = append(made, tiffEntry(order, tagOrientation, typeShort, 1, orientation)...)
	return order.AppendUint32(made, 0)
}

func tiffEntry(order binary.AppendByteOrder, tag, kind uint16, count uint32, value uint16) []byte {
	made := order.AppendUint16(order.AppendUint16(nil, tag), kind)
	made = order.AppendUint32(made, count)
	return order.AppendUint16(order.AppendUint16(made, value), 0)
}

func segment(marker byte, payload ...byte) []byte {
	made := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(payload)))
	return append(made, payload...)
}

// behindStart puts segments right behind a JPEG's start.
func behindStart(encoded []byte, segments ...[]byte) []byte {
	return append(append([]byte("\xff\xd8"), bytes.Join(segments, nil)...), encoded[2:]...)
}

func pngChunk(kind string, payload []byte) []byte {
	made := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	made = append(append(made, kind...), payload...)
	return binary.BigEndian.AppendUint32(made, crc32.ChecksumIEEE(made[4:]))
}

func pngHeader(width, height uint32, depth, colour, interlace byte) []byte {
	made := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte(pngSignature), pngChunk("IHDR", append(made, depth, colour, 0, 0, interlace))...)
}

func pngOf(header []byte, chunks ...[]byte) []byte {
	return append(append(header, bytes.Join(chunks, nil)...), pngChunk("IEND", nil)...)
}

// behindHeader puts chunks behind a PNG's first.
func behindHeader(encoded []byte, chunks ...[]byte) []byte {
	const header = 8 + 12 + 13
	return append(append(bytes.Clone(encoded[:header]), bytes.Join(chunks, nil)...), encoded[header:]...)
}

// deflated is so many zeros, compressed.
func deflated(t testing.TB, count int) []byte {
	t.Helper()
	var made bytes.Buffer
	writer, zeros := zlib.NewWriter(&made), make([]byte, 1<<20)
	for ; count > 0; count -= len(zeros) {
		if _, err := writer.Write(zeros[:min(count, len(zeros))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return made.Bytes()
}

// plainJPEG is a JPEG of one grey in as few bytes as there can be: a bit for each block's DC coefficient, and one for its end. Components are sampled as given, such as 0x22.
type plainJPEG struct {
	width, height int
	sampling      []byte
	progressive   bool
	endScans      int // further scans of a progressive one, which say of all blocks that nothing changes, in some bytes
}

func (p plainJPEG) bytes() []byte {
	frame := []byte{8, byte(p.height >> 8), byte(p.height), byte(p.width >> 8), byte(p.width), byte(len(p.sampling))}
	scan := []byte{byte(len(p.sampling))}
	for i, sampling := range p.sampling {
		frame, scan = append(frame, byte(i+1), sampling, 0), append(scan, byte(i+1), 0)
	}
	start, scanEnd, perBlock := byte(markerSOF0), []byte{0, 63, 0}, 2
	if p.progressive {
		start, scanEnd, perBlock = markerSOF2, []byte{0, 0, 0}, 1
	}
	one := func(class, symbol byte) []byte { // a table of one code, of one bit
		return segment(markerDHT, append(append([]byte{class, 1}, make([]byte, 15)...), symbol)...)
	}
	made := bytes.Join([][]byte{
		[]byte("\xff\xd8"), segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...), segment(start, frame...), one(0x00, 0),
	}, nil)
	if p.progressive {
		made = append(made, one(0x10, 0xe0)...) // ends 2^14 blocks
	} else {
		made = append(made, one(0x10, 0x00)...)
	}
	made = append(append(made, segment(markerSOS, append(scan, scanEnd...)...)...), make([]byte, ceil(p.units()*perBlock, 8))...)
	for range p.endScans {
		made = append(append(made, segment(markerSOS, 1, 1, 0, 1, 63, 0)...), make([]byte, ceil(p.units(), 1<<14)*2+2)...)
	}
	return append(made, 0xff, markerEOI)
}

// units is how many blocks there are, of all components.
func (p plainJPEG) units() int {
	most, sum := image.Pt(1, 1), 0
	if len(p.sampling) == 1 {
		return ceil(p.width, 8) * ceil(p.height, 8)
	}
	for _, s := range p.sampling {
		most.X, most.Y = max(most.X, int(s>>4)), max(most.Y, int(s&15))
		sum += int(s>>4) * int(s&15)
	}
	return ceil(p.width, 8*most.X) * ceil(p.height, 8*most.Y) * sum
}

func inspect(data []byte) (Info, error) {
	return Inspect(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits())
}

func variantsOf(data []byte, edges ...int) ([]Variant, error) {
	_, made, err := Variants(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), edges...)
	return made, err
}

func mustReject(t *testing.T, err error, want Reason) {
	t.Helper()
	if reason, ok := ReasonOf(err); !ok || reason != want {
		t.Errorf("%v; want %s", err, want)
	}
}
