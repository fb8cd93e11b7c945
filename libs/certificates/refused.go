package certificates

import "strings"

// remote is how crypto/tls begins to say what the other end has told it (an alert, RFC 8446, section 6). The type of the error is its own.
const remote = "remote error: tls: "

// Refused says why the other end of a connection does not take the certificate that was shown to it, or that none was; "": that is not what err says. The words are
// crypto/tls's for the alert, for example "unknown certificate authority". Drivers pass such errors on as text alone.
func Refused(err error) string {
	if err == nil {
		return ""
	}
	_, words, told := strings.Cut(err.Error(), remote)
	if !told {
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
