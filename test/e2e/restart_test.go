package e2e

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/told"
)

// inboxOutlivesARestart has a user told something who has no stream, in each way that notifications come in, and everything restarted as soon as it is
// acknowledged: all of it is in the inbox.
func inboxOutlivesARestart(t *testing.T, d *deployment.Deployment, topic told.Topic) {
	order := told.InEachWay(t, d, d.SignIn(t, "alice"), topic)
	d.RestartAll(t)
	order.AwaitInInbox(t)
}
