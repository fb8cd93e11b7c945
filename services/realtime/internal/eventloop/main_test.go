package eventloop

import (
	"testing"

	"github.com/ism-chat/ism/libs/servicetest"
)

func TestMain(m *testing.M) { servicetest.VerifyNoLeaks(m) }
