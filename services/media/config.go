package media

import (
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/services/media/internal/scan"
	"github.com/ism-chat/ism/services/media/objects"
	"github.com/ism-chat/ism/services/media/store"
)

// Config is the service's own configuration.
type Config struct {
	PublicURL string        `envconfig:"PUBLIC_URL" default:"http://localhost:5403" desc:"the API as clients reach it, which messages with media and rooms with pictures name, for example https://chat.example.com"`
	MaxBytes  int64         `envconfig:"MAX_BYTES" default:"104857600" desc:"size of the largest medium, bytes"`
	MIMETypes []string      `envconfig:"MIME_TYPES" default:"image/*,audio/*,video/*,text/plain,text/csv,application/pdf,application/zip,application/json,application/msword,application/vnd.*" desc:"MIME types that may be uploaded, comma-separated, with * at their ends; */* for all"`
	FormBytes int64         `envconfig:"FORM_BYTES" default:"33554432" desc:"up to this size a medium is uploaded by one form, above it in parts, bytes"`
	PartBytes int64         `envconfig:"PART_BYTES" default:"16777216" desc:"size of the parts, bytes; from 5242880 on, which S3 needs"`
	UserBytes int64         `envconfig:"USER_BYTES" default:"10737418240" desc:"how much a user may have, bytes; 0: as much as it likes"`
	UserMedia int64         `envconfig:"USER_MEDIA" default:"20000" desc:"how many media a user may have; 0: as many as it likes"`
	RoomBytes int64         `envconfig:"ROOM_BYTES" default:"107374182400" desc:"how much a room may have, bytes; 0: as much as it likes"`
	UploadTTL time.Duration `envconfig:"UPLOAD_TTL" default:"24h" desc:"how long an upload may take; what is not completed by then is deleted"`
	// UnusedAfter is also how far the log may be ahead of what media knows of it: what a message is about to show stays for as long.
	UnusedAfter  time.Duration `envconfig:"UNUSED_AFTER" default:"720h" desc:"how long a medium that no message has ever shown is kept, and counted, once it is ready; from 24h on; 0: for ever"`
	DownloadTTL  time.Duration `envconfig:"DOWNLOAD_TTL" default:"5m" desc:"how long the signed address of a download is good, for whoever has it"`
	AtOnce       int           `envconfig:"AT_ONCE" default:"2" desc:"how many media are looked at at once: variants of pictures, checksums, scans"`
	JobTimeout   time.Duration `envconfig:"JOB_TIMEOUT" default:"1m" desc:"how long one medium may be looked at, two thirds of that for its scan; a quarter later it is looked at again if the process has died meanwhile"`
	Scan         scan.Config
	SweepEvery   time.Duration `envconfig:"SWEEP_EVERY" default:"1h" desc:"how often what has expired, and what nobody knows of, is deleted"`
	OrphansAfter time.Duration `envconfig:"ORPHANS_AFTER" default:"24h" desc:"how old an object must be to be deleted that the database does not know; the time there is to notice that it is the wrong database"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	fault := func(variable, problem string) {
		faults = append(faults, config.Fault{Variable: variable, Problem: problem})
	}
	if at, err := url.Parse(c.PublicURL); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.RawQuery != "" || at.Fragment != "" || len(c.PublicURL) > maxPublicURL {
		fault("PUBLIC_URL", fmt.Sprintf("must be an http or https URL of at most %d bytes, for example https://chat.example.com", maxPublicURL))
	}
	if c.PartBytes < objects.MinPartSize || c.PartBytes > objects.MaxPartSize {
		fault("PART_BYTES", fmt.Sprintf("%d is not possible; allowed: %d to %d", c.PartBytes, objects.MinPartSize, objects.MaxPartSize))
	}
	if most := int64(objects.MaxFormSize); c.FormBytes < 1 || c.FormBytes > most {
		fault("FORM_BYTES", fmt.Sprintf("%d is not possible; allowed: 1 to %d", c.FormBytes, most))
	}
	if most := max(c.FormBytes, c.PartBytes*objects.MaxParts); c.MaxBytes < 1 || c.MaxBytes > most {
		fault("MAX_BYTES", fmt.Sprintf("%d is not possible; allowed: 1 to %d, which parts of PART_BYTES can be", c.MaxBytes, most))
	}
	for variable, quota := range map[string]int64{"USER_BYTES": c.UserBytes, "USER_MEDIA": c.UserMedia, "ROOM_BYTES": c.RoomBytes} {
		if quota < 0 {
			fault(variable, "must be 0 or above")
		}
	}
	if c.UnusedAfter != 0 && c.UnusedAfter < store.HeldFor {
		fault("UNUSED_AFTER", fmt.Sprintf("%s is not possible; allowed: 0, or %s or more", c.UnusedAfter, store.HeldFor))
	}
	if c.AtOnce < 1 || c.AtOnce > 64 {
		fault("AT_ONCE", fmt.Sprintf("%d is not possible; allowed: 1 to 64", c.AtOnce))
	}
	for _, t := range []struct {
		variable        string
		is, least, most time.Duration
	}{
		{"UPLOAD_TTL", c.UploadTTL, time.Second, objects.UnfinishedLifetime},
		{"DOWNLOAD_TTL", c.DownloadTTL, time.Second, maxDownloadTTL},
		{"JOB_TIMEOUT", c.JobTimeout, minJobTimeout, maxJobTimeout},
		{"SWEEP_EVERY", c.SweepEvery, time.Second, maxSweepEvery},
		{"ORPHANS_AFTER", c.OrphansAfter, time.Second, maxOrphansAfter},
	} {
		if t.is < t.least || t.is > t.most {
			fault(t.variable, fmt.Sprintf("%s is not possible; allowed: %s to %s", t.is, t.least, t.most))
		}
	}
	for _, pattern := range c.MIMETypes {
		kind, under, ok := strings.Cut(pattern, "/")
		if _, parameters, err := mime.ParseMediaType(strings.ReplaceAll(pattern, "*", "x")); !ok || err != nil || len(parameters) > 0 || strings.Contains(strings.TrimSuffix(under, "*"), "*") || kind != "*" && strings.Contains(kind, "*") {
			fault("MIME_TYPES", fmt.Sprintf("%q is no MIME type; allowed: for example image/png, image/*, application/vnd.*, */*", pattern))
		}
	}
	return faults
}

const (
	// maxDownloadTTL bounds for how long who has left a room may still have what it was given before.
	maxDownloadTTL = time.Hour
	minJobTimeout  = 5 * time.Second
	maxJobTimeout  = 30 * time.Minute
	// maxSweepEvery and maxOrphansAfter keep a slip of a unit from switching housekeeping off.
	maxSweepEvery   = 7 * 24 * time.Hour
	maxOrphansAfter = 30 * 24 * time.Hour
)

// maxPublicURL leaves room for the path of a medium in a message's mediaUrl, which has 250 characters.
const maxPublicURL = 120

// allows reports whether a MIME type may be uploaded.
func (c Config) allows(mimeType string) bool {
	for _, pattern := range c.MIMETypes {
		pattern = strings.ToLower(pattern)
		beginning, open := strings.CutSuffix(pattern, "*")
		if pattern == "*/*" || pattern == mimeType || open && strings.HasPrefix(mimeType, beginning) {
			return true
		}
	}
	return false
}

func (c Config) quotas() store.Quotas {
	return store.Quotas{UserBytes: c.UserBytes, UserMedia: c.UserMedia, RoomBytes: c.RoomBytes}
}

// mediumURL is where clients get a medium, with their token.
func (c Config) mediumURL(id fmt.Stringer) string {
	return strings.TrimRight(c.PublicURL, "/") + "/api/media/" + id.String()
}

// pictureURL is where clients get a room's picture, without a token.
func (c Config) pictureURL(room, id fmt.Stringer) string {
	return strings.TrimRight(c.PublicURL, "/") + "/api/media/rooms/" + room.String() + "/" + id.String() + ".jpg"
}
