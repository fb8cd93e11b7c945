//go:build compose

package webclient

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// The same through the gateway, with the stack's identity provider.
func TestComposePagesShowTheHistoryWhateverGoesWrong(t *testing.T) {
	play(t, chatIn(t, deployment.Compose(t).Deployment, "realtime"))
}
