package images

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"runtime"
	"testing"
)

// takes is how many bytes are allocated meanwhile, by all goroutines: tests that use it are not parallel.
func takes(do func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// The bound is 64 MB and 200 ms. What is refused by its structure is read once and never decoded: that it takes no more than the file and a little is the proof of both, on any machine.
func TestBombsCostTheirBytesOnly(t *testing.T) {
	const little = 256 << 10
	small := quarters(96, 64)
	frames := make([]*image.Paletted, DefaultLimits().MaxFrames+1)
	for i := range frames {
		frames[i] = image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{red, green})
	}
	still := asGIF(t, 96, 64, paletted(small))
	fewBytes := pngChunk("IDAT", deflated(t, 100))
	ycc := []byte{0x22, 0x11, 0x11}
	for name, test := range map[string]struct {
		data []byte
		want Reason
	}{
		"a JPEG of 50,000×50,000":                             {sized(plainJPEG{width: 8, height: 8, sampling: ycc}, 50_000, 50_000), TooManyPixels},
		"a JPEG that says 7,000×7,000 and has nothing":        {sized(plainJPEG{width: 8, height: 8, sampling: ycc}, 7_000, 7_000), Unreadable},
		"a progressive one that does":                         {sized(plainJPEG{width: 8, height: 8, sampling: ycc, progressive: true}, 7_000, 7_000), Unreadable},
		"a progressive JPEG of 101 scans":                     {plainJPEG{width: 96, height: 64, sampling: ycc, progressive: true, endScans: 100}.bytes(), TooManyScans},
		"a large one of 20 scans":                             {plainJPEG{width: 7_000, height: 6_500, sampling: ycc, progressive: true, endScans: 19}.bytes(), TooManyScans},
		"a progressive JPEG of 48 megapixels, in full colour": {plainJPEG{width: 7_000, height: 7_000, sampling: []byte{0x11, 0x11, 0x11}, progressive: true}.bytes(), TooMuchMemory},
		"a PNG of 50,000×50,000":                              {pngOf(pngHeader(50_000, 50_000, 8, 2, 0), fewBytes), TooManyPixels},
		"a PNG of 2^31 pixels in a row":                       {pngOf(pngHeader(1<<31-1, 1, 1, 0, 0), fewBytes), TooManyPixels},
		"a PNG of a row that is too long":                     {pngOf(pngHeader(100_000, 1, 1, 0, 0), fewBytes), TooManyPixels},
		"a PNG of more than 2^31 pixels in a row":             {pngOf(pngHeader(1<<31, 1<<31, 8, 2, 0), fewBytes), Unreadable},
		"a PNG that says 7,000×7,000 and has nothing":         {pngOf(pngHeader(7_000, 7_000, 8, 6, 0), fewBytes), Unreadable},
		"a PNG of 16 bits, interlaced":                        {pngOf(pngHeader(7_000, 7_000, 16, 6, 1), pngChunk("IDAT", make([]byte, 400<<10))), TooMuchMemory},
		"a PNG of many frames":                                {behindHeader(asPNG(t, small), bytes.Repeat(pngChunk("fcTL", make([]byte, 26)), DefaultLimits().MaxFrames+1)), TooManyFrames},
		"a GIF of a huge screen":                              {asGIF(t, 65_535, 65_535, frames[0]), TooManyPixels},
		"a GIF that says 7,000×7,000 and has nothing":         {bytes.Replace(bytes.Replace(still, []byte{96, 0, 64, 0}, []byte{0x58, 0x1b, 0x58, 0x1b}, 1), []byte{96, 0, 64, 0}, []byte{0x58, 0x1b, 0x58, 0x1b}, 1), Unreadable},
		"a GIF of many frames":                                {asGIF(t, 96, 64, frames...), TooManyFrames},
		"a WebP of 16,384×16,384":                             {riff(onlyHeader(16_384, 16_384)), TooManyPixels},
		"a WebP of a huge canvas":                             {animated(1<<24, 1<<24, 0, 0, lossless(small), lossless(small)), TooManyPixels},
		"a WebP of a small canvas and a huge picture":         {riff(canvas(0, 8, 8), onlyHeader(16_384, 16_384)), Unreadable},
		"a WebP of a huge frame":                              {animated(96, 64, 0, 0, onlyHeader(16_384, 16_384), lossless(small)), Unreadable},
		"a WebP of many frames":                               {riff(canvas(2, 96, 64), animated(96, 64, 0, 0, lossless(small), lossless(small))[30+14:], bytes.Repeat(chunk("ANMF", make([]byte, 16)), 1000)), TooManyFrames},
	} {
		var err error
		taken := takes(func() {
			_, _, err = Variants(context.Background(), bytes.NewReader(test.data), int64(len(test.data)), DefaultLimits(), 256, 1024)
		})
		if reason, _ := ReasonOf(err); reason != test.want {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
		if over := taken - int64(len(test.data)); over > little {
			t.Errorf("%s takes %d bytes more than it has", name, over)
		}
	}
}

// onlyHeader is a VP8L chunk that ends after its size.
func onlyHeader(width, height int) []byte {
	var b bits
	b.header(width, height)
	return chunk("VP8L", b.made)
}

// sized writes another size into a JPEG.
func sized(small plainJPEG, width, height int) []byte {
	made := small.bytes()
	at := bytes.IndexByte(made, markerSOF0)
	if small.progressive {
		at = bytes.IndexByte(made, markerSOF2)
	}
	copy(made[at+4:], []byte{byte(height >> 8), byte(height), byte(width >> 8), byte(width)})
	return made
}

// What is compressed besides the pixels is never unpacked, and of pixels no more than there should be.
func TestWhatIsPackedIsNotUnpacked(t *testing.T) {
	const packed = 16 << 20
	bomb, small := deflated(t, packed), asPNG(t, quarters(96, 64))
	for name, data := range map[string][]byte{
		"zTXt": behindHeader(small, pngChunk("zTXt", append([]byte("Comment\x00\x00"), bomb...))),
		"iTXt": behindHeader(small, pngChunk("iTXt", append([]byte("Comment\x00\x01\x00\x00\x00"), bomb...))),
		"iCCP": behindHeader(small, pngChunk("iCCP", append([]byte("sRGB\x00\x00"), bomb...))),
	} {
		var err error
		taken := takes(func() { _, err = variantsOf(data, 256) })
		if err != nil || taken > int64(len(data))+2<<20 {
			t.Errorf("%s: %v, %d bytes", name, err, taken)
		}
	}
	var err error
	taken := takes(func() { _, err = variantsOf(pngOf(pngHeader(100, 100, 8, 2, 0), pngChunk("IDAT", bomb)), 256) })
	mustReject(t, err, Unreadable)
	if taken > int64(len(bomb))+2<<20 {
		t.Errorf("IDAT: %d bytes", taken)
	}
}

// What a decoder takes is what the pool counts on.
func TestDecodersTakeWhatWasEstimated(t *testing.T) {
	full, half := []byte{0x11, 0x11, 0x11}, []byte{0x22, 0x11, 0x11}
	colourful := quarters(1001, 777)
	for name, data := range map[string][]byte{
		"JPEG 4:2:0": plainJPEG{width: 1001, height: 777, sampling: half}.bytes(), "JPEG 4:4:4": plainJPEG{width: 1001, height: 777, sampling: full}.bytes(),
		"progressive":    plainJPEG{width: 1001, height: 777, sampling: half, progressive: true, endScans: 2}.bytes(),
		"RGB":            behindStart(plainJPEG{width: 1001, height: 777, sampling: full}.bytes(), segment(markerAPP14, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...)),
		"CMYK":           behindStart(plainJPEG{width: 1001, height: 777, sampling: []byte{0x11, 0x11, 0x11, 0x11}}.bytes(), segment(markerAPP14, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...)),
		"PNG":            asPNG(t, colourful),
		"PNG, palette":   asPNG(t, paletted(colourful)),
		"PNG, 16 bits":   asPNG(t, image.NewNRGBA64(colourful.Rect)),
		"GIF":            asGIF(t, 1001, 777, paletted(colourful)),
		"WebP":           riff(lossless(colourful)),
		"WebP of groups": riff(manyGroups(200, 200)),
		"lossy WebP":     fixture(t, "lossy.webp"), "lossy WebP with alpha": fixture(t, "lossy-with-alpha.webp"), "lossless WebP": fixture(t, "lossless.webp"),
	} {
		opened, err := open(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		taken := takes(func() { _, err = opened.decode(context.Background()) })
		const buffers = 256 << 10 // of readers, and what inflate keeps; the workspace has room for them
		if estimated := opened.memory - workspace; err != nil || taken > estimated+buffers {
			t.Errorf("%s: %v, it takes %d bytes, estimated are %d", name, err, taken, estimated)
		}
	}
}

func TestTruncatedImagesAreUnreadable(t *testing.T) {
	t.Parallel()
	small := quarters(24, 16)
	for name, data := range map[string][]byte{
		"JPEG": asJPEG(t, small), "progressive": plainJPEG{width: 24, height: 16, sampling: []byte{0x22, 0x11, 0x11}, progressive: true, endScans: 1}.bytes(),
		"PNG": asPNG(t, small), "GIF": asGIF(t, 24, 16, paletted(small)), "WebP": riff(lossless(small)), "animated": animated(24, 16, 0, 0, lossless(small), lossless(small)),
		"lossy": fixture(t, "lossy.webp"),
	} {
		whole := len(data)
		if name == "GIF" {
			whole-- // the trailer, which nobody misses
		}
		for length := 1; length < whole; length += 1 + length/50 {
			_, err := variantsOf(data[:length], 8)
			if reason, _ := ReasonOf(err); reason != Unreadable && (reason != Unsupported || length > 12) {
				t.Errorf("%s of %d bytes, of %d: %v", name, length, len(data), err)
			}
		}
		if _, err := variantsOf(data, 8); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADecoderThatPanics(t *testing.T) {
	t.Parallel()
	decoded, err := guarded(func() (picture, error) { panic("index out of range") })
	if err == nil || decoded.pixels != nil {
		t.Errorf("%v, %v", decoded, err)
	}
}

// libwebp makes no more groups of codes than 2600, and x/image takes no more, on which the estimate of memory relies.
func TestMoreGroupsThanEstimatedAreNotDecoded(t *testing.T) {
	t.Parallel()
	_, err := variantsOf(riff(manyGroups(208, 204)), 256)
	mustReject(t, err, Unreadable)
	if _, err := variantsOf(riff(manyGroups(208, 200)), 256); err != nil {
		t.Error(err)
	}
}

// Structures lie: what is decoded is compared with them.
func TestAnImageThatDecodesToAnotherSize(t *testing.T) {
	t.Parallel()
	data := asPNG(t, quarters(96, 64))
	opened, err := open(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	opened.width = 95
	_, err = opened.decode(context.Background())
	mustReject(t, err, Unreadable)
}
