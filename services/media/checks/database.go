package checks

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/postgres/checks"
	mediapostgres "github.com/ism-chat/ism/services/media/store/postgres"
)

// Database is the check of the database, its migrations and the role.
func Database(cfg postgres.Config, migrates postgres.Migrate, found config.Findings) examine.Part {
	return checks.Part(mediapostgres.Schema(), cfg, migrates, found)
}
