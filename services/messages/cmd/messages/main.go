// Command messages runs the messages service.
package main

import (
	"os"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/messages"
)

func main() {
	os.Exit(deployable.Program(os.Args[1:], "messages", messages.Build, messages.Migrate()))
}
