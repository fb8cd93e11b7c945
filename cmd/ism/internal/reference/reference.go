// Package reference is the configuration reference of the whole suite, made from the structs that the deployables load.
package reference

import (
	"fmt"
	"io"

	"github.com/ism-chat/ism/cmd/ism/internal/oneprocess"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/media"
	"github.com/ism-chat/ism/services/messages"
	"github.com/ism-chat/ism/services/notifications"
	"github.com/ism-chat/ism/services/realtime"
	"github.com/ism-chat/ism/services/rooms"
)

const introduction = `# Configuration

Everything is configured by environment variables. All faults are reported at once, with the variable's name and what is allowed,
and end the process with exit code 2; an ISM_ variable that a deployable does not know is a fault. A secret may stand in a file
instead, which the same name with _FILE behind it names.

This page is generated from the code: ` + "`make generate`" + `.

`

// Write writes the reference in Markdown.
func Write(out io.Writer) error {
	if _, err := io.WriteString(out, introduction); err != nil {
		return fmt.Errorf("write the configuration reference: %w", err)
	}
	if err := config.WriteReference(out,
		config.Section{Title: "ism, the one process", About: "The whole messenger. Without ISM_OIDC_ISSUER it runs an identity provider for development, on loopback only. It has a broker of its own: ISM_KAFKA_BROKERS is refused.", Cfg: &oneprocess.Config{}},
		config.Section{Title: "rooms", Cfg: &rooms.ProgramConfig{}},
		config.Section{Title: "messages", Cfg: &messages.ProgramConfig{}},
		config.Section{Title: "realtime", Cfg: &realtime.ProgramConfig{}},
		config.Section{Title: "notifications", Cfg: &notifications.ProgramConfig{}},
		config.Section{Title: "media", Cfg: &media.ProgramConfig{}},
	); err != nil {
		return fmt.Errorf("write the configuration reference: %w", err)
	}
	return nil
}
