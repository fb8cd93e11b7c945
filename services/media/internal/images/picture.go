package images

import (
	"context"
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// picture is pixels, and where they are shown: the first frame of an animation may cover a part only. What it leaves, and what is transparent, is white.
type picture struct {
	pixels        image.Image
	at            image.Point
	width, height int
}

// frame is what of the picture its pixels cover.
func (p picture) frame() image.Rectangle {
	return p.pixels.Bounds().Sub(p.pixels.Bounds().Min).Add(p.at)
}

// shrunk gives a region of the picture in so many pixels, which are not more than it has.
// Planes of YCbCr, which most pictures are, are averaged as they are and become no RGB on the way from one JPEG to the other.
func (p picture) shrunk(ctx context.Context, region image.Rectangle, width, height int) (picture, error) {
	if region.In(p.frame()) && p.at == (image.Point{}) && p.pixels.Bounds().Min == p.at {
		switch pixels := p.pixels.(type) {
		case *image.YCbCr:
			if halves := subsampled(pixels.SubsampleRatio); halves != nil {
				return shrinkYCbCr(ctx, pixels, region, *halves, width, height)
			}
		case *image.Gray:
			small := image.NewGray(image.Rect(0, 0, width, height))
			err := shrink(ctx, plane{pixels: pixels.Pix, stride: pixels.Stride, region: region}.row, region.Size(), small.Pix, small.Rect.Size(), 1)
			return picture{pixels: small, width: width, height: height}, err
		}
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	err := shrink(ctx, p.rows(region), region.Size(), small.Pix, small.Rect.Size(), 4)
	return picture{pixels: small, width: width, height: height}, err
}

// plane is samples of a byte, of which a region is looked at.
type plane struct {
	pixels []byte
	stride int
	region image.Rectangle
}

func (p plane) row(y int) []byte {
	start := (p.region.Min.Y + y) * p.stride
	return p.pixels[start+p.region.Min.X : start+p.region.Max.X]
}

// subsampled tells by how much chroma is coarser; nil for ratios that nobody uses.
func subsampled(ratio image.YCbCrSubsampleRatio) *image.Point {
	switch ratio {
	case image.YCbCrSubsampleRatio444:
		return &image.Point{X: 1, Y: 1}
	case image.YCbCrSubsampleRatio422:
		return &image.Point{X: 2, Y: 1}
	case image.YCbCrSubsampleRatio420:
		return &image.Point{X: 2, Y: 2}
	case image.YCbCrSubsampleRatio440:
		return &image.Point{X: 1, Y: 2}
	}
	return nil
}

func shrinkYCbCr(ctx context.Context, pixels *image.YCbCr, region image.Rectangle, coarser image.Point, width, height int) (picture, error) {
	region = region.Sub(image.Pt(region.Min.X%coarser.X, region.Min.Y%coarser.Y)) // by at most a pixel, so that chroma begins with it
	chroma := image.Rect(region.Min.X/coarser.X, region.Min.Y/coarser.Y, ceil(region.Max.X, coarser.X), ceil(region.Max.Y, coarser.Y))
	small := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	smallChroma := image.Pt(small.CStride, ceil(height, 2))
	for _, each := range []struct {
		from     plane
		to       []byte
		fromSize image.Point
		toSize   image.Point
	}{
		{plane{pixels.Y, pixels.YStride, region}, small.Y, region.Size(), small.Rect.Size()},
		{plane{pixels.Cb, pixels.CStride, chroma}, small.Cb, chroma.Size(), smallChroma},
		{plane{pixels.Cr, pixels.CStride, chroma}, small.Cr, chroma.Size(), smallChroma},
	} {
		if err := shrink(ctx, each.from.row, each.fromSize, each.to, each.toSize, 1); err != nil {
			return picture{}, err
		}
	}
	return picture{pixels: small, width: width, height: height}, nil
}

// rows gives a region's rows as RGBA, onto white, whatever the pixels are. Each is valid until the next.
func (p picture) rows(region image.Rectangle) func(y int) []byte {
	row := image.NewRGBA(image.Rect(0, 0, region.Dx(), 1))
	covered := p.frame().Intersect(region)
	paint := p.painter()
	return func(y int) []byte {
		for i := range row.Pix {
			row.Pix[i] = 0xff
		}
		if y += region.Min.Y; y >= covered.Min.Y && y < covered.Max.Y {
			from := p.pixels.Bounds().Min.Add(image.Pt(covered.Min.X, y)).Sub(p.at)
			paint(row, image.Rect(covered.Min.X-region.Min.X, 0, covered.Max.X-region.Min.X, 1), from)
		}
		return row.Pix
	}
}

// painter paints a part of a row from a point of the pixels on.
func (p picture) painter() func(row *image.RGBA, to image.Rectangle, from image.Point) {
	op := draw.Over
	switch pixels := p.pixels.(type) {
	case *image.Paletted: // image/draw has no quick way for them
		onWhite := onWhite(pixels.Palette)
		return func(row *image.RGBA, to image.Rectangle, from image.Point) {
			indexes := pixels.Pix[pixels.PixOffset(from.X, from.Y):][:to.Dx()]
			into := row.Pix[4*to.Min.X : 4*to.Max.X]
			for i, index := range indexes {
				copy(into[4*i:4*i+4], onWhite[index][:])
			}
		}
	case *image.RGBA, *image.CMYK, *image.YCbCr, *image.Gray:
		op = draw.Src // decoders make RGBA of what has no transparency only
	}
	return func(row *image.RGBA, to image.Rectangle, from image.Point) { draw.Draw(row, to, p.pixels, from, op) }
}

// onWhite gives the colours of a palette on white. Indexes without a colour are white.
func onWhite(palette color.Palette) *[256][4]byte {
	var colours [256][4]byte
	for i := range colours {
		colours[i] = [4]byte{0xff, 0xff, 0xff, 0xff}
		if i < len(palette) {
			r, g, b, a := palette[i].RGBA()
			rest := 0xffff - a
			colours[i] = [4]byte{byte((r + rest) >> 8), byte((g + rest) >> 8), byte((b + rest) >> 8), 0xff}
		}
	}
	return &colours
}

// enlarge scales a square up to so many pixels each way; one that has them is left as it is.
func enlarge(pixels image.Image, side int) image.Image {
	if pixels.Bounds().Dx() >= side {
		return pixels
	}
	large := image.NewRGBA(image.Rect(0, 0, side, side))
	xdraw.CatmullRom.Scale(large, large.Rect, pixels, pixels.Bounds(), xdraw.Src, nil)
	return large
}
