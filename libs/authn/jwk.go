package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

// signatureKey makes a published key usable, or says why it cannot be used to verify tokens: a key for encryption, a
// symmetric or a weak one.
func signatureKey(published jwkset.JWKMarshal) (jwkset.JWK, error) {
	if published.USE != "" && published.USE != jwkset.UseSig {
		return jwkset.JWK{}, fmt.Errorf("its use is %q", published.USE)
	}
	if len(published.KEYOPS) > 0 && !slices.Contains(published.KEYOPS, jwkset.KeyOpsVerify) {
		return jwkset.JWK{}, fmt.Errorf("its operations are %q", published.KEYOPS)
	}
	// A certificate adds nothing to a key that the issuer itself publishes, so x5c and x5u are not looked at.
	published.X5C, published.X5U, published.X5T, published.X5TS256 = nil, "", "", ""
	key, err := jwkset.NewJWKFromMarshal(published, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, err
	}
	switch k := key.Key().(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return jwkset.JWK{}, fmt.Errorf("an RSA key of %d bits; allowed: %d to %d", bits, minRSABits, maxRSABits)
		}
		if k.E < 3 || k.E%2 == 0 {
			return jwkset.JWK{}, fmt.Errorf("an RSA key with the exponent %d", k.E)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return jwkset.JWK{}, fmt.Errorf("a key of type %T", k)
	}
	return key, nil
}
