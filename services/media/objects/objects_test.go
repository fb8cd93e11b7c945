package objects

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/libs/telemetry"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

func settings(t *testing.T) Config {
	t.Helper()
	s3 := enginetest.S3(t)
	return Config{
		Endpoint: s3.Endpoint, AccessKey: s3.AccessKey, SecretKey: config.Secret(s3.SecretKey),
		Bucket: "test-" + uuid.NewString(), Region: "us-east-1", CreateBucket: true,
	}
}

// run runs the bucket until the test ends.
func run(t *testing.T, cfg Config) *Bucket {
	t.Helper()
	bucket, err := New(cfg, telemetry.Discard(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.client.CredContext().Client.CloseIdleConnections() })
	servicetest.Run(t, "bucket", bucket.Run)
	return bucket
}

func TestTheBucketIsMadeOnceAndReady(t *testing.T) {
	cfg := settings(t)
	for range 2 {
		bucket := run(t, cfg)
		servicetest.Await(t, "it is ready", func() bool { return bucket.Ready(t.Context()) == nil })
	}
}

func TestWithoutTheRightToMakeItABucketIsWaitedFor(t *testing.T) {
	cfg := settings(t)
	cfg.CreateBucket = false
	waiting := run(t, cfg)
	if err := waiting.ensure(t.Context()); err == nil {
		t.Fatal("a bucket that is not there has been found")
	}
	if err := waiting.Ready(t.Context()); err == nil {
		t.Fatal("it is ready without its bucket")
	}
	cfg.CreateBucket = true
	run(t, cfg)
	servicetest.Await(t, "it has found the bucket", func() bool { return waiting.Ready(t.Context()) == nil })
}

func TestAWrongKeyIsNotReady(t *testing.T) {
	cfg := settings(t)
	cfg.SecretKey = "wrong"
	bucket := run(t, cfg)
	err := bucket.ensure(t.Context())
	if err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong key is told as %v", err)
	}
	if bucket.Ready(t.Context()) == nil {
		t.Error("it is ready with a wrong key")
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for address, good := range map[string]bool{
		"http://s3:7070": true, "https://media.example.com/": true, "s3:7070": false, "ftp://s3": false, "http://s3/bucket": false, "http://": false,
	} {
		faults := Config{Endpoint: address}.Validate()
		if (len(faults) == 0) != good {
			t.Errorf("%s: %v", address, faults)
		}
	}
}
