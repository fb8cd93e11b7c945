package authn_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/authntest"
)

func TestInspectReadsWhatTheVerifierWouldRead(t *testing.T) {
	issuer := authntest.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer.AddKey("key-2", key)
	cfg := issuer.Config()
	cfg.Algorithms = []string{"ES256"}
	found, err := authn.Inspect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if found.Issuer != issuer.URL || len(found.Keys) != 2 {
		t.Fatalf("found %v", found)
	}
	for _, key := range found.Keys {
		if usable := key.Unusable == ""; usable != (key.ID == "key-1") {
			t.Errorf("%s: %q", key.ID, key.Unusable)
		}
	}
}

func TestInspectGoesOnWhereTheDocumentSpeaksForAnother(t *testing.T) {
	issuer := authntest.New(t)
	issuer.Announce("https://id.example.com/realms/ism", "https://id.example.com/realms/ism/protocol/openid-connect/certs")
	found, err := authn.Inspect(t.Context(), authn.Config{Issuer: "https://chat.example.com", Address: issuer.URL})
	if err != nil || found.Issuer != "https://id.example.com/realms/ism" || len(found.Keys) != 1 || !strings.HasPrefix(found.KeySet, issuer.URL) {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestInspectSaysHowFarItCame(t *testing.T) {
	issuer := authntest.New(t)
	issuer.Announce(issuer.URL, issuer.URL+"/nothing-here")
	found, err := authn.Inspect(t.Context(), issuer.Config())
	if err == nil || found.Issuer != issuer.URL || len(found.Keys) > 0 {
		t.Errorf("without keys: %v, %v", found, err)
	}
	issuer.SetDown(true)
	found, err = authn.Inspect(t.Context(), issuer.Config())
	if err == nil || found.Issuer != "" || !strings.HasPrefix(found.Document, issuer.URL) {
		t.Errorf("without a document: %v, %v", found, err)
	}
}
