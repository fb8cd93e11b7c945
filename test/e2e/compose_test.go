//go:build compose

package e2e

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

func TestCompose(t *testing.T) {
	suite(t, deployment.Compose(t).Deployment)
}
