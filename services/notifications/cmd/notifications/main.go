// Command notifications runs the notifications service.
package main

import (
	"os"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/notifications"
)

func main() {
	os.Exit(deployable.Program(os.Args[1:], "notifications", notifications.Build, append(notifications.Operate(os.Environ()), notifications.Migrate())...))
}
