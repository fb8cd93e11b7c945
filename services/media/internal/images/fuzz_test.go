package images

import (
	"bytes"
	"context"
	"encoding/binary"
	"image/jpeg"
	"testing"
)

// smallLimits let the fuzzer look at many images a second.
func smallLimits() Limits {
	return Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 16, MaxMemory: workspace + 32<<20, MaxFrames: 10, MaxScans: 10}
}

func seeds(f *testing.F) [][]byte {
	small := quarters(24, 16)
	made := [][]byte{
		asJPEG(f, small), asPNG(f, small), asPNG(f, paletted(small)), asGIF(f, 24, 16, paletted(small), paletted(small)), riff(lossless(small)),
		riff(canvas(8, 24, 16), lossless(small), chunk("EXIF", exif(binary.LittleEndian, 5))), animated(24, 16, 0, 0, lossless(small), lossless(small)),
		behindStart(asJPEG(f, small), segment(markerAPP1, append([]byte(exifPrefix), exif(binary.LittleEndian, 6)...)...)),
		behindHeader(asPNG(f, small), pngChunk("eXIf", exif(binary.LittleEndian, 8))),
		plainJPEG{width: 24, height: 16, sampling: []byte{0x22, 0x11, 0x11}, progressive: true, endScans: 2}.bytes(),
		plainJPEG{width: 24, height: 16, sampling: []byte{0x11, 0x11, 0x11, 0x11}}.bytes(), plainJPEG{width: 24, height: 16, sampling: []byte{0x41, 0x11, 0x11}}.bytes(),
		fixture(f, "lossy.webp"), fixture(f, "lossless.webp"), []byte("\xff\xd8\xff"), []byte(pngSignature), []byte("GIF89a"), []byte("RIFF\x04\x00\x00\x00WEBP"),
		{},
	}
	return made
}

func FuzzInspect(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := smallLimits()
		info, err := Inspect(context.Background(), bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			if _, rejected := ReasonOf(err); !rejected {
				t.Errorf("%v is no rejection", err)
			}
			return
		}
		if info.Width < 1 || info.Height < 1 || int64(info.Width)*int64(info.Height) > limits.MaxPixels || info.Orientation < 1 || info.Orientation > 8 || info.Memory > limits.MaxMemory || info.Frames < 1 {
			t.Errorf("it is %+v", info)
		}
	})
}

func FuzzVariants(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, limits := context.Background(), smallLimits()
		info, made, err := Variants(ctx, bytes.NewReader(data), int64(len(data)), limits, 16, 64)
		inspected, inspectErr := Inspect(ctx, bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			if _, rejected := ReasonOf(err); !rejected {
				t.Errorf("%v is no rejection", err)
			}
			return
		}
		if inspectErr != nil || inspected != info {
			t.Errorf("inspected it is %v, %v; else %v", inspected, inspectErr, info)
		}
		for _, variant := range made {
			config, err := jpeg.DecodeConfig(bytes.NewReader(variant.JPEG))
			if err != nil || config.Width != variant.Width || config.Height != variant.Height || max(config.Width, config.Height) > variant.Edge ||
				config.Width > info.Width || config.Height > info.Height {
				t.Errorf("of %v, it makes %v, %v", info, config, err)
			}
		}
		square, err := Square(ctx, bytes.NewReader(data), int64(len(data)), limits, 20)
		if config, configErr := jpeg.DecodeConfig(bytes.NewReader(square)); err != nil || configErr != nil || config.Width != 20 || config.Height != 20 {
			t.Errorf("its square is %v, %v, %v", config, err, configErr)
		}
	})
}

func FuzzSniff(f *testing.F) {
	declared := []string{"image/jpeg", "image/svg+xml", "text/plain", "audio/webm;codecs=opus", docx, "application/octet-stream", ""}
	i := 0
	for _, head := range heads(f) {
		f.Add(head, declared[i%len(declared)])
		i++
	}
	f.Fuzz(func(t *testing.T, head []byte, declared string) {
		verdict, detected := Sniff(head, declared)
		if detected == "" {
			t.Error("it looks like nothing")
		}
		if verdict == Matches && Decodes(declared) && (hidesActiveContent(head) || hidesPDF(head)) {
			t.Errorf("%q passes as %s", head, declared)
		}
		if again, _ := Sniff(head, declared); again != verdict {
			t.Errorf("%v, then %v", verdict, again)
		}
	})
}
