//go:build compose

package crash

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// An operator restarts every container in turn, the engines too.
func TestComposeRestarts(t *testing.T) {
	stack := deployment.Compose(t)
	victims := append(deployment.ComposeServices(), "gateway", "postgres", "scylla", "kafka", "keycloak", "s3")
	survives(t, stack.Deployment, victims, stack.RestartContainer)
}
