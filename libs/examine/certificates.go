package examine

import (
	"time"

	"github.com/ism-chat/ism/libs/certificates"
)

// soon is how long before its end a certificate is told of.
const soon = 14 * 24 * time.Hour

// Certificates notes which of the certificates end within two weeks, or have ended. setting is what names their files.
func (n *Notes) Certificates(setting string, files certificates.Files, now time.Time) {
	all, err := files.Ends()
	if err != nil {
		n.AddAs("certificates", Fault, "those of "+setting+" cannot be looked at: "+err.Error(), "correct "+setting+", or make the files readable")
		return
	}
	for _, one := range all {
		whose, end := one.Name+" in "+one.File, one.At.UTC().Format("2006-01-02 15:04 MST")
		switch left := one.At.Sub(now); {
		case left <= 0:
			n.AddAs("certificates", Fault, whose+" has ended, "+end, "renew it: connections that are made later use what the file has then, without a restart")
		case left < soon:
			n.AddAs("certificates", Warning, whose+" ends "+end, "renew it: connections that are made later use what the file has then, without a restart")
		}
	}
}
