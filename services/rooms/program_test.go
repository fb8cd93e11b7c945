package rooms

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
)

func TestConfigurationIsRead(t *testing.T) {
	const secret = "hunter2"
	t.Setenv("ISM_OIDC_ISSUER", "https://id.example.com/realms/ism")
	t.Setenv("ISM_ROOMS_POSTGRES_URL", "postgres://rooms:"+secret+"@postgres:5432/rooms")
	t.Setenv("ISM_ROOMS_MAX_MEMBERS", "50")
	var cfg ProgramConfig
	if err := config.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Rooms.MaxMembers != 50 || cfg.Rooms.Postgres.PoolSize != 10 || cfg.Rooms.Migrate != libpostgres.MigrateAuto || cfg.Kafka.Epoch != 0 {
		t.Errorf("read %+v", cfg.Rooms)
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", cfg, cfg.Rooms), secret) {
		t.Error("the password is printed")
	}
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	t.Setenv("ISM_OIDC_ISSUER", "https://id.example.com/realms/ism")
	t.Setenv("ISM_ROOMS_POSTGRES_POOL_SIZE", "0")
	t.Setenv("ISM_ROOMS_MAX_MEMBERS", "1")
	t.Setenv("ISM_ROOMS_RECEIPTS", "sometimes")
	t.Setenv("ISM_ROOMS_EPOCH", "-1")
	var cfg ProgramConfig
	err := config.Load(&cfg)
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, variable := range []string{"ISM_ROOMS_POSTGRES_URL", "ISM_ROOMS_POSTGRES_POOL_SIZE", "ISM_ROOMS_MAX_MEMBERS", "ISM_ROOMS_RECEIPTS", "ISM_ROOMS_EPOCH"} {
		if !strings.Contains(err.Error(), variable) {
			t.Errorf("%s is not named in %v", variable, err)
		}
	}
}

func TestWhatIsDoneAboutTheSchemaIsRead(t *testing.T) {
	const setting, former = "ISM_ROOMS_MIGRATE", "ISM_ROOMS_POSTGRES_MIGRATE"
	for entry, want := range map[string]libpostgres.Migrate{
		"":                 libpostgres.MigrateAuto,
		setting + "=auto":  libpostgres.MigrateAuto,
		setting + "=check": libpostgres.MigrateCheck,
		setting + "=off":   libpostgres.MigrateOff,
		former + "=true":   libpostgres.MigrateAuto,
		former + "=false":  libpostgres.MigrateCheck,
	} {
		var cfg ProgramConfig
		if err := config.LoadFrom(&cfg, []string{"ISM_ROOMS_POSTGRES_URL=postgres://rooms@postgres/rooms", entry}); err != nil || cfg.Rooms.Migrate != want {
			t.Errorf("%q is read as %s, %v", entry, cfg.Rooms.Migrate, err)
		}
	}
	for _, variable := range []string{setting, former} {
		err := config.LoadFrom(&ProgramConfig{}, []string{"ISM_ROOMS_POSTGRES_URL=postgres://rooms@postgres/rooms", variable + "=never"})
		for _, part := range []string{variable + `: "never" is not allowed`, "auto:", "check:", "off:"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %v", part, err)
			}
		}
	}
}
