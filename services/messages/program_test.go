package messages_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
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
		"ISM_MESSAGES_MIGRATE":                      "off",
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
		c.ReplicationFactor != 3 || c.Datacenter != "dc1" || m.Migrate != cassandra.MigrateOff || c.Timeout != 3*time.Second {
		t.Errorf("the store's configuration is %+v", c)
	}
}

func TestWhatIsDoneAboutTheSchemaIsRead(t *testing.T) {
	const setting, former = "ISM_MESSAGES_MIGRATE", "ISM_MESSAGES_CASSANDRA_MIGRATE"
	for entry, want := range map[string]cassandra.Migrate{
		"":                 cassandra.MigrateAuto,
		setting + "=auto":  cassandra.MigrateAuto,
		setting + "=check": cassandra.MigrateCheck,
		setting + "=off":   cassandra.MigrateOff,
		former + "=true":   cassandra.MigrateAuto,
		former + "=false":  cassandra.MigrateCheck,
	} {
		var cfg messages.ProgramConfig
		if err := config.LoadFrom(&cfg, []string{"ISM_MESSAGES_ROOMS_URL=http://10.0.0.1:9403", entry}); err != nil || cfg.Messages.Migrate != want {
			t.Errorf("%q is read as %s, %v", entry, cfg.Messages.Migrate, err)
		}
	}
	for _, variable := range []string{setting, former} {
		err := config.LoadFrom(&messages.ProgramConfig{}, []string{"ISM_MESSAGES_ROOMS_URL=http://10.0.0.1:9403", variable + "=never"})
		for _, part := range []string{variable + `: "never" is not allowed`, "auto:", "check:", "off:"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %v", part, err)
			}
		}
	}
}
