package messages

import (
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/schema"
	"github.com/ism-chat/ism/services/messages/store/cassandra"
)

// Migrate is the command of the service's program that changes the schema without running the service. Of the configuration it needs what is
// about Cassandra.
func Migrate() deployable.Command {
	return deployable.Migrate("Cassandra or ScyllaDB", func(environ []string) (schema.Migrations, error) {
		var cfg ProgramConfig
		if err := deployable.Part(environ, "ISM_MESSAGES_CASSANDRA_", &cfg); err != nil {
			return nil, err
		}
		return cassandra.NewMigrations(cfg.Messages.Cassandra), nil
	})
}
