package certificates

import (
	"errors"
	"net"
	"strings"
)

// remote is what crypto/tls calls what the other end has told it (an alert, RFC 8446, section 6), before its words.
const remote = "remote error"

// Refused says why the other end of a connection does not take the certificate that was shown to it, or that none was; "": that is not what err says. The words are
// crypto/tls's for the alert, for example "unknown certificate authority". Drivers that pass errors on as text alone are understood as well.
func Refused(err error) string {
	if err == nil {
		return ""
	}
	words := ""
	if told, ok := errors.AsType[*net.OpError](err); ok && told.Op == remote && told.Err != nil {
		words = told.Err.Error()
	} else if _, text, ok := strings.Cut(err.Error(), remote+": "); ok {
		words = text
	}
	words, ok := strings.CutPrefix(words, "tls: ")
	if !ok {
		return ""
	}
	for _, alert := range alerts() {
		if strings.HasPrefix(words, alert) {
			return alert
		}
	}
	return ""
}

// alerts are those of a server that does not take a client's certificate. Where one begins as another does, the longer one comes first.
func alerts() []string {
	return []string{
		"certificate required", "bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
		"unknown certificate authority", "unknown certificate", "access denied",
	}
}
