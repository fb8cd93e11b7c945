package s3

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"testing"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/media/objects/objectstest"
)

// TestConformance has clients come through a proxy, as through a gateway: what they get must be signed for it, and not for the endpoint.
func TestConformance(t *testing.T) {
	t.Parallel()
	engines := map[string]Config{"versitygw": settings(t)}
	// MinIO takes long to build, so it is no engine of every run: name one, and it is tried, too.
	if at, err := url.Parse(os.Getenv("ISM_TEST_MINIO_URL")); err == nil && at.Host != "" {
		cfg := settings(t)
		secret, _ := at.User.Password()
		cfg.Endpoint, cfg.AccessKey, cfg.SecretKey = "http://"+at.Host, at.User.Username(), config.Secret(secret)
		engines["MinIO"] = cfg
	}
	for name, cfg := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, err := url.Parse(cfg.Endpoint)
			if err != nil {
				t.Fatal(err)
			}
			gateway := httptest.NewServer(&httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(endpoint)
				r.Out.Host = r.In.Host
			}})
			t.Cleanup(gateway.Close)
			cfg.PublicURL = gateway.URL
			store := running(t, cfg)
			t.Logf("%+v", store.Capabilities())
			objectstest.Run(t, store)
		})
	}
}
