package images

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"testing"

	"golang.org/x/image/webp"
)

func decodeJPEG(t *testing.T, encoded []byte) image.Image {
	t.Helper()
	decoded, err := jpeg.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// looks compares colours, which a JPEG has roughly where they are full and others are near.
func looks(t *testing.T, decoded image.Image, x, y int, want color.RGBA) {
	t.Helper()
	got := color.RGBAModel.Convert(decoded.At(x, y)).(color.RGBA)
	for _, difference := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
		if difference < -40 || difference > 40 {
			t.Errorf("at %d, %d it is %v, want %v", x, y, got, want)
			return
		}
	}
}

// corners are the colours above, then below, from left to right.
func corners(t *testing.T, encoded []byte, want ...color.RGBA) {
	t.Helper()
	decoded := decodeJPEG(t, encoded)
	width, height := decoded.Bounds().Dx(), decoded.Bounds().Dy()
	for i, x := range []int{width / 4, 3 * width / 4, width / 4, 3 * width / 4} {
		looks(t, decoded, x, []int{height / 4, height / 4, 3 * height / 4, 3 * height / 4}[i], want[i])
	}
}

func TestEachFormatIsToldAndMadeSmaller(t *testing.T) {
	t.Parallel()
	original := quarters(96, 64)
	for name, test := range map[string]struct {
		data []byte
		want Info
	}{
		"JPEG":              {asJPEG(t, original), Info{Format: JPEG, Width: 96, Height: 64}},
		"PNG":               {asPNG(t, original), Info{Format: PNG, Width: 96, Height: 64}},
		"PNG, of a palette": {asPNG(t, paletted(original)), Info{Format: PNG, Width: 96, Height: 64}},
		"GIF":               {asGIF(t, 96, 64, paletted(original)), Info{Format: GIF, Width: 96, Height: 64}},
		"WebP":              {riff(lossless(original)), Info{Format: WebP, Width: 96, Height: 64}},
		"WebP, extended":    {riff(canvas(0, 96, 64), lossless(original)), Info{Format: WebP, Width: 96, Height: 64}},
		"GIF, animated":     {asGIF(t, 96, 64, paletted(original), paletted(image.NewRGBA(original.Rect))), Info{Format: GIF, Width: 96, Height: 64, Frames: 2}},
		"WebP, animated":    {animated(96, 64, 0, 0, lossless(original), lossless(image.NewRGBA(original.Rect))), Info{Format: WebP, Width: 96, Height: 64, Frames: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.want.Orientation, test.want.Frames = 1, max(1, test.want.Frames)
			info, made, err := Variants(context.Background(), bytes.NewReader(test.data), int64(len(test.data)), DefaultLimits(), 24, 48, 1024)
			if err != nil {
				t.Fatal(err)
			}
			if info.Memory < 96*64 || info.Memory > workspace+4<<20 {
				t.Errorf("it takes %d bytes", info.Memory)
			}
			if inspected, err := inspect(test.data); err != nil || inspected != info {
				t.Errorf("inspected, it is %v, %v; want %v", inspected, err, info)
			}
			test.want.Memory = info.Memory
			if info != test.want {
				t.Errorf("it is %+v, want %+v", info, test.want)
			}
			for i, want := range []Variant{{Edge: 24, Width: 24, Height: 16}, {Edge: 48, Width: 48, Height: 32}, {Edge: 1024, Width: 96, Height: 64}} {
				if got := made[i]; got.Edge != want.Edge || got.Width != want.Width || got.Height != want.Height {
					t.Errorf("the variant is %d: %d×%d, want %d: %d×%d", got.Edge, got.Width, got.Height, want.Edge, want.Width, want.Height)
				}
				if bounds := decodeJPEG(t, made[i].JPEG).Bounds(); bounds != image.Rect(0, 0, want.Width, want.Height) {
					t.Errorf("its JPEG is %v", bounds)
				}
				corners(t, made[i].JPEG, red, green, blue, white)
			}
		})
	}
}

// animated is a WebP of two frames on a canvas, the first from a point on.
func animated(width, height, x, y int, first, second []byte) []byte {
	frame := func(x, y int, pixels []byte) []byte {
		header := appendUint24(appendUint24(nil, x/2), y/2)
		return chunk("ANMF", append(append(header, make([]byte, 10)...), pixels...))
	}
	return riff(canvas(2, width, height), chunk("ANIM", make([]byte, 6)), frame(x, y, first), frame(0, 0, second))
}

