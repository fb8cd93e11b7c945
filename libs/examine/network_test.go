package examine

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"
)

func TestACertificateThatIsNotTakenIsExplained(t *testing.T) {
	err := &url.Error{Op: "Get", URL: "https://x/?signature=secret", Err: &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}}
	if got := Explain(err); !strings.Contains(got, "does not take the certificate") || !strings.Contains(got, "certificate required") || strings.Contains(got, "secret") {
		t.Errorf("explained as %q", got)
	}
}
