package checks

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/cors"

	"github.com/ism-chat/ism/libs/enginetest"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/examine/examinetest"
	"github.com/ism-chat/ism/libs/servicetest"
	"github.com/ism-chat/ism/services/media/objects/s3"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }

const api = "https://chat.example.com"

// onTarget gives the checks of an installation.
func onTarget(t *testing.T, target string, variables ...string) ([]examine.Check, s3.Config) {
	t.Helper()
	at, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct{ Media struct{ S3 s3.Config } }
	found := examinetest.Survey(t, &cfg, variables...)
	return Part(cfg.Media.S3, api, found, examine.Target{URL: at}).Checks, cfg.Media.S3
}

// onStore gives the checks of an object store, with a bucket of its own.
func onStore(t *testing.T, target string, more ...string) ([]examine.Check, *minio.Client, string) {
	t.Helper()
	engine, bucket := enginetest.S3(t), "test-"+uuid.NewString()
	variables := append([]string{
		"ISM_MEDIA_S3_ENDPOINT=" + engine.Endpoint, "ISM_MEDIA_S3_ACCESS_KEY=" + engine.AccessKey, "ISM_MEDIA_S3_SECRET_KEY=" + engine.SecretKey, "ISM_MEDIA_S3_BUCKET=" + bucket,
	}, more...)
	checks, cfg := onTarget(t, target, variables...)
	client, err := s3.Client(cfg, engine.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CredContext().Client.CloseIdleConnections)
	return checks, client, bucket
}

func TestTheBucketIsWrittenAndLeftAsItWas(t *testing.T) {
	checks, client, bucket := onStore(t, "http://localhost:1")
	examinetest.Expect(t, examinetest.Find(t, checks, "bucket"), examine.Fault, bucket, "start media")
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	examinetest.Expect(t, examinetest.Find(t, checks, "bucket"), examine.OK)
	examinetest.Expect(t, examinetest.Find(t, checks, "presigned address"), examine.OK)
	for object := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{}) {
		t.Errorf("%s was left behind", object.Key)
	}
}

func TestTheObjectStoreThatIsNotReachedOrRefusesIsNamed(t *testing.T) {
	gone := examinetest.ClosedPort(t)
	checks, _, _ := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_ENDPOINT=http://"+gone)
	examinetest.Expect(t, examinetest.Find(t, checks, "bucket"), examine.Fault, gone, "nothing listens")
	checks, _, _ = onStore(t, "http://localhost:1", "ISM_MEDIA_S3_SECRET_KEY=hush-hush")
	got := examinetest.Find(t, checks, "bucket")
	examinetest.Expect(t, got, examine.Fault, "ISM_MEDIA_S3_SECRET_KEY")
	if strings.Contains(got.Found, "hush-hush") {
		t.Errorf("the key is printed: %v", got)
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
		return examinetest.Serve(t, proxy.ServeHTTP)
	}
	foreign := examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", http.StatusNotFound) })
	for name, test := range map[string]struct {
		public string
		result examine.Result
		words  []string
	}{
		"passed on":         {passing(true), examine.OK, nil},
		"with another Host": {passing(false), examine.Fault, []string{"refuses the signature", "Host"}},
		"nothing there":     {"http://" + examinetest.ClosedPort(t), examine.Fault, []string{"nothing listens"}},
		"something else":    {foreign, examine.Fault, []string{"404"}},
	} {
		t.Run(name, func(t *testing.T) {
			checks, client, bucket := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_PUBLIC_URL="+test.public)
			if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			got := examinetest.Find(t, checks, "presigned address")
			examinetest.Expect(t, got, test.result, test.words...)
			if strings.Contains(got.Found, "X-Amz") {
				t.Errorf("the signature is printed: %v", got)
			}
		})
	}
}

func TestPublicNamesAreCompared(t *testing.T) {
	for _, test := range []struct {
		target, public string
		result         examine.Result
	}{
		{"http://gateway:8080", "https://media.example.com", examine.OK},
		{"http://localhost:5403", "http://localhost:5403", examine.OK},
		{"http://gateway:8080", "http://localhost:5403", examine.OK}, // the stack on a laptop, from inside
		{"https://chat.example.com", "http://localhost:5403", examine.Fault},
		{"http://gateway:8080", "http://s3:7070", examine.Fault},
		{"http://gateway:8080", "http://s3.media.svc", examine.Fault},
		{"http://gateway:8080", "http://10.0.0.7:9000", examine.Warning},
		{"http://gateway:8080", "", examine.Warning},
	} {
		checks, _ := onTarget(t, test.target, "ISM_MEDIA_S3_ENDPOINT=http://s3:7070", "ISM_MEDIA_S3_PUBLIC_URL="+test.public, "ISM_MEDIA_S3_ACCESS_KEY=k", "ISM_MEDIA_S3_SECRET_KEY=s")
		if got := examinetest.Find(t, checks[:1], "public address"); got.Result != test.result {
			t.Errorf("%s at %s: %v", test.public, test.target, got)
		}
	}
}

