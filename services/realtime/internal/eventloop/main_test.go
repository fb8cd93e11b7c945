package eventloop

import (
	"os"
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(clientAddress) != "" {
		runClients() // of a benchmark, in a process of their own
		return
	}
	servicetest.VerifyNoLeaks(m)
}
