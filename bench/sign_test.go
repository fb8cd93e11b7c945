package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ism-chat/ism/bench/load"
	"github.com/ism-chat/ism/bench/resources"
	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn/authntest"
	"github.com/ism-chat/ism/libs/wire"
	"github.com/ism-chat/ism/test/deployment"
)

const (
	signRate = 500 // creations of media a second
	signFor  = 10 * time.Second
	signers  = 50
)

// signRates says what BenchmarkSign measures.
var signRates = flag.String("sign-rates", strconv.Itoa(signRate), "signed uploads a second that BenchmarkSign asks for, comma-separated, one after the other")

// BenchmarkSign measures how long a signed upload takes to get, on five processes: by users with a room each, and by the same users in one room.
// With -profile, profiles of the services are kept.
func BenchmarkSign(b *testing.B) {
	d, all, together := startSigners(b)
	for b.Loop() {
		signUploads(b, d, "warm-", all, 50)
		for _, rate := range strings.Split(*signRates, ",") {
			n, err := strconv.Atoi(rate)
			if err != nil || n < 1 {
				b.Fatalf("-sign-rates: %q is no rate", rate)
			}
			signUploads(b, d, rate+"-", all, n)
			signUploads(b, d, rate+"-one-room-", together, n)
		}
	}
}

// uploader is a user with a room.
type uploader struct {
	*client.Client

	room uuid.UUID
}

// startSigners starts a deployment without quotas, and gives users with a room each, and the same users in one room.
func startSigners(b *testing.B) (d *deployment.Deployment, all, together []uploader) {
	b.Helper()
	issuer := authntest.New(b)
	d = deployment.FiveProcesses(b, deployment.Settings{
		"ISM_OIDC_ISSUER": issuer.URL, "ISM_OTLP_ENDPOINT": "", "ISM_TRACE_RATIO": "0", "ISM_MEDIA_USER_BYTES": "0", "ISM_MEDIA_USER_MEDIA": "0", "ISM_MEDIA_ROOM_BYTES": "0",
		"ISM_MEDIA_FORM_BYTES": "33554432", "ISM_HTTP_RATE_REQUESTS": "0",
	})
	var users []uuid.UUID
	for _, name := range load.Names(signers) {
		id := uuid.New()
		caller := client.New(d.BaseURL, d.HTTP(), client.Token(issuer.Token(b, id, name)))
		if _, err := caller.Rooms(b.Context()); err != nil { // rooms knows who has called
			b.Fatal(err)
		}
		users = append(users, id)
		all = append(all, uploader{Client: caller})
	}
	for i, by := range all {
		room, err := by.CreateRoom(b.Context(), client.NewRoom{Type: wire.Group, Name: "soup", Invited: []uuid.UUID{users[i], users[(i+1)%signers]}})
		if err != nil {
			b.Fatal(err)
		}
		all[i].room = room.ID
	}
	room, err := all[0].CreateRoom(b.Context(), client.NewRoom{Type: wire.Group, Name: "kitchen", Invited: users})
	if err != nil {
		b.Fatal(err)
	}
	for _, by := range all {
		together = append(together, uploader{by.Client, room.ID})
	}
	return d, all, together
}

// signUploads asks for uploads at a rate, each when it is due.
func signUploads(b *testing.B, d *deployment.Deployment, what string, uploaders []uploader, rate int) {
	b.Helper()
	var (
		mu      sync.Mutex
		took    []time.Duration
		refused = map[string]int{}
		all     errgroup.Group
	)
	media := resources.Parts{"media": d.PIDs()["media"]}
	before, err := media.Usage()
	if err != nil {
		b.Fatal(err)
	}
	profiled := keepProfiles(b, d.Internal, filepath.Join("results", "sign-"+what+time.Now().UTC().Format("20060102-150405")), signFor)
	every := time.Second / time.Duration(rate)
	begun := time.Now()
	for n := range int(signFor / every) {
		due := begun.Add(time.Duration(n) * every)
		time.Sleep(time.Until(due))
		all.Go(func() error {
			by := uploaders[n%len(uploaders)]
			_, err := by.CreateMedium(b.Context(), client.NewMedium{RoomID: by.room, FileName: "soup.png", MIMEType: "image/png", Size: 1000})
			mu.Lock()
			defer mu.Unlock()
			if problem, ok := errors.AsType[*client.Problem](err); ok {
				refused[problem.Code]++
				return nil
			}
			took = append(took, time.Since(due))
			return err
		})
	}
	if err := all.Wait(); err != nil {
		b.Fatal(err)
	}
	profiled()
	after, err := media.Usage()
	if err != nil {
		b.Fatal(err)
	}
	for code, n := range refused {
		b.ReportMetric(float64(n), fmt.Sprintf("sign-%srefused-%s", what, code))
	}
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	cpu := after["media"].CPU - before["media"].CPU
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "sign-"+what+"p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "sign-"+what+"p99-ms")
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(len(took)), "sign-"+what+"media-cpu-ms")
}
