package deployment

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/enginetest"
)

// InternalSecret is what the services show each other.
const InternalSecret = "what-the-services-of-tests-show-each-other"

// FiveProcesses starts the five services, each a process of its own, on Postgres, Cassandra, Kafka, Keycloak and S3,
// behind nginx with the configuration of the compose stack. All of them get the settings, if there are any, but for those of another service
// (ISM_REALTIME_…); the gateway gets its own (GATEWAY_…).
func FiveProcesses(t testing.TB, settings ...Settings) *Deployment {
	t.Helper()
	return start(t, fiveProcesses(t, enginetest.KafkaBrokers(t), settings))
}

// FiveProcessesOn is [FiveProcesses] on the brokers of a cluster, with a second edge. Streams are opened at the edges themselves, see [User.ListenAt].
func FiveProcessesOn(t testing.TB, cluster *Cluster, settings ...Settings) *Deployment {
	t.Helper()
	d := fiveProcesses(t, cluster.Brokers, append([]Settings{{"ISM_KAFKA_REPLICATION": "3"}}, settings...))
	first, ok := d.processes["realtime"].(*process)
	if !ok {
		t.Fatal("realtime is not a process of its own")
	}
	second := *first
	address, internal := FreeAddress(t), FreeAddress(t)
	second.name, second.logFile, second.readyURL = "realtime-2", first.logFile+"-2", baseURL(address)+"/ready"
	second.env = append(slices.Clone(first.env), "ISM_HTTP_ADDRESS="+address, "ISM_HTTP_INTERNAL_ADDRESS="+internal)
	d.processes[second.name], d.Internal[second.name] = &second, internal
	d.edges = []string{strings.TrimSuffix(first.readyURL, "/ready"), baseURL(address)}
	return start(t, d)
}

func fiveProcesses(t testing.TB, kafka []string, settings []Settings) *Deployment {
	t.Helper()
	postgres := enginetest.PostgresDatabase(t)
	cassandra := strings.Join(enginetest.CassandraHosts(t), ",")
	issuer := enginetest.Keycloak(t)
	s3 := enginetest.S3(t)

	dir := t.TempDir()
	gateway := FreeAddress(t)
	spans := startCollector(t)
	d := newDeployment(t, "five processes", baseURL(gateway), issuer, spans)
	d.master = func(testing.TB) (string, string) { return strings.TrimSuffix(issuer, "ism") + "master", "admin" } // as test/engines starts it
	addresses := map[string]string{}
	internal := map[string]string{}
	d.Internal = internal
	for _, name := range []string{"rooms", "messages", "realtime", "notifications", "media"} {
		addresses[name], internal[name] = FreeAddress(t), FreeAddress(t)
	}
	own := map[string]map[string]string{
		"rooms": {"ISM_ROOMS_POSTGRES_URL": postgres, "ISM_ROOMS_MAX_MEMBERS": mostMembers},
		"messages": {
			"ISM_MESSAGES_ROOMS_URL":          baseURL(internal["rooms"]),
			"ISM_MESSAGES_MEDIA_URL":          baseURL(internal["media"]),
			"ISM_MESSAGES_CASSANDRA_HOSTS":    cassandra,
			"ISM_MESSAGES_CASSANDRA_KEYSPACE": "ism_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12],
			"ISM_MESSAGES_CASSANDRA_USERNAME": "cassandra",
			"ISM_MESSAGES_CASSANDRA_PASSWORD": "cassandra",
		},
	}
	own["notifications"] = map[string]string{
		"ISM_NOTIFICATIONS_POSTGRES_URL": enginetest.PostgresDatabase(t), "ISM_NOTIFICATIONS_ROOMS_URL": baseURL(internal["rooms"]),
		"ISM_NOTIFICATIONS_HOOKS": hooks, "ISM_NOTIFICATIONS_UNKNOWN_USERS": "refuse",
	}
	bucket := "ism-media-" + uuid.NewString() // as the gateway's route has it
	d.objects = inBucket(s3, bucket)
	own["media"] = map[string]string{
		"ISM_MEDIA_PUBLIC_URL": d.BaseURL, "ISM_MEDIA_FORM_BYTES": formBytes, "ISM_MEDIA_PART_BYTES": partBytes,
		"ISM_MEDIA_ROOMS_URL": baseURL(internal["rooms"]), "ISM_MEDIA_MESSAGES_URL": baseURL(internal["messages"]),
		"ISM_MEDIA_POSTGRES_URL": enginetest.PostgresDatabase(t),
		"ISM_MEDIA_S3_ENDPOINT":  s3.Endpoint, "ISM_MEDIA_S3_ACCESS_KEY": s3.AccessKey, "ISM_MEDIA_S3_SECRET_KEY": s3.SecretKey,
		"ISM_MEDIA_S3_PUBLIC_URL": d.BaseURL, "ISM_MEDIA_S3_BUCKET": bucket,
	}
	for name, address := range addresses {
		variables := map[string]string{
			"ISM_HTTP_ADDRESS":          address,
			"ISM_HTTP_INTERNAL_ADDRESS": internal[name],
			"ISM_INTERNAL_SECRET":       InternalSecret,
			"ISM_OIDC_ISSUER":           issuer,
			"ISM_OIDC_AUDIENCE":         "ism",
			"ISM_KAFKA_BROKERS":         strings.Join(kafka, ","),
			"ISM_OTLP_ENDPOINT":         spans.Endpoint,
		}
		maps.Copy(variables, own[name])
		d.apply(variables, settingsOf(name, settings))
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
	d.processes["gateway"] = gatewayProcess(t, dir, gateway, addresses, gatewaySettings(settings)...)
	return d
}

// gatewaySettings are those of the gateway.
func gatewaySettings(settings []Settings) (all []map[string]string) {
	for _, given := range settings {
		own := maps.Clone(map[string]string(given))
		maps.DeleteFunc(own, func(variable, _ string) bool { return !strings.HasPrefix(variable, "GATEWAY_") })
		all = append(all, own)
	}
	return all
}

// settingsOf leaves out those of other services, which would be a fault of the configuration.
func settingsOf(service string, settings []Settings) []Settings {
	var own []Settings
	for _, given := range settings {
		kept := maps.Clone(given)
		for _, other := range ComposeServices() {
			maps.DeleteFunc(kept, func(variable, _ string) bool {
				return other != service && strings.HasPrefix(variable, "ISM_"+strings.ToUpper(other)+"_")
			})
		}
		own = append(own, kept)
	}
	return own
}
