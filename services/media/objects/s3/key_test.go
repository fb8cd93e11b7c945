package s3

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ism-chat/ism/libs/config"
)

func TestRequestsAreSignedWithWhatTheFileHas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		of := func(keys *credentials.Credentials) string {
			t.Helper()
			value, err := keys.GetWithContext(nil)
			if err != nil || value.AccessKeyID != "id" {
				t.Errorf("%q, %v", value.AccessKeyID, err)
			}
			return value.SecretAccessKey
		}
		fixed := credentials.New(newKey(Config{AccessKey: "id", SecretKey: "fixed"}))
		put("first\n")
		keys := credentials.New(newKey(Config{AccessKey: "id", SecretKey: "first", SecretKeyFile: config.SecretFile(path)}))
		for _, step := range []struct {
			file string
			wait time.Duration
			want string
		}{
			{"second\n", 0, "second"}, {"third", readEvery - 1, "second"}, {"third", 1, "third"}, {"", readEvery, "third"}, {"fourth", readEvery, "fourth"},
		} {
			put(step.file)
			time.Sleep(step.wait)
			if got := of(keys); got != step.want {
				t.Errorf("after %v with %q in the file: %q, want %q", step.wait, step.file, got, step.want)
			}
			if got := of(fixed); got != "fixed" {
				t.Errorf("without a file: %q", got)
			}
		}
	})
}
