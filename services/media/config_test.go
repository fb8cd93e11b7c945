package media

import (
	"strings"
	"testing"
	"time"
)

func valid() Config {
	return Config{
		PublicURL: "https://chat.example", MaxBytes: 100 << 20, MIMETypes: []string{"image/*", "application/vnd.*", "text/plain"}, FormBytes: 32 << 20, PartBytes: 16 << 20,
		UploadTTL: 24 * time.Hour, DownloadTTL: 5 * time.Minute, AtOnce: 2, JobTimeout: time.Minute, SweepEvery: time.Hour, OrphansAfter: 24 * time.Hour,
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	if faults := valid().Validate(); len(faults) != 0 {
		t.Errorf("%v", faults)
	}
	for variable, change := range map[string]func(*Config){
		"PUBLIC_URL":    func(c *Config) { c.PublicURL = "chat.example" },
		"MAX_BYTES":     func(c *Config) { c.MaxBytes = 0 },
		"FORM_BYTES":    func(c *Config) { c.FormBytes = 6 << 30 },
		"PART_BYTES":    func(c *Config) { c.PartBytes = 1 << 20 },
		"USER_BYTES":    func(c *Config) { c.UserBytes = -1 },
		"USER_MEDIA":    func(c *Config) { c.UserMedia = -1 },
		"ROOM_BYTES":    func(c *Config) { c.RoomBytes = -1 },
		"UPLOAD_TTL":    func(c *Config) { c.UploadTTL = 48 * time.Hour },
		"UNUSED_AFTER":  func(c *Config) { c.UnusedAfter = time.Hour },
		"AT_ONCE":       func(c *Config) { c.AtOnce = 0 },
		"DOWNLOAD_TTL":  func(c *Config) { c.DownloadTTL = 2 * time.Hour },
		"JOB_TIMEOUT":   func(c *Config) { c.JobTimeout = time.Second },
		"SWEEP_EVERY":   func(c *Config) { c.SweepEvery = time.Millisecond },
		"ORPHANS_AFTER": func(c *Config) { c.OrphansAfter = 0 },
		"MIME_TYPES":    func(c *Config) { c.MIMETypes = []string{"picture"} },
	} {
		c := valid()
		change(&c)
		if faults := c.Validate(); len(faults) != 1 || faults[0].Variable != variable {
			t.Errorf("%s: %v", variable, faults)
		}
	}
}

func TestMIMETypesAreAllowed(t *testing.T) {
	c := valid()
	for mimeType, allowed := range map[string]bool{
		"image/png": true, "image/svg+xml": true, "application/vnd.ms-excel": true, "text/plain": true, "text/plain2": false, "text/html": false, "application/x-sh": false,
	} {
		if got := c.allows(mimeType); got != allowed {
			t.Errorf("%s: %v", mimeType, got)
		}
	}
	if c.MIMETypes = []string{"*/*"}; !c.allows("application/x-sh") {
		t.Error("*/* does not allow all")
	}
}

// A message's mediaUrl has 250 characters at most.
func TestAddressesOfMediaAreShort(t *testing.T) {
	c := Config{PublicURL: "https://" + strings.Repeat("a", maxPublicURL-len("https://"))}
	id := stringer(strings.Repeat("x", 36))
	if n := len(c.pictureURL(id, id)); n > 250 {
		t.Errorf("%d characters", n)
	}
}

type stringer string

func (s stringer) String() string { return string(s) }
