package authn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ism-chat/ism/libs/telemetry"

	"github.com/MicahParks/jwkset"
)

// Published is what an issuer publishes about itself.
type Published struct {
	Document string // where the discovery document was read
	Issuer   string // as the document has it
	KeySet   string // where the keys were read, or should have been
	Keys     []PublishedKey
}

// PublishedKey is a key of an issuer.
type PublishedKey struct {
	ID       string
	Unusable string // why it verifies no token here; "": it does
}

// Inspect reads what the issuer publishes, from where the verifier would read it. Unlike the verifier it goes on where the document
// speaks for another issuer. With an error comes what had been read before.
func Inspect(ctx context.Context, cfg Config) (Published, error) {
	source := newIssuer(cfg.Issuer, cfg.Address, telemetry.Discard(nil).Log)
	defer source.client.CloseIdleConnections()
	found := Published{Document: strings.TrimSuffix(source.address, "/") + discoveryPath}
	var document discovery
	if err := source.get(ctx, found.Document, &document); err != nil {
		return found, fmt.Errorf("read the discovery document: %w", err)
	}
	found.Issuer, found.KeySet = document.Issuer, document.JWKSURI
	source.name = document.Issuer // the other addresses in the document are those of the issuer that it speaks for
	at, err := source.reachable(document.JWKSURI)
	if err != nil {
		return found, fmt.Errorf("find the key set at %q: %w", clip(document.JWKSURI), err)
	}
	found.KeySet = at
	var set jwkset.JWKSMarshal
	if err := source.get(ctx, at, &set); err != nil {
		return found, fmt.Errorf("read the key set: %w", err)
	}
	for _, published := range set.Keys {
		key := PublishedKey{ID: clip(published.KID)}
		if _, err := signatureKey(published); err != nil {
			key.Unusable = clip(err.Error())
		} else if alg := string(published.ALG); alg != "" && len(cfg.Algorithms) > 0 && !slices.Contains(cfg.Algorithms, alg) {
			key.Unusable = fmt.Sprintf("its algorithm is %q", clip(alg))
		}
		found.Keys = append(found.Keys, key)
	}
	return found, nil
}
