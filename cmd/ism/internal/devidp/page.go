package devidp

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

//go:embed form.html
var formHTML string

// style is the page's own. The policy allows it by its hash.
const style = `body{font:1rem/1.5 system-ui,sans-serif;color-scheme:light dark;margin:0;display:grid;place-items:center;min-height:100vh}` +
	`main{max-width:24rem;padding:1rem}h1{font-size:1.5rem}input,button{font:inherit;padding:.5rem;box-sizing:border-box;width:100%}[role=alert]{font-weight:bold}`

// page is what a browser shows of the provider.
type page struct {
	Title  string
	Form   bool
	Client string
	User   string
	Fault  string
	Style  template.CSS
}

// show answers with a page, whose form may lead to the origin of the address.
func (p *Provider) show(c *fiber.Ctx, status int, shown page, leadsTo string) error {
	shown.Style = style
	var text bytes.Buffer
	if err := p.pages.Execute(&text, shown); err != nil {
		return fmt.Errorf("write a page of the development identity provider: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; form-action 'self'"+source(leadsTo)+
		"; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	// To itself the form says where it is from: without that its Origin would be null, which is refused.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Status(status).Send(text.Bytes())
}

// source is the origin of an address as CSP writes it, after a blank. It has no way to write an address of IPv6: there it is the scheme.
func source(address string) string {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" {
		return ""
	}
	if strings.Contains(at.Host, "[") {
		return " " + at.Scheme + ":"
	}
	return " " + at.Scheme + "://" + at.Host
}
