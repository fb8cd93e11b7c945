package images

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// photo is a picture with edges and noise, of a phone's 12 megapixels; 2.6 MB as a JPEG of the quality 90.
func photo() *image.YCbCr {
	made := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	noise := rand.New(rand.NewPCG(1, 2))
	for y := range 3000 {
		for x := range 4000 {
			made.Y[y*made.YStride+x] = uint8((x*y/5000+x/7)%200 + noise.IntN(12))
		}
	}
	for i := range made.Cb {
		made.Cb[i], made.Cr[i] = uint8(100+i/3000%50), uint8(90+i/1000%60)
	}
	return made
}

func photoJPEG(b *testing.B) []byte {
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, photo(), &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return encoded.Bytes()
}

// cpuOf reports the process's CPU an operation, which others on the machine disturb less than the time.
func cpuOf(b *testing.B, do func() error) {
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkVariantsOf12MP(b *testing.B) {
	data := photoJPEG(b)
	cpuOf(b, func() error { _, err := variantsOf(data, 256, 1024); return err })
}

func BenchmarkVariantsOfSidewaysPNG(b *testing.B) {
	data := behindHeader(asPNG(b, photo().SubImage(image.Rect(0, 0, 1600, 1200))), pngChunk("eXIf", exif(binary.BigEndian, 6)))
	cpuOf(b, func() error { _, err := variantsOf(data, 256, 1024); return err })
}

// BenchmarkDecodeOf12MP is the part of it that is image/jpeg's.
func BenchmarkDecodeOf12MP(b *testing.B) {
	data := photoJPEG(b)
	cpuOf(b, func() error { _, err := jpeg.Decode(bytes.NewReader(data)); return err })
}

func BenchmarkInspectOf12MP(b *testing.B) {
	data := photoJPEG(b)
	cpuOf(b, func() error {
		_, err := Inspect(context.Background(), bytes.NewReader(data), int64(len(data)), DefaultLimits())
		return err
	})
}
