package client

import (
	"encoding/base64"
	"testing"
)

// The id is the one that every service makes of the token, and that Python's uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, iss), sub) gives.
func TestSubjectsAreThoseOfTheServices(t *testing.T) {
	for claims, want := range map[string]string{
		`{"iss":"https://example.auth0.com/","sub":"auth0|5f7c8ec7c33c6c004bbafe82"}`:       "833f9629-fe43-5db0-85f7-bbbdae9b0667",
		`{"iss":"https://example.auth0.com/","sub":"48d6d825-1362-46af-8fb4-d9a61e4c8502"}`: "48d6d825-1362-46af-8fb4-d9a61e4c8502",
		`{"iss":"https://example.auth0.com/","sub":""}`:                                     "00000000-0000-0000-0000-000000000000",
		`{"iss":"https://example.auth0.com/"}`:                                              "00000000-0000-0000-0000-000000000000",
		`{"iss":7}`:                                                                         "00000000-0000-0000-0000-000000000000",
	} {
		id, err := Subject("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".")
		if id.String() != want || (err != nil) != (want[0] == '0') {
			t.Errorf("%s: %s, %v; expected %s", claims, id, err, want)
		}
	}
	for _, token := range []string{"", "opaque", "a.%.c"} {
		if id, err := Subject(token); err == nil {
			t.Errorf("%q: %s", token, id)
		}
	}
	derived, err := DerivedUserID("https://example.auth0.com/", "48d6d825-1362-46af-8fb4-d9a61e4c8502")
	if err != nil || derived.String() != "ad0ce8bb-b46d-5628-9446-14a41b648415" {
		t.Errorf("derived: %s, %v", derived, err)
	}
}
