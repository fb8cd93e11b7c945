package images

import (
	"bytes"
	"encoding/binary"
)

const (
	exifPrefix     = "Exif\x00\x00"
	tagOrientation = 0x0112
	typeShort      = 3
	maxEntries     = 1000 // of a directory; real ones have some dozens
)

// orientationOf reads the orientation from EXIF (CIPA DC-008, a TIFF directory), with or without its prefix: 1 to 8, and 1 for what has none or cannot be read.
// Only the first directory is looked at, which is that of the image itself; nothing in it is followed.
func orientationOf(exif []byte) int {
	tiff := bytes.TrimPrefix(exif, []byte(exifPrefix))
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	start := int64(order.Uint32(tiff[4:]))
	if start+2 > int64(len(tiff)) {
		return 1
	}
	directory := tiff[start:]
	entries := min(int(order.Uint16(directory)), maxEntries)
	for entry := directory[2:]; entries > 0 && len(entry) >= 12; entry, entries = entry[12:], entries-1 {
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		value := int(order.Uint16(entry[8:]))
		if order.Uint16(entry[2:]) != typeShort || order.Uint32(entry[4:]) != 1 || value < 1 || value > 8 {
			return 1
		}
		return value
	}
	return 1
}
