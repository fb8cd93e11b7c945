//go:build compose

package crash

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/told"
)

// An operator restarts every container in turn, the engines too. What a user was told before, who is away meanwhile, is in its inbox.
func TestComposeRestarts(t *testing.T) {
	stack := deployment.Compose(t)
	order := told.InEachWay(t, stack.Deployment, stack.SignIn(t, "alice"), stack.BackendsTopic(t))
	victims := append(deployment.ComposeServices(), "gateway", "postgres", "scylla", "kafka", "keycloak", "s3")
	survives(t, stack.Deployment, victims, stack.RestartContainer)
	order.AwaitInInbox(t)
}
