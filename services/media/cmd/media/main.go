// Command media runs the media service.
package main

import (
	"os"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/media"
)

func main() {
	os.Exit(deployable.Program(os.Args[1:], "media", media.Build, media.Migrate()))
}
