package devidp

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ism-chat/ism/libs/httpapi"
	"github.com/ism-chat/ism/libs/loopback"
)

// maxEchoed bounds what is kept for a client and given back to it: state and nonce.
const maxEchoed = 1024

var (
	challengeS256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	verifierChars = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
)

// request is an authorization request (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
type request struct {
	code // that it may come to

	state string
}

// authorize is the authorization endpoint: it shows the form, and leads back with a code who has filled it in.
func (p *Provider) authorize(c *fiber.Ctx) error {
	asked, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil {
		return unled("the query cannot be parsed")
	}
	wanted, no := p.request(asked)
	if no != nil {
		if wanted.redirectURI == "" {
			return unled(no.description)
		}
		p.log.InfoContext(c.UserContext(), "development identity provider refuses a sign-in", "error", no.code, "description", no.description)
		return p.lead(c, wanted.redirectURI, url.Values{"error": {no.code}, "error_description": {no.description}, "state": {wanted.state}})
	}
	shown := page{Title: "Sign in", Form: true, Client: wanted.client, User: asked.Get("login_hint")}
	if !sane(shown.User) {
		shown.User = ""
	}
	if c.Method() != http.MethodPost {
		return p.show(c, http.StatusOK, shown, wanted.redirectURI)
	}
	filledIn, no := parameters(c)
	if no != nil {
		return unled(no.description)
	}
	name := strings.TrimSpace(filledIn.Get("user"))
	if !sane(name) {
		shown.Fault = "A user name has 1 to 64 letters, digits and . _ @ + - and begins with a letter or digit."
		return p.show(c, http.StatusBadRequest, shown, wanted.redirectURI)
	}
	wanted.user, wanted.session, wanted.signedIn = canonical(name), uuid.NewString(), time.Now()
	id, ok := p.codes.add(wanted.code)
	if !ok {
		return p.lead(c, wanted.redirectURI, url.Values{"error": {"temporarily_unavailable"}, "error_description": {"too many sign-ins are under way"}, "state": {wanted.state}})
	}
	return p.lead(c, wanted.redirectURI, url.Values{"code": {id}, "state": {wanted.state}})
}

// unled is the answer to whom there is no address to lead back to that can be trusted.
func unled(what string) error {
	return httpapi.NewProblem(http.StatusBadRequest, "bad-request", "Bad request", "the sign-in cannot begin: "+what)
}

// lead sends the browser to the client. Its address can have a query already; iss is as RFC 9207 has it.
func (p *Provider) lead(c *fiber.Ctx, to string, with url.Values) error {
	if with.Get("state") == "" {
		with.Del("state")
	}
	with.Set("iss", p.issuer)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return c.Redirect(withQuery(to, with), http.StatusSeeOther)
}

func withQuery(address string, with url.Values) string {
	if len(with) == 0 {
		return address
	}
	if strings.Contains(address, "?") {
		return address + "&" + with.Encode()
	}
	return address + "?" + with.Encode()
}

// request reads what is asked. Where it is refused, and there is an address to say so to, that is given.
func (p *Provider) request(asked url.Values) (request, *refusal) {
	for name, values := range asked {
		if len(values) > 1 {
			return request{}, refuse("invalid_request", "a parameter appears twice: "+quoted(name))
		}
	}
	wanted := request{code: code{client: asked.Get("client_id")}}
	if !sane(wanted.client) || wanted.client == BackendClient {
		return request{}, refuse("invalid_request", "client_id is missing, malformed, or of a client without users")
	}
	to := asked.Get("redirect_uri")
	if !leadsBack(to) {
		return request{}, refuse("invalid_request", "redirect_uri must be an http or https address on this machine: localhost or a loopback address")
	}
	wanted.redirectURI, wanted.state = to, asked.Get("state")
	if len(wanted.state) > maxEchoed {
		wanted.state = ""
		return wanted, refuse("invalid_request", "state is too long")
	}
	wanted.challenge, wanted.nonce, wanted.scope = asked.Get("code_challenge"), asked.Get("nonce"), scopeOf(asked.Get("scope"))
	return wanted, faultOf(asked)
}

// faultOf is what is wrong with a request whose client can be told.
func faultOf(asked url.Values) *refusal {
	mode := asked.Get("response_mode")
	switch {
	case asked.Get("response_type") != "code":
		return refuse("unsupported_response_type", "allowed: code")
	case mode != "" && mode != "query":
		return refuse("invalid_request", "response_mode: allowed is query")
	case asked.Get("code_challenge_method") != "S256" || !challengeS256.MatchString(asked.Get("code_challenge")):
		return refuse("invalid_request", "PKCE is required: code_challenge, and code_challenge_method=S256")
	case len(asked.Get("nonce")) > maxEchoed:
		return refuse("invalid_request", "nonce is too long")
	case asked.Get("request") != "":
		return refuse("request_not_supported", "the parameters stand in the query alone")
	case asked.Get("request_uri") != "":
		return refuse("request_uri_not_supported", "the parameters stand in the query alone")
	case slices.Contains(strings.Fields(asked.Get("prompt")), "none"):
		return refuse("login_required", "nobody is signed in here: a name is asked for each time")
	}
	return nil
}

// quoted bounds what is told of a name that the client has chosen.
func quoted(name string) string {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return strings.ToValidUTF8(name, "")
}

// leadsBack reports whether an address is one of this machine's that a browser can be led to. Which of its pages is the developer's to say.
func leadsBack(address string) bool {
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) || strings.Contains(address, "#") {
		return false
	}
	at, err := url.Parse(address)
	return err == nil && (at.Scheme == "http" || at.Scheme == "https") && at.User == nil && at.Opaque == "" && loopback.Host(at.Hostname())
}

const (
	scopeOpenID = "openid"
	mayBeAsked  = "openid profile email"
)

// scopeOf is what of a scope there is here, which is all the same but for openid: with it there is an ID token.
func scopeOf(asked string) string {
	if slices.Contains(strings.Fields(asked), scopeOpenID) {
		return scopeOpenID + " " + scope
	}
	return scope
}
