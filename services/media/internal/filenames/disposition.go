package filenames

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Disposition gives the value of a Content-Disposition header (RFC 6266), for a name that is first made safe as by [Clean]. Names that are more than plain ASCII are there twice:
// as filename* (RFC 8187), and before it, for clients that do not know that, as filename without accents and with _ for the rest.
func Disposition(name string, inline bool) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	name = Clean(name, "")
	plain := ascii(name)
	if plain == name {
		return fmt.Sprintf(`%s; filename="%s"`, kind, name)
	}
	return fmt.Sprintf(`%s; filename="%s"; filename*=UTF-8''%s`, kind, plain, percentEncoded(name))
}

// ascii leaves letters without their accents. Quotes and backslashes are none of a clean name; what looks percent-encoded is decoded by some clients (RFC 6266, appendix D).
func ascii(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r > unicode.MaxASCII, r == '%':
			return '_'
		}
		return r
	}, norm.NFD.String(name))
	if trimmed := trim(plain); trimmed != "" {
		return avoidDevice(trimmed)
	}
	return "file"
}

// percentEncoded leaves the characters that RFC 8187 calls attr-char as they are.
func percentEncoded(name string) string {
	const hex, unescaped = "0123456789ABCDEF", "!#$&+-.^_`|~"
	var encoded strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(unescaped, c) >= 0 {
			encoded.WriteByte(c)
			continue
		}
		encoded.WriteByte('%')
		encoded.WriteByte(hex[c>>4])
		encoded.WriteByte(hex[c&15])
	}
	return encoded.String()
}
