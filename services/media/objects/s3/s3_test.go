package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7/pkg/cors"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
	"github.com/ism-chat/ism/services/media/objects"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func settings(t *testing.T) Config {
	t.Helper()
	engine := enginetest.S3(t)
	return Config{
		Endpoint: engine.Endpoint, AccessKey: engine.AccessKey, SecretKey: config.Secret(engine.SecretKey),
		Bucket: "test-" + uuid.NewString(), Region: "us-east-1", CreateBucket: true, ConfigureBucket: true, CORSOrigins: []string{"*"},
	}
}

// run runs the store until the test ends.
func run(t *testing.T, cfg Config) *Store {
	t.Helper()
	store, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.plain.CloseIdleConnections)
	servicetest.Run(t, "bucket", store.Run)
	return store
}

// running is a store that is ready.
func running(t *testing.T, cfg Config) *Store {
	t.Helper()
	store := run(t, cfg)
	servicetest.AwaitSuccess(t, "it is ready", func() error { return store.Ready(t.Context()) })
	return store
}

func TestTheBucketIsMadeOnceAndReady(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	for range 2 {
		running(t, cfg)
	}
}

func TestWithoutTheRightToMakeItABucketIsWaitedFor(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.CreateBucket = false
	waiting := run(t, cfg)
	if err := waiting.ensure(t.Context()); !errors.Is(err, objects.ErrNoBucket) {
		t.Fatalf("a bucket that is not there is told as %v", err)
	}
	if err := waiting.Ready(t.Context()); err == nil {
		t.Fatal("it is ready without its bucket")
	}
	cfg.CreateBucket = true
	running(t, cfg)
	servicetest.AwaitSuccess(t, "it has found the bucket", func() error { return waiting.Ready(t.Context()) })
}

func TestAWrongKeyIsNotReady(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.SecretKey = "hush-hush"
	store := run(t, cfg)
	err := store.ensure(t.Context())
	if !errors.Is(err, objects.ErrUnavailable) || strings.Contains(err.Error(), "hush-hush") {
		t.Errorf("a wrong key is told as %v", err)
	}
	if store.Ready(t.Context()) == nil {
		t.Error("it is ready with a wrong key")
	}
}

func TestAddressesAndOriginsAreChecked(t *testing.T) {
	for address, good := range map[string]bool{
		"http://s3:7070": true, "https://media.example.com/": true, "s3:7070": false, "ftp://s3": false, "http://s3/bucket": false, "http://": false,
	} {
		faults := Config{Endpoint: address}.Validate()
		if (len(faults) == 0) != good {
			t.Errorf("%s: %v", address, faults)
		}
	}
	for origin, good := range map[string]bool{
		"*": true, "null": true, "https://app.example.com": true, "http://localhost:8080": true, "app.example.com": false, "https://app.example.com/": false, "https://*.example.com": false,
	} {
		faults := Config{CORSOrigins: []string{origin}}.Validate()
		if (len(faults) == 0) != good {
			t.Errorf("%s: %v", origin, faults)
		}
	}
}

func TestWhatTheRealEngineDoesIsFoundOut(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	store := running(t, cfg)
	want := objects.Capabilities{FormLimits: true, FormChecksum: true, PartSize: true, PartChecksum: true, CORS: true, ListsUploads: true}
	if got := store.Capabilities(); got != want { // versitygw 1.8 has no lifecycle rules
		t.Errorf("it does %+v", got)
	}
	left, err := store.List(t.Context(), "", "", 10)
	unfinished, err2 := store.Unfinished(t.Context(), "", "", 10)
	if err := errors.Join(err, err2); err != nil || len(left)+len(unfinished) > 0 {
		t.Errorf("left are %v and %v, %v", left, unfinished, err)
	}
}

