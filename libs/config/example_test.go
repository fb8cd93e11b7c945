package config_test

import (
	"fmt"
	"time"

	"github.com/ism-chat/ism/libs/config"
)

// Retention is part of a service's configuration: the service says what its settings mean and what is allowed.
type Retention struct {
	Days    int           `envconfig:"DAYS" default:"30" desc:"how long notifications are kept, days"`
	Timeout time.Duration `envconfig:"TIMEOUT" default:"1s" desc:"deadline of one delivery"`
}

func (r Retention) Validate() []config.Fault {
	if r.Days < 1 {
		return []config.Fault{{Variable: "DAYS", Problem: fmt.Sprintf("%d is out of range; allowed: 1 or above", r.Days)}}
	}
	return nil
}

func ExampleLoadFrom() {
	var cfg struct{ Notifications Retention }
	fmt.Println(config.LoadFrom(&cfg, []string{"ISM_NOTIFICATIONS_DAYS=7"}), cfg.Notifications.Days, cfg.Notifications.Timeout)
	fmt.Println(config.LoadFrom(&cfg, []string{"ISM_NOTIFICATIONS_DAYS=0", "ISM_NOTIFICATIONS_TIMOUT=2s"}))
	// Output:
	// <nil> 7 1s
	// the configuration has 2 faults:
	//   ISM_NOTIFICATIONS_DAYS: 0 is out of range; allowed: 1 or above
	//   ISM_NOTIFICATIONS_TIMOUT: is not read; the nearest that is: ISM_NOTIFICATIONS_TIMEOUT
}
