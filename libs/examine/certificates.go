package examine

import (
	"time"

	"github.com/ism-chat/ism/libs/certificates"
)

// soon is how long before its end a certificate is told of: who renews by hand needs some weeks.
const soon = 30 * 24 * time.Hour

// What to do about a certificate that ends.
const (
	renew        = "renew it: connections that are made later use what the file has then, without a restart"
	renewRestart = "renew it, and restart the services one after the other: they read it at their start"
)

// Certificates notes which of the certificates end within thirty days, or have ended, and reports whether there is none. setting is what names their files.
func (n *Notes) Certificates(setting string, files certificates.Files, now time.Time) bool {
	return n.certificates(setting, files, now, renew)
}

// CertificatesOfStart is [Notes.Certificates] of files that are read when a service starts, and not again.
func (n *Notes) CertificatesOfStart(setting string, files certificates.Files, now time.Time) bool {
	return n.certificates(setting, files, now, renewRestart)
}

func (n *Notes) certificates(setting string, files certificates.Files, now time.Time, do string) (allWell bool) {
	all, err := files.Ends()
	if err != nil {
		n.AddAs("certificates", Fault, "those of "+setting+" cannot be looked at: "+err.Error(), "correct "+setting+", or make the files readable")
		return false
	}
	allWell = true
	for _, one := range all {
		whose, end := one.Name+" in "+one.File, one.At.UTC().Format("2006-01-02 15:04 MST")
		switch left := one.At.Sub(now); {
		case left <= 0:
			n.AddAs("certificates", Fault, whose+" has ended, "+end+": no new connection is made with it", do)
			allWell = false
		case left < soon:
			n.AddAs("certificates", Warning, whose+" ends "+end, do)
			allWell = false
		}
	}
	return allWell
}
