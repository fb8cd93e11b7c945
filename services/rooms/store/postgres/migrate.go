package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Migrate says what the store does about its schema before it serves.
type Migrate string

// What there is to choose from.
const (
	MigrateAuto  Migrate = "auto"  // bring it up to date
	MigrateCheck Migrate = "check" // wait until it is
	MigrateOff   Migrate = "off"   // do not look at it
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

// migrate brings the schema up to date, or reports that it is not. Of several processes one does it, the others wait.
func (s *Store) migrate(ctx context.Context) error {
	schema := Migrations{conn: s.conn}
	switch s.migrates {
	case MigrateOff:
		return nil
	case MigrateCheck:
		return schema.check(ctx)
	default:
		_, err := schema.Up(ctx)
		return err
	}
}

func (m *Migrations) check(ctx context.Context) error {
	all, err := m.List(ctx)
	if err != nil {
		return err
	}
	if pending := names(Pending(all)); len(pending) > 0 {
		return fmt.Errorf("the schema lacks %s, and ISM_ROOMS_MIGRATE is check", strings.Join(pending, ", "))
	}
	return nil
}
