package rooms

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
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
	if cfg.Rooms.MaxMembers != 50 || cfg.Rooms.Postgres.PoolSize != 10 || !cfg.Rooms.Postgres.Migrate || cfg.Kafka.Epoch != 0 {
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
