// Command rooms runs the rooms service.
package main

import (
	"os"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/rooms"
)

func main() {
	os.Exit(deployable.Program(os.Args[1:], "rooms", rooms.Build, rooms.Migrate()))
}
