package images

import "encoding/binary"

// Blocks of a GIF (GIF89a, section 12 ff.).
const (
	gifExtension  = 0x21
	gifImage      = 0x2c
	gifTrailer    = 0x3b
	gifHasColours = 0x80
	// lzwRatio is how many pixels a byte of GIF's LZW can become at most: a code of 12 bits, 1.5 bytes, stands for at most 4096.
	lzwRatio = 4096
)

// walkGIF goes from block to block and counts the images. Only the first is decoded, so the others are a matter of who plays the original.
func walkGIF(data []byte, found *structure) error {
	if len(data) < 13 {
		return reject(Unreadable, "the GIF is truncated")
	}
	found.width, found.height = int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	found.frames = 0
	rest := skip(data[13:], colourBytes(data[10]))
	for len(rest) > 0 {
		switch kind := rest[0]; kind {
		case gifTrailer:
			return finishGIF(found)
		case gifExtension:
			rest, _ = skipBlocks(skip(rest, 2))
		case gifImage:
			if len(rest) < 10 {
				return reject(Unreadable, "the GIF is truncated")
			}
			width, height := int64(binary.LittleEndian.Uint16(rest[5:])), int64(binary.LittleEndian.Uint16(rest[7:]))
			first := found.frames == 0
			found.frames++
			var bytes int64
			rest, bytes = skipBlocks(skip(rest, 10+colourBytes(rest[9])+1))
			if first {
				found.memory = 2 * width * height // a byte each, and once more where it is interlaced
				found.missing = bytes*lzwRatio < width*height
			}
		default:
			return reject(Unreadable, "the GIF has a block of the kind %#x", kind)
		}
		if rest == nil {
			return reject(Unreadable, "the GIF is truncated")
		}
	}
	if rest == nil {
		return reject(Unreadable, "the GIF is truncated")
	}
	return finishGIF(found) // many writers forget the trailer, and every reader bears it
}

func finishGIF(found *structure) error {
	if found.frames == 0 {
		return reject(Unreadable, "the GIF has no picture")
	}
	return nil
}

func colourBytes(fields byte) int {
	if fields&gifHasColours == 0 {
		return 0
	}
	return 3 << (1 + fields&7)
}

// skip gives what follows so many bytes, and nil where there are not as many.
func skip(data []byte, count int) []byte {
	if count > len(data) {
		return nil
	}
	return data[count:]
}

// skipBlocks gives what follows the sub-blocks, each of which begins with its length, and how many bytes they have; nil where they do not end.
func skipBlocks(data []byte) (behind []byte, bytes int64) {
	for len(data) > 0 {
		length := int(data[0])
		if length == 0 {
			return data[1:], bytes
		}
		data, bytes = skip(data, 1+length), bytes+int64(length)
	}
	return nil, bytes
}
