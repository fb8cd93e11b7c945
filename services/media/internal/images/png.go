package images

import "encoding/binary"

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	// deflateRatio is how many bytes one byte of deflate can become at most (RFC 1951: 258 bytes by two bits).
	deflateRatio = 1032
	interlaced   = 1
)

// walkPNG goes from chunk to chunk. Compressed text and colour profiles (zTXt, iTXt, iCCP) are stepped over, here and by image/png: whatever they would become, nobody unpacks them.
func walkPNG(data []byte, found *structure) error {
	var header []byte
	pixelBytes, transparent, animated := int64(0), false, 0
	for rest := data[len(pngSignature):]; ; {
		if len(rest) < 12 {
			return reject(Unreadable, "the PNG is truncated")
		}
		length, kind := int64(binary.BigEndian.Uint32(rest)), string(rest[4:8])
		if length > int64(len(rest)-12) {
			return reject(Unreadable, "the PNG is truncated")
		}
		chunk := rest[8 : 8+length]
		rest = rest[12+length:]
		if header == nil && (kind != "IHDR" || length != 13) {
			return reject(Unreadable, "the PNG begins with %q", kind)
		}
		switch kind {
		case "IHDR":
			header = chunk
		case "IDAT":
			pixelBytes += length
		case "tRNS":
			transparent = true
		case "fcTL":
			animated++
		case "eXIf":
			found.orientation = orientationOf(chunk)
		case "IEND":
			found.frames = max(1, animated)
			return finishPNG(header, pixelBytes, transparent, found)
		}
	}
}

func finishPNG(header []byte, pixelBytes int64, transparent bool, found *structure) error {
	width, height := int64(binary.BigEndian.Uint32(header)), int64(binary.BigEndian.Uint32(header[4:]))
	if width == 0 || height == 0 || width > 1<<31-1 || height > 1<<31-1 {
		return reject(Unreadable, "the PNG says %d×%d", width, height)
	}
	found.width, found.height = int(width), int(height)
	if width > maxSide || height > maxSide {
		return nil // it is refused for that
	}
	bits, decoded, err := pixelOf(header[8], header[9], transparent)
	if err != nil {
		return err
	}
	row := (width*bits + 7) / 8
	raw := height * (1 + row)
	if header[12] == interlaced {
		raw = height * width * bits / 8 // in seven passes, each with rows and bytes of its own: not less than this
		decoded *= 2                    // the passes are images of their own, that add up to another one
	}
	found.missing = pixelBytes*deflateRatio < raw
	found.memory = width*height*decoded + 2*(1+row)
	return nil
}

// pixelOf tells how many bits a pixel has in the file, and how many bytes image/png makes of it. Source: PNG specification, 11.2.1.
func pixelOf(depth, colour byte, transparent bool) (bits, decoded int64, err error) {
	samples := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
	if samples == 0 || depth != 1 && depth != 2 && depth != 4 && depth != 8 && depth != 16 {
		return 0, 0, reject(Unreadable, "the PNG has a depth of %d and the colours %d", depth, colour)
	}
	wide := int64(1)
	if depth == 16 {
		wide = 2
	}
	switch {
	case colour == 3, colour == 0 && !transparent:
		return samples * int64(depth), wide, nil
	default:
		return samples * int64(depth), 4 * wide, nil
	}
}
