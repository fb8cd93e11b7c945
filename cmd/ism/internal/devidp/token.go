package devidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	grantPassword          = "password"
	grantClientCredentials = "client_credentials"
	scope                  = "email profile"
	backendRole            = "ism-admin" // the default of ISM_OIDC_ADMIN_ROLE
	maxName                = 64          // characters of a user name or a client id
)

// refusal is an error answer of the token endpoint (RFC 6749, section 5.2).
type refusal struct {
	status      int
	code        string
	description string
	challenge   bool // the client authenticated by the Authorization header
}

func refuse(code, description string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: code, description: description}
}

// token is the token endpoint (RFC 6749, section 3.2).
func (p *Provider) token(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderPragma, "no-cache")
	granted, no := p.grant(c)
	if no != nil {
		p.log.InfoContext(c.UserContext(), "development identity provider refuses a token", "error", no.code, "description", no.description)
		if no.challenge {
			c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="ism"`)
		}
		return c.Status(no.status).JSON(fiber.Map{"error": no.code, "error_description": no.description})
	}
	signed, err := p.sign(granted.access)
	if err != nil {
		return err
	}
	answer := fiber.Map{
		"access_token":       signed,
		"token_type":         "Bearer",
		"expires_in":         int(p.tokenLife.Seconds()),
		"refresh_expires_in": 0,
		"not-before-policy":  0,
		"scope":              scope,
	}
	if granted.session != nil {
		if err := p.tokens(*granted.session, answer); err != nil {
			return err
		}
	}
	return c.JSON(answer)
}

func (p *Provider) sign(claims jwt.Claims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = p.keyID
	signed, err := token.SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// grant is what a request for tokens has come to.
type grant struct {
	access  jwt.MapClaims
	session *session // of a browser; nil: an access token is all
}

func (p *Provider) grant(c *fiber.Ctx) (grant, *refusal) {
	form, no := parameters(c)
	if no != nil {
		return grant{}, no
	}
	client, no := p.client(c.Get(fiber.HeaderAuthorization), form)
	if no != nil {
		return grant{}, no
	}
	switch kind := form.Get("grant_type"); kind {
	case grantPassword, grantCode, grantRefresh:
		if client == BackendClient {
			return grant{}, refuse("unauthorized_client", "the client may not use the grant "+kind)
		}
		if kind == grantPassword {
			return p.passwordGrant(client, form)
		}
		return p.sessionGrant(kind, client, form)
	case grantClientCredentials:
		if client != BackendClient {
			return grant{}, refuse("unauthorized_client", "a public client may not use the client credentials grant")
		}
		claims := p.claims(client, "client:"+client, "service-account-"+client)
		claims["realm_access"] = fiber.Map{"roles": []string{backendRole}}
		return grant{access: claims}, nil
	case "":
		return grant{}, refuse("invalid_request", "grant_type is missing")
	default:
		return grant{}, refuse("unsupported_grant_type", "allowed: "+strings.Join(grants(), ", "))
	}
}

func grants() []string {
	return []string{grantPassword, grantClientCredentials, grantCode, grantRefresh}
}

// sessionGrant is a grant of a sign-in in a browser.
func (p *Provider) sessionGrant(kind, client string, form url.Values) (grant, *refusal) {
	exchange := p.codeGrant
	if kind == grantRefresh {
		exchange = p.refreshGrant
	}
	of, no := exchange(client, form)
	if no != nil {
		return grant{}, no
	}
	return grant{access: p.claims(client, of.user, of.user), session: &of}, nil
}

func (p *Provider) passwordGrant(client string, form url.Values) (grant, *refusal) {
	name, password := form.Get("username"), form.Get("password")
	if name == "" || password == "" {
		return grant{}, refuse("invalid_request", "username and password are required")
	}
	if !sane(name) || !equal(canonical(name), canonical(password)) {
		return grant{}, refuse("invalid_grant", "Invalid user credentials")
	}
	name = canonical(name)
	return grant{access: p.claims(client, name, name)}, nil
}

// claims are shaped like Keycloak's.
func (p *Provider) claims(client, of, name string) jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"exp":                now.Add(p.tokenLife).Unix(),
		"iat":                now.Unix(),
		"jti":                uuid.NewString(),
		"iss":                p.issuer,
		"aud":                Audience,
		"sub":                subject(of).String(),
		"typ":                "Bearer",
		"azp":                client,
		"scope":              scope,
		"email_verified":     false,
		"name":               name,
		"preferred_username": name,
	}
}

// parameters reads the form. A parameter must not appear twice (RFC 6749, section 3.2).
func parameters(c *fiber.Ctx) (url.Values, *refusal) {
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || kind != fiber.MIMEApplicationForm {
		return nil, refuse("invalid_request", "the body must be "+fiber.MIMEApplicationForm)
	}
	form, err := url.ParseQuery(string(c.Body()))
	if err != nil {
		return nil, refuse("invalid_request", "the form cannot be parsed")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, refuse("invalid_request", "a parameter appears twice")
		}
	}
	return form, nil
}

// client gives the client's id. The backend client must prove itself, by Basic or in the form (RFC 6749, section 2.3.1);
// every other client is a public one.
func (p *Provider) client(authorization string, form url.Values) (string, *refusal) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if authorization != "" {
		basicID, basicSecret, ok := basic(authorization)
		if !ok {
			return "", &refusal{http.StatusUnauthorized, "invalid_client", "the Authorization header is no Basic authentication", true}
		}
		if secret != "" || (id != "" && id != basicID) {
			return "", refuse("invalid_request", "the client authenticates in two ways")
		}
		id, secret = basicID, basicSecret
	}
	switch {
	case !sane(id):
		return "", &refusal{http.StatusUnauthorized, "invalid_client", "client_id is missing or malformed", authorization != ""}
	case id == BackendClient && !equal(secret, p.secret.Reveal()):
		return "", &refusal{http.StatusUnauthorized, "invalid_client", "Invalid client or Invalid client credentials", authorization != ""}
	default:
		return id, nil
	}
}

func basic(authorization string) (id, secret string, ok bool) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(decoded), ":")
	if !ok {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return id, secret, errID == nil && errSecret == nil
}

// canonical makes Alice and alice one user, as Keycloak does.
func canonical(name string) string { return strings.ToLower(name) }

// sane allows what is a name in every shell, URL and log: letters, digits and . _ @ + - of ASCII, a letter or digit first.
func sane(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i, r := range name {
		alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alphanumeric && (i == 0 || !strings.ContainsRune("._@+-", r)) {
			return false
		}
	}
	return true
}

// equal takes the same time wherever the two differ, also in length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
