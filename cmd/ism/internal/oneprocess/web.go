package oneprocess

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ism-chat/ism/clients/web"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/deployable"
	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/lifecycle"
)

// webSettings are those of the web client.
type webSettings struct {
	Enabled  bool     `envconfig:"ENABLED" default:"true" desc:"serve the web client at /app/"`
	ClientID string   `envconfig:"CLIENT_ID" default:"ism-web" desc:"what the web client is called at the issuer: a public client of the code flow with PKCE, which is led back to /app/; where ISM_OIDC_CLIENTS is set, it must be listed there"`
	Scope    string   `envconfig:"SCOPE" default:"openid profile" desc:"what the web client asks the issuer for, names with blanks between; some issuers give refresh tokens for offline_access alone"`
	Origins  []string `envconfig:"ORIGINS" desc:"further origins that the web client may ask, comma-separated: those of the issuer's endpoints where they are not at the issuer's own, for example https://oauth2.googleapis.com"`
}

// Validate implements [config.Validator].
func (s webSettings) Validate() []config.Fault {
	var faults []config.Fault
	if s.Enabled && (s.ClientID == "" || strings.ContainsAny(s.ClientID, " \t\r\n")) {
		faults = append(faults, config.Fault{Variable: "CLIENT_ID", Problem: fmt.Sprintf("%q is no client id; allowed: for example ism-web", s.ClientID)})
	}
	if s.Enabled && len(strings.Fields(s.Scope)) == 0 {
		faults = append(faults, config.Fault{Variable: "SCOPE", Problem: "is empty; allowed: for example openid profile"})
	}
	for _, origin := range s.Origins {
		if err := web.CheckOrigin(origin); err != nil {
			faults = append(faults, config.Fault{Variable: "ORIGINS", Problem: err.Error() + "; allowed: for example https://id.example.com"})
		}
	}
	return faults
}

// webClient is the web client as a service of the process.
type webClient struct{ *web.Client }

var _ deployable.Service = webClient{}

func newWebClient(cfg Config) (webClient, error) {
	client, err := web.New(web.Config{Issuer: cfg.OIDC.Issuer, ClientID: cfg.Web.ClientID, Scope: strings.Join(strings.Fields(cfg.Web.Scope), " ")},
		append([]string{cfg.Media.Directory.PublicURL}, cfg.Web.Origins...)...)
	return webClient{client}, err
}

// Routes implements [deployable.Service].
func (w webClient) Routes(api fiber.Router) {
	api.Get(web.Path+"*", w.answer)
	api.Get(withoutSlash, w.answer)
}

const withoutSlash = "/app"

func (w webClient) answer(c *fiber.Ctx) error {
	if c.Path() == withoutSlash {
		return c.Redirect(web.Path, http.StatusPermanentRedirect)
	}
	file, found := w.Find(c.Path())
	if !found {
		return fiber.ErrNotFound
	}
	for _, header := range w.SecurityHeaders() {
		c.Set(header[0], header[1])
	}
	c.Set(fiber.HeaderETag, file.ETag)
	c.Set(fiber.HeaderCacheControl, file.CacheControl)
	c.Set(fiber.HeaderContentType, file.Type)
	if file.Gzipped != nil {
		c.Vary(fiber.HeaderAcceptEncoding)
	}
	switch {
	case httpapi.NamesTag(c.Get(fiber.HeaderIfNoneMatch), file.ETag):
		c.Status(http.StatusNotModified)
		return nil
	case file.Gzipped != nil && c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings("gzip") == "gzip": // who says nothing cannot be asked
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(file.Gzipped)
	default:
		return c.Send(file.Content)
	}
}

// InternalRoutes implements [deployable.Service]: there are none.
func (webClient) InternalRoutes(fiber.Router) {}

// Checks implements [deployable.Service]: there are none.
func (webClient) Checks() []httpapi.Check { return nil }

// Parts implements [deployable.Service]: it only answers requests.
func (webClient) Parts() []lifecycle.Part { return nil }
