package images

import (
	"bytes"
	"encoding/binary"
)

// Markers of a JPEG (ITU-T T.81, table B.1) that mean something here.
const (
	markerTEM   = 0x01
	markerSOF0  = 0xc0 // baseline
	markerSOF1  = 0xc1 // extended sequential
	markerSOF2  = 0xc2 // progressive
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
)

// frameHeader is what the start of a frame (SOF) says.
type frameHeader struct {
	progressive                bool
	width, height              int
	components                 []component
	maxHorizontal, maxVertical int // sampling factors, of all components
}

type component struct {
	id                   byte
	horizontal, vertical int // sampling factors
}

// walkJPEG goes from marker to marker as image/jpeg does: what it takes for a scan is counted here.
func walkJPEG(data []byte, found *structure) error {
	var header *frameHeader
	adobeTransform, scanned := -1, 0
	for rest := data[2:]; ; {
		marker, after := nextMarker(rest)
		switch {
		case after == nil:
			return reject(Unreadable, "the JPEG is truncated")
		case marker == markerTEM, marker >= markerRST0 && marker <= markerRST7:
			rest = after
			continue
		case marker == markerEOI:
			return finishJPEG(header, adobeTransform, scanned, found)
		}
		segment, behind := segmentOf(after)
		if segment == nil {
			return reject(Unreadable, "the JPEG is truncated")
		}
		rest = behind
		switch {
		case marker == markerSOF0, marker == markerSOF1, marker == markerSOF2:
			if header != nil {
				return reject(Unreadable, "the JPEG has two frames")
			}
			var err error
			if header, err = newFrameHeader(segment, marker == markerSOF2); err != nil {
				return err
			}
		case marker > markerSOF2 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG, marker == markerDAC:
			return reject(Unsupported, "a JPEG of the kind %#x", marker)
		case marker == markerSOS:
			found.scans++
			scanned += entropyCoded(rest)
		case marker == markerAPP1 && bytes.HasPrefix(segment, []byte(exifPrefix)) && found.orientation == 1:
			found.orientation = orientationOf(segment)
		case marker == markerAPP14 && len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")):
			adobeTransform = int(segment[11])
		}
	}
}

// nextMarker finds the next marker and what follows it; between markers there is entropy-coded data, in which FF is followed by 00, and fill.
func nextMarker(data []byte) (marker byte, after []byte) {
	for {
		at := bytes.IndexByte(data, 0xff)
		if at < 0 || at+1 >= len(data) {
			return 0, nil
		}
		switch marker = data[at+1]; marker {
		case 0:
			data = data[at+2:]
		case 0xff:
			data = data[at+1:]
		default:
			return marker, data[at+2:]
		}
	}
}

// entropyCoded is how many bytes there are before the next marker that is no restart.
func entropyCoded(data []byte) int {
	for rest := data; ; {
		marker, after := nextMarker(rest)
		switch {
		case after == nil:
			return len(data)
		case marker >= markerRST0 && marker <= markerRST7:
			rest = after
		default:
			return len(data) - len(after) - 2
		}
	}
}

// segmentOf gives a segment's payload, whose length precedes it, and what follows it.
func segmentOf(data []byte) (segment, behind []byte) {
	if len(data) < 2 {
		return nil, nil
	}
	length := int(binary.BigEndian.Uint16(data))
	if length < 2 || length > len(data) {
		return nil, nil
	}
	return data[2:length:length], data[length:]
}

func newFrameHeader(segment []byte, progressive bool) (*frameHeader, error) {
	if len(segment) < 6 || len(segment) != 6+3*int(segment[5]) {
		return nil, reject(Unreadable, "the JPEG's frame has a header of %d bytes", len(segment))
	}
	if count := segment[5]; segment[0] != 8 || count != 1 && count != 3 && count != 4 {
		return nil, reject(Unsupported, "a JPEG of %d bits and %d components", segment[0], count)
	}
	header := &frameHeader{
		progressive: progressive,
		height:      int(binary.BigEndian.Uint16(segment[1:])), width: int(binary.BigEndian.Uint16(segment[3:])),
	}
	for each := segment[6:]; len(each) > 0; each = each[3:] {
		c := component{id: each[0], horizontal: int(each[1] >> 4), vertical: int(each[1] & 0xf)}
		if c.horizontal < 1 || c.horizontal > 4 || c.vertical < 1 || c.vertical > 4 {
			return nil, reject(Unreadable, "the JPEG samples %d×%d", c.horizontal, c.vertical)
		}
		if segment[5] == 1 {
			c.horizontal, c.vertical = 1, 1 // T.81, A.2.2: one component is never interleaved
		}
		header.maxHorizontal, header.maxVertical = max(header.maxHorizontal, c.horizontal), max(header.maxVertical, c.vertical)
		header.components = append(header.components, c)
	}
	return header, nil
}

func finishJPEG(header *frameHeader, adobeTransform, scanned int, found *structure) error {
	if header == nil || found.scans == 0 {
		return reject(Unreadable, "the JPEG has no picture")
	}
	found.width, found.height = header.width, header.height
	blocks, planes := int64(0), int64(0)
	for _, c := range header.components {
		blocks += c.blocks(header)
		planes += c.planeBytes(header)
	}
	found.memory = planes
	bits := 2 * blocks // for each a code of its DC coefficient and one for the end of the block, of a bit at least
	if header.progressive {
		found.memory += 4 * planes // its coefficients, of 32 bits each
		bits = blocks
	}
	if len(header.components) == 4 || header.isRGB(adobeTransform) {
		found.memory += 4 * int64(header.width) * int64(header.height) // a copy with other colours
	}
	found.missing = int64(scanned)*8 < bits
	return nil
}

// isRGB is as image/jpeg decides it.
func (h *frameHeader) isRGB(adobeTransform int) bool {
	c := h.components
	return len(c) == 3 && (adobeTransform == 0 || c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B')
}

// blocks is how many blocks of 8×8 the component has at least.
func (c component) blocks(h *frameHeader) int64 {
	across := ceil(ceil(h.width*c.horizontal, h.maxHorizontal), 8)
	down := ceil(ceil(h.height*c.vertical, h.maxVertical), 8)
	return int64(across) * int64(down)
}

// planeBytes is what its samples take, a byte each, padded to whole units.
func (c component) planeBytes(h *frameHeader) int64 {
	across := ceil(h.width, 8*h.maxHorizontal) * 8 * c.horizontal
	down := ceil(h.height, 8*h.maxVertical) * 8 * c.vertical
	return int64(across) * int64(down)
}

func ceil(a, b int) int { return (a + b - 1) / b }