func TestWebPsOfOthers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]image.Point{"lossy.webp": {150, 100}, "lossy-with-alpha.webp": {400, 301}, "lossless.webp": {75, 100}} {
		data := fixture(t, name)
		decoded, err := webp.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		onWhite := image.NewRGBA(decoded.Bounds())
		draw.Draw(onWhite, onWhite.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(onWhite, onWhite.Rect, decoded, image.Point{}, draw.Over)
		chunks := data[12:]
		if string(chunks[:4]) == "VP8X" {
			chunks = chunks[18:]
		}
		moving := animated(want.X, want.Y, 0, 0, chunks, chunks)
		for _, data := range [][]byte{data, moving} {
			info, made, err := Variants(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), 1024)
			if err != nil || info.Width != want.X || info.Height != want.Y {
				t.Errorf("%s: %v, %v", name, info, err)
				continue
			}
			shown := decodeJPEG(t, made[0].JPEG)
			for y := 10; y < want.Y; y += 20 {
				for x := 10; x < want.X; x += 20 {
					looks(t, shown, x, y, onWhite.RGBAAt(x, y))
				}
			}
		}
	}
}

func TestOrientationIsApplied(t *testing.T) {
	t.Parallel()
	seen := [][]color.RGBA{
		1: {red, green, blue, white}, 2: {green, red, white, blue}, 3: {white, blue, green, red}, 4: {blue, white, red, green},
		5: {red, blue, green, white}, 6: {blue, red, white, green}, 7: {white, green, blue, red}, 8: {green, white, red, blue},
	}
	original := quarters(96, 64)
	for orientation := 1; orientation <= 8; orientation++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			tag := exif(order, uint16(orientation))
			for format, data := range map[Format][]byte{
				JPEG: behindStart(asJPEG(t, original), segment(markerAPP1, append([]byte(exifPrefix), tag...)...)),
				PNG:  behindHeader(asPNG(t, original), pngChunk("eXIf", tag)),
				WebP: riff(canvas(8, 96, 64), lossless(original), chunk("EXIF", tag)),
			} {
				t.Run(fmt.Sprint(orientation, order, format), func(t *testing.T) {
					t.Parallel()
					info, made, err := Variants(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), 96, 48)
					if err != nil {
						t.Fatal(err)
					}
					want := image.Pt(96, 64)
					if orientation >= 5 {
						want = image.Pt(64, 96)
					}
					if info.Orientation != orientation || info.Width != want.X || info.Height != want.Y || made[0].Width != want.X || made[1].Height != want.Y/2 {
						t.Errorf("it is %+v", info)
					}
					for _, variant := range made {
						corners(t, variant.JPEG, seen[orientation]...)
					}
					cropped, err := Square(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), 40)
					if err != nil {
						t.Fatal(err)
					}
					corners(t, cropped, seen[orientation]...)
				})
			}
		}
	}
}

func TestOrientationThatCannotBeReadIsNone(t *testing.T) {
	t.Parallel()
	order := binary.LittleEndian
	good := exif(order, 6)
	for name, tag := range map[string][]byte{
		"nothing": nil, "its start": good[:7], "no directory": good[:9], "an entry cut off": good[:30], "another order": append([]byte("XX"), good[2:]...),
		"a directory far away": append([]byte("II*\x00\xff\xff\xff\xff"), good[8:]...), "0": exif(order, 0), "9": exif(order, 9),
		"a long": append(append([]byte("II*\x00\x08\x00\x00\x00\x01\x00"), tiffEntry(order, tagOrientation, 4, 1, 6)...), 0, 0, 0, 0),
		"many":   append(append([]byte("II*\x00\x08\x00\x00\x00\xff\xff"), bytes.Repeat(tiffEntry(order, 1, 3, 1, 6), maxEntries)...), tiffEntry(order, tagOrientation, 3, 1, 6)...),
	} {
		if got := orientationOf(tag); got != 1 {
			t.Errorf("of %s it is %d", name, got)
		}
	}
	if got := orientationOf(append([]byte(exifPrefix), good...)); got != 6 {
		t.Errorf("with its prefix it is %d", got)
	}
}

