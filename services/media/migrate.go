package media

import (
	"github.com/ism-chat/ism/libs/deployable"
	libpostgres "github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/schema"
	"github.com/ism-chat/ism/services/media/store/postgres"
)

// Migrate is the command of the service's program that changes the schema without running the service. Of the configuration it needs what is
// about Postgres.
func Migrate() deployable.Command {
	return deployable.Migrate("Postgres", func(environ []string) (schema.Migrations, error) {
		var cfg ProgramConfig
		if err := deployable.Part(environ, "ISM_MEDIA_POSTGRES_", &cfg); err != nil {
			return nil, err
		}
		return libpostgres.NewMigrations(postgres.Schema(), cfg.Media.Postgres)
	})
}