func TestPagesThatMayNotUploadAreNamed(t *testing.T) {
	const name = "pages of other origins"
	origins := "ISM_MEDIA_S3_CORS_ORIGINS=https://one.example,https://two.example"
	checks, client, bucket := onStore(t, "http://localhost:1", origins)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	examinetest.Expect(t, examinetest.Find(t, checks, name), examine.Fault, "https://one.example, https://two.example", "PutBucketCORS", `"AllowedOrigins":["https://one.example"`)
	allow := func(origins ...string) {
		t.Helper()
		if err := client.SetBucketCors(t.Context(), bucket, cors.NewConfig([]cors.Rule{s3.CORSRule(origins)})); err != nil {
			t.Fatal(err)
		}
	}
	allow("https://two.example")
	got := examinetest.Find(t, checks, name)
	examinetest.Expect(t, got, examine.Fault, "pages of https://one.example may not")
	allow("https://one.example", "https://two.example")
	examinetest.Expect(t, examinetest.Find(t, checks, name), examine.OK, "https://one.example")

	const redirected = "downloads by pages of other origins"
	examinetest.Expect(t, examinetest.Find(t, checks, redirected), examine.Warning, api, "Origin: null", "ISM_MEDIA_S3_CORS_ORIGINS")
	allow("https://one.example", "https://two.example", "null")
	examinetest.Expect(t, examinetest.Find(t, checks, redirected), examine.OK, api)
	allow("*")
	examinetest.Expect(t, examinetest.Find(t, checks, redirected), examine.OK, api)

	// A gateway that answers the browsers' question itself.
	gateway := examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
	cfg := []string{origins, "ISM_MEDIA_S3_BUCKET=" + bucket, "ISM_MEDIA_S3_PUBLIC_URL=" + gateway}
	checks, _, _ = onStore(t, "http://localhost:1", cfg...)
	examinetest.Expect(t, examinetest.Find(t, checks, name), examine.Fault, "pass OPTIONS on")
}

// Pages of the API's own origin keep it, wherever the API leads them.
func TestPagesOfTheAPIsOriginAreNotAskedFor(t *testing.T) {
	for origin, asked := range map[string]bool{api: false, "https://one.example": true} {
		checks, _, _ := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_CORS_ORIGINS="+origin)
		findings := examine.Run(t.Context(), checks)
		if got := slices.ContainsFunc(findings, func(f examine.Finding) bool { return f.Check == "downloads by pages of other origins" }); got != asked {
			t.Errorf("%s: %v", origin, findings)
		}
	}
}

func TestOrigins(t *testing.T) {
	for address, want := range map[string]string{
		"https://chat.example.com": api, "https://Chat.example.com:443/": api, "https://chat.example.com/ism": api,
		"http://s3:80": "http://s3", "http://s3:443": "http://s3:443", "https://s3:8443": "https://s3:8443",
	} {
		if got := originOf(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestAClockThatBreaksSignaturesIsNamed(t *testing.T) {
	for skew, result := range map[time.Duration]examine.Result{
		0: examine.OK, 20 * time.Second: examine.OK, -2 * time.Minute: examine.Warning, 2 * time.Minute: examine.Warning, -time.Hour: examine.Fault, 16 * time.Minute: examine.Fault,
	} {
		endpoint := examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusForbidden)
		})
		checks, _ := onTarget(t, "http://localhost:1", "ISM_MEDIA_S3_ENDPOINT="+endpoint, "ISM_MEDIA_S3_ACCESS_KEY=k", "ISM_MEDIA_S3_SECRET_KEY=s")
		if got := examinetest.Find(t, checks, "clock"); got.Result != result {
			t.Errorf("%s: %v", skew, got)
		}
	}
	silent := examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil })
	checks, _ := onTarget(t, "http://localhost:1", "ISM_MEDIA_S3_ENDPOINT="+silent, "ISM_MEDIA_S3_ACCESS_KEY=k", "ISM_MEDIA_S3_SECRET_KEY=s")
	examinetest.Expect(t, examinetest.Find(t, checks, "clock"), examine.NotChecked)
	checks, _, _ = onStore(t, "http://localhost:1")
	examinetest.Expect(t, examinetest.Find(t, checks, "clock"), examine.OK) // the real one
}

func TestASignatureRefusedForTheTimeIsNamed(t *testing.T) {
	late := examinetest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"))
	})
	checks, client, bucket := onStore(t, "http://localhost:1", "ISM_MEDIA_S3_PUBLIC_URL="+late)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	examinetest.Expect(t, examinetest.Find(t, checks, "presigned address"), examine.Fault, "expired", "clocks")
}
