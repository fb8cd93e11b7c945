package examine

import (
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/certificates/certificatestest"
)

func TestCertificatesThatEndSoonAreToldOf(t *testing.T) {
	authority := certificatestest.NewAuthority(t)
	issued := authority.Issue(t, "rooms", 40*24*time.Hour)
	files := certificatestest.Write(t, t.TempDir(), issued, authority.PEM)
	files.Authority = ""
	for name, c := range map[string]struct {
		in    time.Duration
		files certificates.Files
		want  Result // "": nothing is said
	}{
		"in 40 days":     {0, files, ""},
		"in 31 days":     {9 * 24 * time.Hour, files, ""},
		"in 29 days":     {11 * 24 * time.Hour, files, Warning},
		"today":          {40 * 24 * time.Hour, files, Fault},
		"no certificate": {0, certificates.Files{}, ""},
		"no file":        {0, certificates.Files{Certificate: files.Certificate + "x"}, Fault},
	} {
		n := &Notes{}
		n.Certificates("ISM_X_CERT_FILE", c.files, time.Now().Add(c.in))
		found := n.close()
		if c.want == "" && len(found) == 0 {
			continue
		}
		if len(found) != 1 || found[0].Result != c.want || !strings.Contains(found[0].Found, "CN=rooms") && !strings.Contains(found[0].Do, "ISM_X_CERT_FILE") {
			t.Errorf("%s: found %v, want %q", name, found, c.want)
		}
	}
}
