package s3

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/ism-chat/ism/libs/config"
)

// Config says where the bucket is.
type Config struct {
	Endpoint        string            `envconfig:"ENDPOINT" required:"true" desc:"the object store as the service reaches it, for example http://s3:7070"`
	PublicURL       string            `envconfig:"PUBLIC_URL" desc:"the object store as browsers reach it, which presigned addresses carry, for example https://media.example.com; empty: the endpoint"`
	Bucket          string            `envconfig:"BUCKET" default:"ism-media" desc:"bucket of all media"`
	Region          string            `envconfig:"REGION" default:"us-east-1" desc:"region that requests are signed for"`
	AccessKey       string            `envconfig:"ACCESS_KEY" required:"true" desc:"access key id"`
	SecretKey       config.Secret     `envconfig:"SECRET_KEY" required:"true" desc:"secret access key"`
	SecretKeyFile   config.SecretFile `of:"SECRET_KEY"`
	CreateBucket    bool              `envconfig:"CREATE_BUCKET" default:"true" desc:"make the bucket if it is missing; false: wait until it is there"`
	ConfigureBucket bool              `envconfig:"CONFIGURE_BUCKET" default:"true" desc:"see to the bucket's CORS rule and to its lifecycle rule for unfinished uploads, beside those that it has, and be ready only once pages may upload; false: both are somebody else's, and ism doctor alone looks at them"`
	CORSOrigins     []string          `envconfig:"CORS_ORIGINS" default:"*" desc:"origins whose pages may upload to the bucket and download from it, comma-separated, or *; null among them: pages that were led here from another origin, as by GET /api/media/{id}; who has no signed address gets nothing from it, whatever the origin"`
}

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	for variable, value := range map[string]string{"ENDPOINT": c.Endpoint, "PUBLIC_URL": c.PublicURL} {
		if value == "" {
			continue
		}
		if at, err := url.Parse(value); err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") || at.Path != "" && at.Path != "/" {
			faults = append(faults, config.Fault{Variable: variable, Problem: "is no address of an object store; allowed: http://host:port or https://host, without a path"})
		}
	}
	for _, origin := range c.CORSOrigins {
		if at, err := url.Parse(origin); origin != "*" && origin != "null" && (err != nil || at.Scheme == "" || at.Host == "" || at.Scheme+"://"+at.Host != origin || strings.Contains(origin, "*")) {
			faults = append(faults, config.Fault{Variable: "CORS_ORIGINS", Problem: fmt.Sprintf("%q is no origin; allowed: scheme and host, for example https://app.example.com, or *, or null", origin)})
		}
	}
	return faults
}
