package images

import (
	"image"
	"image/draw"
)

// turnsSideways reports whether an orientation makes width of height.
func turnsSideways(orientation int) bool { return orientation >= 5 }

// orient turns and mirrors what was stored so that it is seen as it was meant. Source: EXIF 2.32, tag 274.
func orient(pixels image.Image, orientation int) image.Image {
	if orientation <= 1 || orientation > 8 {
		return pixels
	}
	stored := asRGBA(pixels)
	width, height := stored.Rect.Dx(), stored.Rect.Dy()
	seenWidth, seenHeight := width, height
	if turnsSideways(orientation) {
		seenWidth, seenHeight = height, width
	}
	seen := image.NewRGBA(image.Rect(0, 0, seenWidth, seenHeight))
	for y := range seenHeight {
		for x := range seenWidth {
			fromX, fromY := storedAt(x, y, width, height, orientation)
			copy(seen.Pix[4*(y*seenWidth+x):][:4], stored.Pix[4*(fromY*width+fromX):][:4])
		}
	}
	return seen
}

// storedAt tells where a pixel that is seen is stored.
func storedAt(x, y, width, height, orientation int) (int, int) {
	switch orientation {
	case 2: // mirrored
		return width - 1 - x, y
	case 3: // upside down
		return width - 1 - x, height - 1 - y
	case 4: // upside down and mirrored
		return x, height - 1 - y
	case 5: // a quarter to the left, mirrored
		return y, x
	case 6: // to be turned a quarter to the right
		return y, height - 1 - x
	case 7: // a quarter to the right, mirrored
		return width - 1 - y, height - 1 - x
	case 8: // to be turned a quarter to the left
		return width - 1 - y, x
	default:
		return x, y
	}
}

// asRGBA gives the pixels as RGBA from (0, 0) on, without gaps between rows.
func asRGBA(pixels image.Image) *image.RGBA {
	if already, ok := pixels.(*image.RGBA); ok && already.Rect.Min == (image.Point{}) && already.Stride == 4*already.Rect.Dx() {
		return already
	}
	made := image.NewRGBA(image.Rect(0, 0, pixels.Bounds().Dx(), pixels.Bounds().Dy()))
	draw.Draw(made, made.Rect, pixels, pixels.Bounds().Min, draw.Src)
	return made
}