func TestNothingButPixelsIsKept(t *testing.T) {
	t.Parallel()
	secret := []byte("49.4521N 11.0767E")
	data := behindStart(asJPEG(t, quarters(96, 64)),
		segment(markerAPP1, append([]byte(exifPrefix), append(exif(binary.BigEndian, 6), secret...)...)...), segment(0xe2, append([]byte("ICC_PROFILE\x00"), secret...)...),
		segment(0xed, secret...), segment(0xfe, secret...))
	data = append(data, secret...)
	made, err := variantsOf(data, 48, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cropped, err := Square(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, encoded := range [][]byte{made[0].JPEG, made[1].JPEG, cropped} {
		for rest := encoded[2:]; rest[1] != markerSOS; rest = rest[2+binary.BigEndian.Uint16(rest[2:]):] {
			if marker := rest[1]; marker >= 0xe0 && marker <= 0xef || marker == 0xfe {
				t.Errorf("it has a segment %#x", marker)
			}
		}
		if bytes.Contains(encoded, secret) {
			t.Error("it tells the place")
		}
	}
}

func TestWhatIsTransparentIsWhite(t *testing.T) {
	t.Parallel()
	original := quarters(96, 64)
	for y := range 64 {
		for x := range 48 {
			original.Set(x, y, color.NRGBA{R: 255, A: 0})
		}
	}
	half := image.NewNRGBA(original.Rect)
	for i := range half.Pix {
		half.Pix[i] = 0x80
	}
	for name, data := range map[string][]byte{
		"PNG": asPNG(t, original), "PNG, of a palette": asPNG(t, paletted(original)), "GIF": asGIF(t, 96, 64, paletted(original)), "WebP": riff(lossless(original)),
	} {
		for _, edge := range []int{96, 31} {
			made, err := variantsOf(data, edge)
			if err != nil {
				t.Fatal(name, err)
			}
			corners(t, made[0].JPEG, white, green, white, white)
		}
	}
	made, err := variantsOf(asPNG(t, half), 50)
	if err != nil {
		t.Fatal(err)
	}
	corners(t, made[0].JPEG, color.RGBA{191, 191, 191, 255}, color.RGBA{191, 191, 191, 255}, color.RGBA{191, 191, 191, 255}, color.RGBA{191, 191, 191, 255})
}

func TestAFirstFrameOfAPartIsOnWhite(t *testing.T) {
	t.Parallel()
	part := image.NewPaletted(image.Rect(48, 32, 96, 64), color.Palette{blue, red})
	part.Pix[0] = 1
	for name, data := range map[string][]byte{
		"GIF":  asGIF(t, 96, 64, part),
		"WebP": animated(96, 64, 48, 32, lossless(asRGBA(part)), lossless(image.NewRGBA(image.Rect(0, 0, 96, 64)))),
	} {
		info, made, err := Variants(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), 48)
		if err != nil || info.Width != 96 || info.Height != 64 {
			t.Fatal(name, info, err)
		}
		corners(t, made[0].JPEG, white, white, white, blue)
	}
}

func TestColoursThatAreRare(t *testing.T) {
	t.Parallel()
	grey := color.RGBA{128, 128, 128, 255}
	wide := image.NewNRGBA64(image.Rect(0, 0, 96, 64))
	greys := image.NewGray16(wide.Rect)
	for y := range 64 {
		for x := range 96 {
			wide.Set(x, y, grey)
			greys.Set(x, y, grey)
		}
	}
	for name, data := range map[string][]byte{
		"grey JPEG": plainJPEG{width: 96, height: 64, sampling: []byte{0x11}}.bytes(), "4:2:0": plainJPEG{width: 95, height: 63, sampling: []byte{0x22, 0x11, 0x11}}.bytes(),
		"4:4:0": plainJPEG{width: 95, height: 63, sampling: []byte{0x12, 0x11, 0x11}}.bytes(), "4:1:1": plainJPEG{width: 95, height: 63, sampling: []byte{0x41, 0x11, 0x11}}.bytes(),
		"4:2:2":       plainJPEG{width: 95, height: 63, sampling: []byte{0x21, 0x11, 0x11}}.bytes(),
		"progressive": plainJPEG{width: 95, height: 63, sampling: []byte{0x22, 0x11, 0x11}, progressive: true, endScans: 3}.bytes(),
		"16-bit PNG":  asPNG(t, wide), "grey 16-bit PNG": asPNG(t, greys),
	} {
		for _, edge := range []int{95, 94, 50, 7} {
			made, err := variantsOf(data, edge)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			corners(t, made[0].JPEG, grey, grey, grey, grey)
		}
	}
	cmyk := plainJPEG{width: 96, height: 64, sampling: []byte{0x11, 0x11, 0x11, 0x11}}.bytes()
	made, err := variantsOf(behindStart(cmyk, segment(markerAPP14, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")...)), 48)
	if err != nil {
		t.Fatal(err)
	}
	dark := color.RGBA{64, 64, 64, 255}
	corners(t, made[0].JPEG, dark, dark, dark, dark)
}

func TestSquare(t *testing.T) {
	t.Parallel()
	stripes := image.NewRGBA(image.Rect(0, 0, 900, 300)) // red, blue, green
	for y := range 300 {
		for x := range 900 {
			stripes.Set(x, y, []color.RGBA{red, blue, green}[x/300])
		}
	}
	high := orient(stripes, 6)
	for name, data := range map[string][]byte{
		"wide JPEG": asJPEG(t, stripes), "high JPEG": asJPEG(t, high), "wide PNG": asPNG(t, stripes), "high PNG": asPNG(t, high),
	} {
		for _, side := range []int{500, 300, 100} {
			encoded, err := Square(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits(), side)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			decoded := decodeJPEG(t, encoded)
			if decoded.Bounds() != image.Rect(0, 0, side, side) {
				t.Errorf("%s is %v", name, decoded.Bounds())
			}
			for _, at := range []int{8, side / 2, side - 9} {
				looks(t, decoded, at, side/2, blue)
				looks(t, decoded, side/2, at, blue)
			}
		}
	}
	single := asPNG(t, quarters(1, 1))
	encoded, err := Square(context.Background(), bytes.NewReader(single), int64(len(single)), DefaultLimits(), 500)
	if err != nil {
		t.Fatal(err)
	}
	corners(t, encoded, red, red, red, red)
}

func TestThinImagesKeepAPixel(t *testing.T) {
	t.Parallel()
	for _, size := range []image.Point{{3000, 1}, {1, 3000}, {3000, 2}} {
		made, err := variantsOf(asPNG(t, image.NewGray(image.Rectangle{Max: size})), 256)
		if err != nil || max(made[0].Width, made[0].Height) != 256 || min(made[0].Width, made[0].Height) != 1 {
			t.Errorf("%v: %v", size, err)
		}
	}
}

func TestAveragesAreExact(t *testing.T) {
	t.Parallel()
	from, to := image.Pt(7, 5), image.Pt(3, 2)
	source := make([]byte, from.X*from.Y)
	for i := range source {
		source[i] = byte(i * 37)
	}
	made := make([]byte, to.X*to.Y)
	err := shrink(context.Background(), func(y int) []byte { return source[y*from.X:][:from.X] }, from, made, to, 1)
	if err != nil {
		t.Fatal(err)
	}
	for y := range to.Y {
		for x := range to.X {
			sum := 0.0
			for sy := range from.Y {
				for sx := range from.X {
					sum += float64(source[sy*from.X+sx]) * overlap(sx, x, from.X, to.X) * overlap(sy, y, from.Y, to.Y)
				}
			}
			if got := float64(made[y*to.X+x]); got-sum > 0.6 || sum-got > 0.6 {
				t.Errorf("at %d, %d it is %v, want %v", x, y, got, sum)
			}
		}
	}
}

// overlap is which part of a made pixel a source pixel is.
func overlap(source, made, from, to int) float64 {
	scale := float64(from) / float64(to)
	return max(0, min(float64(source+1), float64(made+1)*scale)-max(float64(source), float64(made)*scale)) / scale
}

func TestTheLongestSidesDoNotOverflow(t *testing.T) {
	t.Parallel()
	row := bytes.Repeat([]byte{255}, maxSide)
	for _, channels := range []int{1, 4} {
		made := make([]byte, channels)
		err := shrink(context.Background(), func(int) []byte { return row[:channels] }, image.Pt(1, maxSide), made, image.Pt(1, 1), channels)
		if err != nil || made[0] != 255 {
			t.Errorf("white becomes %v, %v", made, err)
		}
	}
	made := make([]byte, 2)
	if err := shrink(context.Background(), func(int) []byte { return row }, image.Pt(maxSide, 1), made, image.Pt(2, 1), 1); err != nil || made[0] != 255 || made[1] != 255 {
		t.Errorf("white becomes %v, %v", made, err)
	}
}

func TestFilesThatAreNotWhatWasSaid(t *testing.T) {
	t.Parallel()
	data, ctx := asPNG(t, quarters(8, 8)), context.Background()
	_, err := Inspect(ctx, bytes.NewReader(data), int64(len(data)+1), DefaultLimits())
	if _, rejected := ReasonOf(err); rejected || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("shorter than said: %v", err)
	}
	_, err = Inspect(ctx, io.MultiReader(bytes.NewReader(data), errReader{}), int64(len(data)+1), DefaultLimits())
	if _, rejected := ReasonOf(err); rejected || !errors.Is(err, errRead) {
		t.Errorf("a reader that fails: %v", err)
	}
	_, err = Inspect(ctx, errReader{}, DefaultLimits().MaxBytes+1, DefaultLimits())
	mustReject(t, err, TooManyBytes)
	_, err = inspect(nil)
	mustReject(t, err, Unreadable)
	_, err = inspect([]byte("BM, a bitmap"))
	mustReject(t, err, Unsupported)
	arithmetic := plainJPEG{width: 8, height: 8, sampling: []byte{0x11}}.bytes()
	_, err = inspect(bytes.Replace(arithmetic, []byte{0xff, markerSOF0}, []byte{0xff, 0xc9}, 1))
	mustReject(t, err, Unsupported)
}

var errRead = errors.New("the store is gone")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errRead }

func TestPolyglotsAreRefused(t *testing.T) {
	t.Parallel()
	encoded := asJPEG(t, quarters(64, 64))
	archive := zipOf(t, "META-INF/MANIFEST.MF")
	for name, data := range map[string][]byte{
		"a JPEG with a ZIP behind":     append(bytes.Clone(encoded), archive...),
		"a PNG with a ZIP behind":      append(asPNG(t, quarters(8, 8)), archive...),
		"a JPEG with a script":         behindStart(encoded, segment(0xfe, []byte("<ScRiPt>alert(1)</script>")...)),
		"a GIF with a page":            withComment(asGIF(t, 8, 8, paletted(quarters(8, 8))), "<html >"),
		"a JPEG with an SVG":           behindStart(encoded, segment(0xfe, []byte("<svg onload=alert(1)>")...)),
		"a JPEG that is a PDF, too":    behindStart(encoded, segment(0xfe, []byte("%PDF-1.7")...)),
		"a GIF that is JavaScript,too": append([]byte("GIF89a/*"), asGIF(t, 8, 8, paletted(quarters(8, 8)))[8:]...),
	} {
		_, err := inspect(data)
		if reason, _ := ReasonOf(err); reason != NotWhatItSays {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{
		"a film behind":            append(bytes.Clone(encoded), "\x00\x00\x00\x18ftypmp42PK\x05\x06"...),
		"the description of Adobe": behindStart(encoded, segment(markerAPP1, []byte("http://ns.adobe.com/xap/1.0/\x00<?xpacket begin=''?><x:xmpmeta>")...)),
	} {
		if _, err := inspect(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withComment(encoded []byte, comment string) []byte {
	at := 13 + colourBytes(encoded[10])
	block := append([]byte{gifExtension, 0xfe, byte(len(comment))}, comment+"\x00"...)
	return append(append(bytes.Clone(encoded[:at]), block...), encoded[at:]...)
}

func TestAContextEndsIt(t *testing.T) {
	t.Parallel()
	data := asPNG(t, quarters(600, 600))
	opened, err := open(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := opened.decode(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the process ends")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if _, err := Inspect(ctx, bytes.NewReader(data), int64(len(data)), DefaultLimits()); !errors.Is(err, cause) {
		t.Errorf("reading: %v", err)
	}
	if _, err := opened.decode(ctx); !errors.Is(err, cause) {
		t.Errorf("decoding: %v", err)
	}
	if _, err := decoded.shrunk(ctx, image.Rect(0, 0, 600, 600), 100, 100); !errors.Is(err, cause) {
		t.Errorf("scaling: %v", err)
	}
}
