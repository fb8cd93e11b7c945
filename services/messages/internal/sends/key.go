package sends

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is how many characters a name has at most.
const MaxName = 255

var (
	// ErrMalformed says that a header is no Idempotency-Key.
	ErrMalformed = errors.New("the header is no Idempotency-Key")
	errName      = errors.New("a name has 1 to 255 characters, and no control characters")
)

// ParseKey reads the header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header, section 2.1): a string of RFC 8941, section 3.3.3, in quotes. Many
// clients leave out the quotes, so a key of visible characters without quotes, commas, semicolons and backslashes is taken as it is. The error is [ErrMalformed].
func ParseKey(header string) (string, error) {
	text := strings.Trim(header, " \t")
	if !strings.HasPrefix(text, `"`) {
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`",;\`, r) }) || CheckName(text) != nil {
			return "", ErrMalformed
		}
		return text, nil
	}
	var key strings.Builder
	for at := 1; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			if at != len(text)-1 || CheckName(key.String()) != nil {
				return "", ErrMalformed
			}
			return key.String(), nil
		case c == '\\':
			if at++; at == len(text) || text[at] != '"' && text[at] != '\\' {
				return "", ErrMalformed
			}
			key.WriteByte(text[at])
		case c < ' ' || c > '~':
			return "", ErrMalformed
		default:
			key.WriteByte(c)
		}
	}
	return "", ErrMalformed
}

// CheckName says what is wrong with a name.
func CheckName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		return errName
	}
	return nil
}
