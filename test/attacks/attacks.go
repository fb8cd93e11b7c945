// Package attacks is what strangers, neighbours and careless operators try, against a messenger however it is run. A case knows nothing but the
// front door, and says in one line what must happen.
//
// Three kinds are tried elsewhere. What only the holder of an issuer's key can sign is [Signer.Run], against the
// deployments that reach an issuer of the test's: not the compose stack. What needs a
// gateway with lower limits, or a place among the containers, is in test/compose and in test/deployment (gateway_…_test.go). What a neighbour on
// the same machine tries is in cmd/ism.
package attacks

import (
	"sync"
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
		{"others' tokens", "a token that the issuer signed for something else, and that of another realm, get the same 401", othersTokens},
		{"forged logout tokens", "every logout token that the issuer did not sign as one gets the same 400, and ends nothing", forgedLogouts},
		{"refusals in time", "how long a refusal takes does not tell what was wrong with the token", refusalsTakeTheSame},
		{"a storm of key ids", "tokens with key ids that nobody knows are refused, and users are served meanwhile", stormOfKeyIDs},
		{"other realms", "the front door leads to no realm but ism, and to no administration", otherRealms},
		{"the inside", "what services have for each other, metrics and profiles are not at the front door", insideFromOutside},
		{"internal listeners", "who shows no credential, or another, sees neither members nor profiles", internalListeners},
		{"forwarded headers", "what a client says of where it comes from changes no answer", forwardedHeaders},
		{"a user's rate", "a user who asks too much is told so in a way that pages can read, however the token is written, and others are served", usersRate},
	}
}

// lasting are the attacks that wait for deadlines. They go on beside the others, which so are tried under them.
func lasting() []attack {
	return []attack{
		{"slow connections", "a connection that says nothing, half of a request, or one byte after another is closed by its deadline", slowConnections},
	}
}

// Run tries all attacks on a deployment.
func Run(t *testing.T, d *deployment.Deployment) {
	var waiting sync.WaitGroup
	for _, c := range lasting() {
		waiting.Go(func() { c.run(t, d) })
	}
	for _, c := range cases() {
		c.run(t, d)
	}
	waiting.Wait()
}

func (a attack) run(t *testing.T, d *deployment.Deployment) {
	t.Run(a.name, func(t *testing.T) {
		t.Log("must be: " + a.must)
		a.try(t, d)
	})
}

// behindGateway reports whether a gateway stands before the services.
func behindGateway(d *deployment.Deployment) bool { return len(d.Services()) > 1 }
