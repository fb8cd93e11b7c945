package realtime_test

import (
	"strings"
	"testing"

	configs "github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/realtime"
)

func TestLimitsThatDoNotGoTogetherAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		variables []string
		fault     string // "": none
	}{
		"the defaults":                   {nil, ""},
		"a drain that there is time for": {[]string{"ISM_REALTIME_DRAIN=10s"}, ""},
		"a little longer":                {[]string{"ISM_REALTIME_DRAIN=10001ms"}, "ISM_REALTIME_DRAIN: 10.001s does not go with ISM_LIFECYCLE_STOP_TIMEOUT, 20s: streams would be cut; allowed: ISM_REALTIME_DRAIN up to 10s, or ISM_LIFECYCLE_STOP_TIMEOUT from 20.001s on"},
		"what the fault names":           {[]string{"ISM_REALTIME_DRAIN=10001ms", "ISM_LIFECYCLE_STOP_TIMEOUT=20001ms"}, ""},
		"time for a ticket":              {[]string{"ISM_REALTIME_RING_WINDOW=30s"}, ""},
		"less than a ticket's life":      {[]string{"ISM_REALTIME_RING_WINDOW=29s"}, "ISM_REALTIME_RING_WINDOW: 29s is out of range; allowed: 30s to 24h0m0s"},
		"room for any record":            {[]string{"ISM_REALTIME_RING_BYTES=2097152"}, ""},
		"no room for the largest":        {[]string{"ISM_REALTIME_RING_BYTES=1000000"}, "ISM_REALTIME_RING_BYTES: 1000000 is out of range; allowed: 2097152 or more"},
	} {
		err := configs.LoadFrom(new(realtime.ProgramConfig), c.variables)
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
