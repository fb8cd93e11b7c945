package config_test

import (
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestVariablesOfCommandsAreNoFaultOfAService(t *testing.T) {
	var cfg struct{}
	found, err := config.Survey([]string{"ISM_URL=http://a", "ISM_TOKEN=t", "ISM_CLIENT_ID=c", "ISM_CLIENT_SECRET_FILE=/f", "ISM_URLS=x"}, &cfg)
	if err != nil || len(found.Unread) != 1 || !strings.Contains(found.Unread[0].Variable, "ISM_URLS") {
		t.Errorf("%v, %v", found.Unread, err)
	}
}
