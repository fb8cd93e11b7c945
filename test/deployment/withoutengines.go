package deployment

import (
	"path/filepath"
	"testing"
)

// WithoutEngines starts one service whose engines do not answer, and gives its base URL. It does not wait for it.
func WithoutEngines(t testing.TB, service string) string {
	t.Helper()
	address, nobody := FreeAddress(t), FreeAddress(t)
	dir := t.TempDir()
	variables := map[string]string{
		"ISM_HTTP_ADDRESS":          address,
		"ISM_HTTP_INTERNAL_ADDRESS": FreeAddress(t),
		"ISM_OIDC_ISSUER":           baseURL(nobody) + "/realms/ism",
		"ISM_OIDC_AUDIENCE":         "ism",
		"ISM_KAFKA_BROKERS":         nobody,
	}
	switch service {
	case "rooms":
		variables["ISM_ROOMS_POSTGRES_URL"] = "postgres://nobody@" + nobody + "/nothing"
	case "notifications":
		variables["ISM_NOTIFICATIONS_POSTGRES_URL"] = "postgres://nobody@" + nobody + "/nothing"
		variables["ISM_NOTIFICATIONS_ROOMS_URL"] = baseURL(nobody)
	case "media":
		variables["ISM_MEDIA_POSTGRES_URL"] = "postgres://nobody@" + nobody + "/nothing"
		variables["ISM_MEDIA_S3_ENDPOINT"] = baseURL(nobody)
		variables["ISM_MEDIA_ROOMS_URL"], variables["ISM_MEDIA_MESSAGES_URL"] = baseURL(nobody), baseURL(nobody)
		variables["ISM_MEDIA_S3_ACCESS_KEY"], variables["ISM_MEDIA_S3_SECRET_KEY"] = "nobody", "nothing"
	case "messages":
		variables["ISM_MESSAGES_CASSANDRA_HOSTS"] = nobody
		variables["ISM_MESSAGES_ROOMS_URL"] = baseURL(nobody)
		variables["ISM_MESSAGES_MEDIA_URL"] = baseURL(nobody)
	}
	p := &process{name: service, path: binary(t, service), env: environment(variables), logFile: filepath.Join(dir, service+".log")}
	p.start(t)
	t.Cleanup(func() { p.stop(t) })
	return baseURL(address)
}