func TestWhatOthersHaveConfiguredStays(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	first := running(t, cfg)
	theirs := cors.Rule{ID: "theirs", AllowedOrigin: []string{"https://theirs.example"}, AllowedMethod: []string{http.MethodGet}}
	if err := first.inside.SetBucketCors(t.Context(), cfg.Bucket, cors.NewConfig([]cors.Rule{theirs})); err != nil {
		t.Fatal(err)
	}
	for _, cfg.CORSOrigins = range [][]string{{"https://one.example"}, {"https://one.example", "https://two.example"}} {
		running(t, cfg)
		has, err := first.inside.GetBucketCors(t.Context(), cfg.Bucket)
		if err != nil {
			t.Fatal(err)
		}
		if len(has.CORSRules) != 2 || has.CORSRules[0].ID != ruleID || !slices.Equal(has.CORSRules[0].AllowedOrigin, cfg.CORSOrigins) || has.CORSRules[1].ID != theirs.ID {
			t.Errorf("the bucket has %+v", has.CORSRules)
		}
	}
	for origin, allowed := range map[string]bool{"https://one.example": true, "https://evil.example": false} {
		got, err := Allows(t.Context(), first.plain, cfg.Endpoint+"/"+cfg.Bucket+"/", origin)
		if err != nil || got != allowed {
			t.Errorf("%s: %v %v", origin, got, err)
		}
	}
}

func TestPagesThatMayNotUploadAreSaid(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	first := running(t, cfg)
	if err := first.inside.SetBucketCors(t.Context(), cfg.Bucket, nil); err != nil {
		t.Fatal(err)
	}
	theirs := cfg
	theirs.ConfigureBucket = false
	running(t, theirs) // it is somebody else's
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(endpoint)
		r.Out.Host = r.In.Host
	}}
	withoutRight := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Query().Has("cors") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>You may not</Message></Error>")
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(withoutRight.Close)
	cfg.Endpoint, cfg.CORSOrigins = withoutRight.URL, []string{"https://app.example.com"}
	store := run(t, cfg)
	servicetest.Await(t, "it says that pages may not upload", func() bool {
		err := store.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "https://app.example.com") && strings.Contains(err.Error(), "CORS")
	})
	if err := first.inside.SetBucketCors(t.Context(), cfg.Bucket, cors.NewConfig([]cors.Rule{CORSRule(cfg.CORSOrigins)})); err != nil {
		t.Fatal(err)
	}
	servicetest.AwaitSuccess(t, "somebody else has allowed it", func() error { return store.Ready(t.Context()) })
}

func TestSigningAsksNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(silent.Close)
	cfg := settings(t)
	cfg.Endpoint, cfg.PublicURL = silent.URL, "https://media.example.com"
	store, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	upload := objects.Upload{Key: uuid.NewString() + "/" + uuid.NewString() + "/upload", Type: "image/png", Size: 10}
	if _, err := store.PresignForm(t.Context(), upload, time.Minute); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("before it is known what is enforced, a form is told as %v", err)
	}
	store.found.Store(&objects.Capabilities{FormLimits: true, FormChecksum: true, PartSize: true})
	form, err := store.PresignForm(t.Context(), upload, time.Minute)
	if err != nil || !strings.HasPrefix(form.URL, cfg.PublicURL+"/"+cfg.Bucket+"/") {
		t.Errorf("a form is for %s, %v", form.URL, err)
	}
	part, err := store.PresignPart(t.Context(), objects.PartUpload{Key: upload.Key, UploadID: "1", Number: 1, Size: 1}, time.Minute)
	if err != nil || !strings.HasPrefix(part.URL, cfg.PublicURL+"/"+cfg.Bucket+"/"+upload.Key) {
		t.Errorf("a part is for %s, %v", part.URL, err)
	}
	at, err := store.PresignGet(t.Context(), upload.Key, objects.Download{}, time.Minute)
	if err != nil || !strings.HasPrefix(at, cfg.PublicURL+"/"+cfg.Bucket+"/"+upload.Key) {
		t.Errorf("a download is for %s, %v", at, err)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the object store was asked %d times", n)
	}
}

