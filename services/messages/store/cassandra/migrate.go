package cassandra

import (
	"fmt"
	"strconv"
)

// Migrate says what the store does about its schema before it serves.
type Migrate string

// What there is to choose from.
const (
	MigrateAuto  Migrate = "auto"  // make the keyspace and the steps that are missing
	MigrateCheck Migrate = "check" // wait until they are there
	MigrateOff   Migrate = "off"   // do not look at them
)

// UnmarshalText implements [encoding.TextUnmarshaler]. Booleans are what the setting took under its former name.
func (m *Migrate) UnmarshalText(text []byte) error {
	if migrates, err := strconv.ParseBool(string(text)); err == nil {
		*m = MigrateCheck
		if migrates {
			*m = MigrateAuto
		}
		return nil
	}
	switch given := Migrate(text); given {
	case MigrateAuto, MigrateCheck, MigrateOff:
		*m = given
		return nil
	default:
		return fmt.Errorf("%q is none of auto, check and off", given)
	}
}
