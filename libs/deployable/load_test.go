package deployable

import (
	"errors"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestAMissingIssuerIsToldWithTheOtherFaults(t *testing.T) {
	t.Setenv("ISM_KAFKA_PARTITIONS", "many")
	var cfg struct{ Config }
	var faults config.Faults
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("two faults are told as %v", err)
	}
	t.Setenv("ISM_OIDC_ISSUER", "no URL")
	if err := load(&cfg, &cfg.Config); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("a bad issuer is told as %v", err)
	}
}
