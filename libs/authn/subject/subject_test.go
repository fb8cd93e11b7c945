package subject

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

const issuer = "https://example.auth0.com/"

// The ids are written down: whoever changes how they are made makes strangers of all users. Python's uuid.uuid5 computed the derived ones.
func TestIDsStayWhatTheyAre(t *testing.T) {
	const canonical = "48d6d825-1362-46af-8fb4-d9a61e4c8502"
	for name, c := range map[string]struct {
		how  How
		sub  string
		want string // "": refused
	}{
		"Auth0's":                       {AsIs, "auth0|5f7c8ec7c33c6c004bbafe82", "833f9629-fe43-5db0-85f7-bbbdae9b0667"},
		"a UUID":                        {AsIs, canonical, canonical},
		"a UUID in capitals":            {AsIs, strings.ToUpper(canonical), canonical},
		"nothing said":                  {"", canonical, canonical},
		"a UUID, derived":               {Derived, canonical, "ad0ce8bb-b46d-5628-9446-14a41b648415"},
		"a UUID, where only they may":   {UUIDs, canonical, canonical},
		"a text, where only UUIDs may":  {UUIDs, "auth0|5f7c8ec7c33c6c004bbafe82", ""},
		"not ASCII":                     {AsIs, "Zoë", "306a02fb-5914-5fed-a109-35d72e0ca31a"},
		"with a space":                  {AsIs, " alice", "e32ea8dd-efc6-501f-a104-13201042ea7e"},
		"empty":                         {AsIs, "", ""},
		"the nil UUID":                  {AsIs, uuid.Nil.String(), ""},
		"the nil UUID, derived":         {Derived, uuid.Nil.String(), ""},
		"of 256 characters":             {AsIs, strings.Repeat("é", 256), ""},
		"with NUL":                      {AsIs, canonical[:35] + "\x00", ""},
		"with a line break":             {AsIs, "alice\n", ""},
		"what was no UTF-8":             {AsIs, "alice\ufffd", ""},
		"that is no UTF-8":              {AsIs, "alice\xff", ""},
		"text that is turned":           {AsIs, "alice\u202e", ""},
		"where only UUIDs may, a brace": {UUIDs, "{" + canonical + "}", ""},
	} {
		got, err := UserID(c.how, issuer, c.sub)
		if c.want == "" {
			if err == nil || got != uuid.Nil {
				t.Errorf("%s: %s, %v", name, got, err)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %s, %v; expected %s", name, got, err, c.want)
		}
	}
}

// Neither another issuer's user nor another spelling is the same user.
func TestNobodyIsSomebodyElse(t *testing.T) {
	seen := map[uuid.UUID]string{}
	const canonical = "48d6d825-1362-46af-8fb4-d9a61e4c8502"
	for _, at := range []string{issuer, strings.TrimSuffix(issuer, "/"), "https://EXAMPLE.auth0.com/", issuer + "a"} {
		for _, sub := range []string{
			"alice", "Alice", "alice ", " alice", "|alice", "a\u0308", "ä", "{" + canonical + "}", "urn:uuid:" + canonical, strings.ReplaceAll(canonical, "-", ""),
		} {
			id, err := UserID(AsIs, at, sub)
			if err != nil {
				t.Fatalf("%q: %v", sub, err)
			}
			if before, taken := seen[id]; taken || id.String() == canonical || id.Version() != 5 {
				t.Errorf("%q of %s is %s, as %s", sub, at, id, before)
			}
			seen[id] = sub + " of " + at
		}
	}
}

func FuzzUserID(f *testing.F) {
	f.Add(issuer, "auth0|5f7c8ec7c33c6c004bbafe82")
	f.Add(issuer, "48D6D825-1362-46AF-8FB4-D9A61E4C8502")
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, issuer, sub string) {
		for _, how := range append(Hows(), "") {
			id, err := UserID(how, issuer, sub)
			if (err == nil) == (id == uuid.Nil) {
				t.Errorf("%s: %s, %v", how, id, err)
			}
			if err == nil && how == UUIDs && !strings.EqualFold(id.String(), sub) {
				t.Errorf("%q became %s", sub, id)
			}
		}
	})
}