func TestAStoreThatFailsIsUnavailable(t *testing.T) {
	t.Parallel()
	answering := func(status int, code string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>it says</Message></Error>")
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, test := range map[string]struct {
		endpoint string
		want     error
	}{
		"gone":         {"http://127.0.0.1:" + strconv.Itoa(servicetest.FreePort(t)), objects.ErrUnavailable},
		"overloaded":   {answering(http.StatusServiceUnavailable, "SlowDown"), objects.ErrUnavailable},
		"broken":       {answering(http.StatusInternalServerError, "InternalError"), objects.ErrUnavailable},
		"no S3":        {answering(http.StatusBadGateway, ""), objects.ErrUnavailable},
		"another time": {answering(http.StatusForbidden, "RequestTimeTooSkewed"), objects.ErrUnavailable},
		"wrong key":    {answering(http.StatusForbidden, "InvalidAccessKeyId"), objects.ErrUnavailable},
		"no bucket":    {answering(http.StatusNotFound, "NoSuchBucket"), objects.ErrNoBucket},
		"full":         {answering(http.StatusInsufficientStorage, "XMinioStorageFull"), objects.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := settings(t)
			cfg.Endpoint = test.endpoint
			store, err := New(cfg, telemetry.Discard(nil))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(store.plain.CloseIdleConnections)
			ctx, key := t.Context(), uuid.NewString()+"/"+uuid.NewString()+"/original"
			upload := objects.Upload{Key: key, Type: "image/png", Size: 1}
			for call, do := range map[string]func() error{
				"BeginParts":    func() error { _, err := store.BeginParts(ctx, upload); return err },
				"Parts":         func() error { _, err := store.Parts(ctx, key, "1"); return err },
				"CompleteParts": func() error { return store.CompleteParts(ctx, key, "1", []objects.Part{{Number: 1, ETag: "1"}}) },
				"AbortParts":    func() error { return store.AbortParts(ctx, key, "1") },
				"Unfinished":    func() error { _, err := store.Unfinished(ctx, "", "", 1); return err },
				"Put":           func() error { _, err := store.Put(ctx, upload, strings.NewReader("1")); return err },
				"Seal":          func() error { _, err := store.Seal(ctx, key, key, "1"); return err },
				"Delete":        func() error { return store.Delete(ctx, key) },
				"Delete many":   func() error { return store.Delete(ctx, key, key) },
				"List":          func() error { _, err := store.List(ctx, "", "", 1); return err },
			} {
				if err := do(); !errors.Is(err, test.want) {
					t.Errorf("%s is told as %v", call, err)
				}
			}
		})
	}
}

// Whoever reads has a deadline, and so has each call: here the clock is the test's.
func TestAStoreThatHangsIsUnavailable(t *testing.T) {
	t.Parallel()
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	cfg := settings(t)
	cfg.Endpoint = hanging.URL
	store, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.plain.CloseIdleConnections)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	if _, err := store.Stat(ctx, uuid.NewString()+"/"+uuid.NewString()+"/original"); !errors.Is(err, objects.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is told as %v", err)
	}
}

func TestUnfinishedUploadsThatExpire(t *testing.T) {
	day := lifecycle.AbortIncompleteMultipartUpload{DaysAfterInitiation: 1}
	for name, test := range map[string]struct {
		rule lifecycle.Rule
		want bool
	}{
		"ours":            {lifecycle.Rule{Status: "Enabled", AbortIncompleteMultipartUpload: day}, true},
		"switched off":    {lifecycle.Rule{Status: "Disabled", AbortIncompleteMultipartUpload: day}, false},
		"of some objects": {lifecycle.Rule{Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "x"}, AbortIncompleteMultipartUpload: day}, false},
		"too late":        {lifecycle.Rule{Status: "Enabled", AbortIncompleteMultipartUpload: lifecycle.AbortIncompleteMultipartUpload{DaysAfterInitiation: 7}}, false},
		"something else":  {lifecycle.Rule{Status: "Enabled"}, false},
	} {
		has := lifecycle.NewConfiguration()
		has.Rules = []lifecycle.Rule{test.rule}
		if got := expires(has); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
