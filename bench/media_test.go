package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/bench/resources"
	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	uploads    = 100
	uploadSize = 10 << 20 // bytes
)

// BenchmarkMedia measures media on five processes and the real S3: how long a signed upload takes to get, what the process keeps of what goes up, and what
// the variants of a 12-megapixel picture cost it.
func BenchmarkMedia(b *testing.B) {
	d, all, _ := startSigners(b)
	for b.Loop() {
		signUploads(b, d, "", all, signRate)
		uploadMuch(b, d, all[0].Client, all[0].room)
		makeVariants(b, d, all[0].Client, all[0].room)
	}
}

// uploadMuch uploads a gigabyte, four media at once, and looks at the process's memory after each.
func uploadMuch(b *testing.B, d *deployment.Deployment, caller *client.Client, room uuid.UUID) {
	b.Helper()
	content := make([]byte, uploadSize)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	copy(content, "\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm")
	var (
		mu   sync.Mutex
		most int64
		all  errgroup.Group
	)
	all.SetLimit(4)
	begun := time.Now()
	for range uploads {
		all.Go(func() error {
			medium, err := caller.CreateMedium(b.Context(), client.NewMedium{RoomID: room, FileName: "film.webm", MIMEType: "video/webm", Size: uploadSize})
			if err != nil {
				return err
			}
			if err := medium.Upload.Form.Send(b.Context(), d.HTTP(), content); err != nil {
				return err
			}
			if _, err := caller.CompleteMedium(b.Context(), medium.ID); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			most = max(most, d.Memory(b, "media"))
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(most)/(1<<20), "media-MiB")
	b.ReportMetric(uploads*uploadSize/(1<<20)/time.Since(begun).Seconds(), "MiB/s")
}

// makeVariants has media make the variants of a 12-megapixel picture, one after the other.
func makeVariants(b *testing.B, d *deployment.Deployment, caller *client.Client, room uuid.UUID) {
	b.Helper()
	const pictures = 5
	content := photo(b)
	media := resources.Parts{"media": d.PIDs()["media"]}
	before, err := media.Usage()
	if err != nil {
		b.Fatal(err)
	}
	for range pictures {
		medium, err := caller.CreateMedium(b.Context(), client.NewMedium{RoomID: room, FileName: "photo.jpg", MIMEType: "image/jpeg", Size: int64(len(content))})
		if err != nil {
			b.Fatal(err)
		}
		if err := medium.Upload.Form.Send(b.Context(), d.HTTP(), content); err != nil {
			b.Fatal(err)
		}
		if _, err := caller.CompleteMedium(b.Context(), medium.ID); err != nil {
			b.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); medium.State != wire.MediaReady; time.Sleep(20 * time.Millisecond) {
			if medium, err = caller.Medium(b.Context(), medium.ID); err != nil || time.Now().After(end) {
				b.Fatalf("the picture is %s, %v", medium.State, err)
			}
		}
	}
	after, err := media.Usage()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((after["media"].CPU-before["media"].CPU).Milliseconds())/pictures, "variants-cpu-ms")
	b.ReportMetric(float64(d.Memory(b, "media"))/(1<<20), "media-with-pictures-MiB")
}

// photo is a JPEG of 12 megapixels with as much detail as one has.
func photo(b *testing.B) []byte {
	b.Helper()
	canvas := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for y := range 3000 {
		for x := range 4000 {
			canvas.Y[canvas.YOffset(x, y)] = uint8((x*x+y*y)>>12) + uint8(rand.Uint32()&15)
		}
	}
	for i := range canvas.Cb {
		canvas.Cb[i], canvas.Cr[i] = uint8(i>>8), uint8(i>>12)
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, canvas, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	return encoded.Bytes()
}
