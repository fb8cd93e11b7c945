// Package subject gives users their ids: how the subject of an OpenID Connect token becomes the UUID by which ISM knows a user.
//
// It is the same in every service, in the Go client, and wherever a backend computes it for itself, for example in Python:
// uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, iss), sub). So it never changes.
package subject

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// How subjects become ids, see [UserID]. The zero value is AsIs.
type How string

// The ways. Which one an issuer's subjects take is settled before its first user: another way makes other users of all of them.
const (
	// AsIs leaves a UUID as it is, and derives an id from every other subject.
	AsIs How = "as-is"
	// Derived derives an id from every subject, from a UUID as well: for issuers whose subjects a user may choose, and for every issuer
	// beside the first, whose UUIDs say nothing about the first one's.
	Derived How = "derived"
	// UUIDs leaves a UUID as it is, and refuses every other subject.
	UUIDs How = "uuid"
)

// Hows are all ways.
func Hows() []How { return []How{AsIs, Derived, UUIDs} }

const maxSubject = 255 // characters (OpenID Connect Core 1.0, section 2)

// UserID is the id of the user whom an issuer (the claim iss) knows by a subject (the claim sub).
//
// A UUID is one in its canonical form alone (RFC 9562, section 4): 36 characters, the hexadecimal digits in either case, which makes
// no difference. In braces, as a URN or without hyphens it is a text like any other. The nil UUID is nobody's.
func UserID(how How, issuer, sub string) (uuid.UUID, error) {
	if err := check(sub); err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(sub)
	canonical := err == nil && len(sub) == 36
	switch {
	case canonical && id == uuid.Nil:
		return uuid.Nil, errors.New("sub is the nil UUID")
	case how == Derived:
		return Derive(issuer, sub), nil
	case canonical:
		return id, nil
	case how == UUIDs:
		return uuid.Nil, errors.New("sub is no UUID")
	default:
		return Derive(issuer, sub), nil
	}
}

// Derive is the UUID of version 5 (RFC 9562, section 5.5) of a subject in the namespace of its issuer, which is itself the UUID of
// version 5 of the issuer in the namespace of URLs, 6ba7b811-9dad-11d1-80b4-00c04fd430c8. Both names are the UTF-8 of the claims as the
// token has them, letter by letter: nothing is trimmed, folded or normalised.
func Derive(issuer, sub string) uuid.UUID {
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceURL, []byte(issuer)), []byte(sub))
}

// check refuses what two different subjects may look like: JSON that is no UTF-8 is read as U+FFFD, whatever it was.
func check(sub string) error {
	if sub == "" {
		return errors.New("there is no sub")
	}
	if n := utf8.RuneCountInString(sub); n > maxSubject {
		return fmt.Errorf("sub has %d characters; allowed: %d", n, maxSubject)
	}
	if strings.ContainsFunc(sub, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return errors.New("sub has characters that cannot be seen")
	}
	return nil
}
