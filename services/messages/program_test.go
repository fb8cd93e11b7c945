package messages_test

import (
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/messages"
)

func TestConfigurationHasItsNames(t *testing.T) {
	for name, value := range map[string]string{
		"ISM_OIDC_ISSUER":                           "https://id.example.com/realms/ism",
		"ISM_MESSAGES_EPOCH":                        "2",
		"ISM_MESSAGES_ROOMS_URL":                    "http://10.0.0.1:9403",
		"ISM_MESSAGES_ROOMS_TIMEOUT":                "1200ms",
		"ISM_MESSAGES_MEMBERS_CACHE_BYTES":          "70000",
		"ISM_MESSAGES_CASSANDRA_HOSTS":              "a:9042,b:9042",
		"ISM_MESSAGES_CASSANDRA_KEYSPACE":           "other",
		"ISM_MESSAGES_CASSANDRA_USERNAME":           "ism",
		"ISM_MESSAGES_CASSANDRA_PASSWORD":           "hidden",
		"ISM_MESSAGES_CASSANDRA_CONSISTENCY":        "one",
		"ISM_MESSAGES_CASSANDRA_REPLICATION_FACTOR": "3",
		"ISM_MESSAGES_CASSANDRA_DATACENTER":         "dc1",
		"ISM_MESSAGES_CASSANDRA_MIGRATE":            "false",
		"ISM_MESSAGES_CASSANDRA_TIMEOUT":            "3s",
	} {
		t.Setenv(name, value)
	}
	var cfg messages.ProgramConfig
	if err := config.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	m := cfg.Messages
	if cfg.Kafka.Epoch != 2 || m.Rooms.URL != "http://10.0.0.1:9403" || m.Rooms.Timeout != 1200*time.Millisecond || m.Members.CacheBytes != 70_000 {
		t.Errorf("the configuration is %+v", m)
	}
	c := m.Cassandra
	if len(c.Hosts) != 2 || c.Keyspace != "other" || c.Username != "ism" || c.Password.Reveal() != "hidden" || c.Consistency != "one" ||
		c.ReplicationFactor != 3 || c.Datacenter != "dc1" || c.Migrate || c.Timeout != 3*time.Second {
		t.Errorf("the store's configuration is %+v", c)
	}
}
