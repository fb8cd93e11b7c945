package deployment

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ism-chat/ism/libs/enginetest"
)

// Unfinished stands before the key of an upload in parts that was neither completed nor aborted, among [Deployment.Objects].
const Unfinished = "unfinished: "

// Objects are the keys of all that media keeps, as the object store itself has them.
func (d *Deployment) Objects(t testing.TB) []string {
	t.Helper()
	return d.objects(t)
}

// inBucket gives what is in a bucket.
func inBucket(at enginetest.ObjectStore, bucket string) func(t testing.TB) []string {
	return func(t testing.TB) (keys []string) {
		t.Helper()
		endpoint, err := url.Parse(at.Endpoint)
		if err != nil {
			t.Fatalf("parse the address of the object store: %v", err)
		}
		client, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.NewStaticV4(at.AccessKey, at.SecretKey, ""), Region: "us-east-1"})
		if err != nil {
			t.Fatalf("make a client of the object store: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for object := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			if object.Err != nil {
				t.Fatalf("list the objects of %s: %v", bucket, object.Err)
			}
			keys = append(keys, object.Key)
		}
		for upload := range client.ListIncompleteUploads(ctx, bucket, "", true) {
			if upload.Err != nil {
				t.Fatalf("list the unfinished uploads of %s: %v", bucket, upload.Err)
			}
			keys = append(keys, Unfinished+upload.Key)
		}
		return keys
	}
}

// inDirectory gives what is in the directory of one process, see package directory of media.
func inDirectory(dir string) func(t testing.TB) []string {
	return func(t testing.TB) (keys []string) {
		t.Helper()
		top := filepath.Join(dir, "objects")
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
				return nil
			}
			if err != nil || entry.IsDir() {
				return err
			}
			key, err := filepath.Rel(top, path)
			keys = append(keys, key)
			return err
		})
		if err != nil {
			t.Fatalf("list the objects in %s: %v", top, err)
		}
		uploads, err := os.ReadDir(filepath.Join(dir, "uploads"))
		if err != nil {
			t.Fatalf("list the unfinished uploads in %s: %v", dir, err)
		}
		for _, upload := range uploads {
			keys = append(keys, Unfinished+upload.Name())
		}
		return keys
	}
}
