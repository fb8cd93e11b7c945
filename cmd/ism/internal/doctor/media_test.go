package doctor

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/services/media/objects"
)

// onStore gives the checks of an object store, with a bucket of its own.
func onStore(t *testing.T, target string, more ...string) ([]check, *minio.Client, string) {
	t.Helper()
	s3, bucket := enginetest.S3(t), "test-"+uuid.NewString()
	variables := append([]string{
		"ISM_MEDIA_S3_ENDPOINT=" + s3.Endpoint, "ISM_MEDIA_S3_ACCESS_KEY=" + s3.AccessKey, "ISM_MEDIA_S3_SECRET_KEY=" + s3.SecretKey, "ISM_MEDIA_S3_BUCKET=" + bucket,
	}, more...)
	d := doctorFor(t, target, variables...)
	client, err := objects.Client(d.settings.media.Media.S3, s3.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CredContext().Client.CloseIdleConnections)
	return d.mediaChecks(), client, bucket
}

func TestTheBucketIsWrittenAndLeftAsItWas(t *testing.T) {
	checks, client, bucket := onStore(t, "http://localhost:1")
	expect(t, find(t, checks, "bucket"), Fault, bucket, "start media")
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	expect(t, find(t, checks, "bucket"), OK)
	expect(t, find(t, checks, "presigned address"), OK)
	for object := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{}) {
		t.Errorf("%s was left behind", object.Key)
	}
}

func TestTheObjectStoreThatIsNotReachedOrRefusesIsNamed(t *testing.T) {
	gone := closedPort(t)
	checks, _, _ := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_ENDPOINT=http://"+gone)
	expect(t, find(t, checks, "bucket"), Fault, gone, "nothing listens")
	checks, _, _ = onStore(t, "http://localhost:1", "ISM_MEDIA_S3_SECRET_KEY=hush-hush")
	got := find(t, checks, "bucket")
	expect(t, got, Fault, "ISM_MEDIA_S3_SECRET_KEY")
	if strings.Contains(got.Found, "hush-hush") {
		t.Errorf("the key is told: %v", got)
	}
}

func TestPresignedAddressesThatDoNotWorkAreNamed(t *testing.T) {
	at, err := url.Parse(enginetest.S3(t).Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	passing := func(keepHost bool) string {
		proxy := &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(at)
			if keepHost {
				r.Out.Host = r.In.Host
			}
		}}
		return serve(t, proxy.ServeHTTP)
	}
	foreign := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", http.StatusNotFound) })
	for name, test := range map[string]struct {
		public string
		result Result
		words  []string
	}{
		"passed on":         {passing(true), OK, nil},
		"with another Host": {passing(false), Fault, []string{"refuses the signature", "Host"}},
		"nothing there":     {"http://" + closedPort(t), Fault, []string{"nothing listens"}},
		"something else":    {foreign, Fault, []string{"404"}},
	} {
		t.Run(name, func(t *testing.T) {
			checks, client, bucket := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_PUBLIC_URL="+test.public)
			if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			got := find(t, checks, "presigned address")
			expect(t, got, test.result, test.words...)
			if strings.Contains(got.Found, "X-Amz") {
				t.Errorf("the signature is told: %v", got)
			}
		})
	}
}

func TestPublicNamesAreJudged(t *testing.T) {
	for _, test := range []struct {
		target, public string
		result         Result
	}{
		{"http://gateway:8080", "https://media.example.com", OK},
		{"http://localhost:5403", "http://localhost:5403", OK},
		{"http://gateway:8080", "http://localhost:5403", OK}, // the stack on a laptop, from inside
		{"https://chat.example.com", "http://localhost:5403", Fault},
		{"http://gateway:8080", "http://s3:7070", Fault},
		{"http://gateway:8080", "http://s3.media.svc", Fault},
		{"http://gateway:8080", "http://10.0.0.7:9000", Warning},
		{"http://gateway:8080", "", Warning},
	} {
		d := doctorFor(t, test.target, "ISM_MEDIA_S3_ENDPOINT=http://s3:7070", "ISM_MEDIA_S3_PUBLIC_URL="+test.public, "ISM_MEDIA_S3_ACCESS_KEY=k", "ISM_MEDIA_S3_SECRET_KEY=s")
		n := &notes{check: "public address"}
		d.lookAtPublicName(n)
		if got := n.close()[0]; got.Result != test.result {
			t.Errorf("%s at %s: %v", test.public, test.target, got)
		}
	}
}
