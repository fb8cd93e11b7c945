package notifications

import (
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/notifications/internal/operator"
)

// Operate are the commands for who operates webhooks, inboxes and devices: webhooks, dead-letters, inbox and devices. They speak to a running service over its
// API, with a backend's token, and need nothing of the service's configuration. Where it is the environment says, in the form of [os.Environ].
func Operate(environ []string) []deployable.Command { return operator.Commands(environ) }

// OperatorConfig is what these commands are configured with.
type OperatorConfig = operator.Config
