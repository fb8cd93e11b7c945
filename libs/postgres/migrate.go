package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/ism-chat/ism/libs/schema"
)

// Schema is what a service keeps in its database.
type Schema struct {
	Service string // whose it is, for example rooms
	Files   fs.FS  // goose's migrations, *.sql, up and down
}

// Migrate says what a service does about its schema before it serves.
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
func (d *DB) migrate(ctx context.Context) error {
	migrations := Migrations{schema: d.schema, conn: d.Connection()}
	switch d.migrates {
	case MigrateOff:
		return nil
	case MigrateCheck:
		return migrations.check(ctx)
	default:
		_, err := migrations.Up(ctx)
		return err
	}
}

func (m *Migrations) check(ctx context.Context) error {
	all, err := m.List(ctx)
	if err != nil {
		return err
	}
	if pending := names(schema.Pending(all)); len(pending) > 0 {
		return fmt.Errorf("the schema lacks %s, and ISM_%s_MIGRATE is check", strings.Join(pending, ", "), strings.ToUpper(m.schema.Service))
	}
	return nil
}
