// Command realtime runs the realtime service.
package main

import (
	"os"

	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/services/realtime"
)

func main() {
	os.Exit(deployable.Program(os.Args[1:], "realtime", realtime.Build))
}
