// Package attacks is what strangers, neighbours and careless operators try, against a messenger however it is run. A case knows nothing but the
// front door, and says in one line what must happen.
package attacks

import (
	"testing"

	"github.com/ism-chat/ism/test/deployment"
)

// attack is one case.
type attack struct {
	name string
	must string // what must happen
	try  func(t *testing.T, d *deployment.Deployment)
}

// cases are all attacks. Each stands in a file of its kind.
func cases() []attack {
	return []attack{
		{"request heads", "a request of which two readers could think differently gets one refusal, and nothing behind it is answered", doubtfulHeads},
		{"traces", "a stranger's trace neither names ours nor comes back", strangersTraces},
		{"forged tokens", "every token that the issuer did not sign for a user gets the same 401", forgedTokens},
	}
}

// Run tries all attacks on a deployment.
func Run(t *testing.T, d *deployment.Deployment) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Log("must be: " + c.must)
			c.try(t, d)
		})
	}
}

// behindGateway reports whether a gateway stands before the services.
func behindGateway(d *deployment.Deployment) bool { return len(d.Services()) > 1 }
