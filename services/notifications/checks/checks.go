// Package checks gives what `ism doctor` checks of notifications: its database.
package checks

import (
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
	"github.com/ism-chat/ism/libs/postgres"
	"github.com/ism-chat/ism/libs/postgres/checks"
	store "github.com/ism-chat/ism/services/notifications/store/postgres"
)

// Part is the check of the database, its migrations and the role.
func Part(cfg postgres.Config, migrates postgres.Migrate, found config.Findings) examine.Part {
	return checks.Part(store.Schema(), cfg, migrates, found)
}
