package deployment

import (
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

// FiveProcesses starts the five services, each a process of its own, on Postgres, Cassandra, Kafka, Keycloak and S3,
// behind nginx with the configuration of the compose stack. All of them get the settings, if there are any.
func FiveProcesses(t testing.TB, settings ...Settings) *Deployment {
	t.Helper()
	postgres := enginetest.PostgresDatabase(t)
	cassandra := strings.Join(enginetest.CassandraHosts(t), ",")
	brokers := strings.Join(enginetest.KafkaBrokers(t), ",")
	issuer := enginetest.Keycloak(t)
	s3 := enginetest.S3(t)

	dir := t.TempDir()
	gateway := freeAddress(t)
	spans := startCollector(t)
	d := newDeployment(t, "five processes", baseURL(gateway), issuer, spans)
	addresses := map[string]string{}
	internal := map[string]string{}
	d.Internal = internal
	for _, name := range []string{"rooms", "messages", "realtime", "notifications", "media"} {
		addresses[name], internal[name] = freeAddress(t), freeAddress(t)
	}
	own := map[string]map[string]string{
		"rooms": {"ISM_ROOMS_POSTGRES_URL": postgres},
		"messages": {
			"ISM_MESSAGES_ROOMS_URL":          baseURL(internal["rooms"]),
			"ISM_MESSAGES_CASSANDRA_HOSTS":    cassandra,
			"ISM_MESSAGES_CASSANDRA_KEYSPACE": "ism_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12],
			"ISM_MESSAGES_CASSANDRA_USERNAME": "cassandra",
			"ISM_MESSAGES_CASSANDRA_PASSWORD": "cassandra",
		},
	}
	own["media"] = map[string]string{
		"ISM_MEDIA_S3_ENDPOINT": s3.Endpoint, "ISM_MEDIA_S3_ACCESS_KEY": s3.AccessKey, "ISM_MEDIA_S3_SECRET_KEY": s3.SecretKey,
		"ISM_MEDIA_S3_BUCKET": "ism-" + uuid.NewString(),
	}
	for name, address := range addresses {
		variables := map[string]string{
			"ISM_HTTP_ADDRESS":          address,
			"ISM_HTTP_INTERNAL_ADDRESS": internal[name],
			"ISM_OIDC_ISSUER":           issuer,
			"ISM_KAFKA_BROKERS":         brokers,
			"ISM_OTLP_ENDPOINT":         spans.Endpoint,
		}
		maps.Copy(variables, own[name])
		d.apply(variables, settings)
		d.processes[name] = &process{
			name: name, path: binary(t, name), env: environment(variables),
			readyURL: baseURL(address) + "/ready", logFile: filepath.Join(dir, name+".log"),
		}
	}
	keycloak, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	addresses["keycloak"], addresses["s3"] = keycloak.Host, strings.TrimPrefix(s3.Endpoint, "http://")
	d.processes["gateway"] = gatewayProcess(t, dir, gateway, addresses)
	return start(t, d)
}
