package guard

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const maxURL = 2048 // bytes

// What is wrong with a URL. The texts are shown to who has given it.
var (
	ErrNoURL       = errors.New("is no absolute URL of https, without a fragment and of at most 2,048 characters")
	ErrCredentials = errors.New("has a user name or a password: receivers verify the signature instead")
	ErrPlain       = errors.New("must be one of https")
	ErrAddress     = errors.New("names an address to which this installation sends no webhooks")
)

// CheckURL says what is wrong with the URL of an endpoint, as far as its text shows it: what a name stands for is looked at each time when a
// connection is made. Errors: [ErrNoURL], [ErrCredentials], [ErrPlain], [ErrAddress].
func (p Policy) CheckURL(text string) error {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || parsed.Hostname() == "" || parsed.Opaque != "" || strings.Contains(text, "#") || !visible(text) || !validPort(parsed.Port()):
		return ErrNoURL
	case parsed.User != nil:
		return ErrCredentials
	case parsed.Scheme == "http" && !p.HTTP:
		return ErrPlain
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return ErrNoURL
	}
	if address, err := netip.ParseAddr(parsed.Hostname()); err == nil && !p.Allows(address) {
		return ErrAddress
	}
	return nil
}

func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && port > 0
}

// visible reports whether a text has visible characters of ASCII alone: others must be encoded in a URL.
func visible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
