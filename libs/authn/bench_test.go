package authn_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/authn/authntest"
)

func BenchmarkVerify(b *testing.B) {
	es256 := authntest.New(b)
	rs256, _ := rsaIssuer(b)
	for name, issuer := range map[string]*authntest.Issuer{"ES256": es256, "RS256": rs256} {
		b.Run(name, func(b *testing.B) {
			verifier := issuer.Verifier(b, silent())
			run := func(tokens []string) func(b *testing.B) {
				return func(b *testing.B) {
					b.ReportAllocs()
					for n := 0; b.Loop(); n++ {
						if _, err := verifier.Verify(b.Context(), tokens[n%len(tokens)]); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			var tokens []string
			for range 20_000 { // twice what is remembered, so that none is by the time it returns
				tokens = append(tokens, issuer.Token(b, uuid.New(), "alice"))
			}
			b.Run("new", run(tokens))
			b.Run("seen", run(tokens[:1]))
		})
	}
}
