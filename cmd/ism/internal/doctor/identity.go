package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	client "github.com/ism-chat/ism/clients/go"
	"github.com/ism-chat/ism/libs/authn"
)

// identity is what is known of the issuer, and its token, which several checks need.
type identity struct {
	doctor  *doctor
	cfg     authn.Config
	guessed bool // nobody said which issuer it is

	published func() (authn.Published, error)
	token     func() (issued, error)
}

// issued is a token, and between what moments it was given.
type issued struct {
	text          string
	before, after time.Time
}

func newIdentity(d *doctor) *identity {
	i := &identity{doctor: d, cfg: d.settings.shared().OIDC}
	switch {
	case d.issuer != "" && d.issuer != i.cfg.Issuer:
		i.cfg.Issuer, i.cfg.Address = d.issuer, ""
	case i.cfg.Issuer == "":
		i.cfg.Issuer, i.guessed = d.target.String()+"/realms/ism", true
	}
	i.published = sync.OnceValues(func() (authn.Published, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit-grace)
		defer cancel()
		return authn.Inspect(ctx, i.cfg)
	})
	i.token = sync.OnceValues(func() (issued, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit-grace)
		defer cancel()
		before := d.now()
		token, _, err := client.PasswordToken(ctx, d.http, i.address(), d.client, d.user, d.password)
		return issued{token, before, d.now()}, err
	})
	return i
}

// address is where the issuer is reached.
func (i *identity) address() string {
	if i.cfg.Address != "" {
		return i.cfg.Address
	}
	return i.cfg.Issuer
}

// tokenOrNote gives the user's token, or notes that there is none.
func (i *identity) tokenOrNote(_ context.Context, n *notes) (string, bool) {
	token, err := i.token()
	if err != nil {
		n.add(NotChecked, "there is no token, see identity", "")
		return "", false
	}
	return token.text, true
}

// secret is the token, if there is one, whole and by its parts.
func (i *identity) secret() []string {
	token, err := i.token()
	if err != nil {
		return nil
	}
	return append(strings.Split(token.text, "."), token.text)
}

const identityGroup = "identity"

func (i *identity) checks() []check {
	checks := []check{
		{group: identityGroup, name: "issuer", look: i.lookAtIssuer},
		{group: identityGroup, name: "keys", look: i.lookAtKeys},
		{group: identityGroup, name: "token", look: i.lookAtToken},
		{group: identityGroup, name: "clock", look: i.lookAtClock},
	}
	if i.cfg.Address != "" && i.cfg.Address != i.cfg.Issuer {
		checks = append(checks, check{group: identityGroup, name: "public address", look: i.lookAtPublicAddress})
	}
	return checks
}

func (i *identity) lookAtIssuer(_ context.Context, n *notes) {
	if faults := under(i.doctor.settings.found.Malformed, "ISM_OIDC_"); len(faults) > 0 {
		n.add(NotChecked, faults[0].Variable+" cannot be used, see configuration", "")
		return
	}
	found, err := i.published()
	switch {
	case found.Issuer == "" && i.guessed:
		n.add(NotChecked, "nobody said which issuer it is, and there is none at "+i.cfg.Issuer, "give it with -issuer URL, or set ISM_OIDC_ISSUER")
	case found.Issuer == "":
		n.add(Fault, fmt.Sprintf("%s: %s", found.Document, explainIssuer(err)), "start the issuer, or correct ISM_OIDC_ISSUER; if it is reached from the services at another address than from browsers, that address goes into ISM_OIDC_ADDRESS")
	case found.Issuer == i.cfg.Issuer:
		n.ok("%s is reached, and speaks for %s", i.address(), found.Issuer)
	case i.guessed:
		n.ok("%s speaks for %s; whether the services are configured with it is seen from inside", i.address(), found.Issuer)
	default:
		n.add(Fault, fmt.Sprintf("%s speaks for the issuer %q, ISM is configured with %q: every token is refused", found.Document, found.Issuer, i.cfg.Issuer),
			fmt.Sprintf("set ISM_OIDC_ISSUER=%s for all services, or have the issuer name itself as configured (Keycloak: KC_HOSTNAME); they must be equal letter by letter", found.Issuer))
	}
}

func explainIssuer(err error) string {
	if err == nil {
		return "the discovery document names no issuer"
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return explain(err)
	}
	return err.Error()
}

func (i *identity) lookAtKeys(_ context.Context, n *notes) {
	found, err := i.published()
	if found.Issuer == "" {
		n.add(NotChecked, "the issuer does not say where its keys are", "")
		return
	}
	if err != nil {
		n.add(Fault, explainIssuer(err), "see that "+found.KeySet+" is reached from here; ISM_OIDC_ADDRESS replaces the issuer's own URL in it")
		return
	}
	usable, unusable := split(found.Keys)
	if len(usable) == 0 {
		n.add(Fault, fmt.Sprintf("none of the %d keys at %s can verify a token%s", len(found.Keys), found.KeySet, reasons(unusable)),
			"give the realm an active signing key of one of ISM_OIDC_ALGORITHMS (Keycloak: Realm settings, Keys)")
		return
	}
	n.ok("%d of %d keys can verify tokens: %s", len(usable), len(found.Keys), strings.Join(usable, ", "))
}

func split(keys []authn.PublishedKey) (usable []string, unusable []authn.PublishedKey) {
	for _, key := range keys {
		if key.Unusable == "" {
			usable = append(usable, key.ID)
		} else {
			unusable = append(unusable, key)
		}
	}
	return usable, unusable
}

func reasons(keys []authn.PublishedKey) string {
	var text strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&text, "; %s: %s", key.ID, key.Unusable)
	}
	return text.String()
}

// lookAtToken compares what a token says with what the services insist on.
func (i *identity) lookAtToken(_ context.Context, n *notes) {
	token, err := i.token()
	if err != nil {
		result := NotChecked
		if i.doctor.userGiven {
			result = Fault
		}
		n.add(result, "there is no token: "+explainIssuer(err), "give a user with -user and -password, and with -client-id a client that may use the password grant")
		return
	}
	read, err := readToken(token.text)
	if err != nil {
		n.add(Fault, err.Error(), "configure the client so that its access tokens are JWTs with a UUID as sub")
		return
	}
	i.judge(n, read)
}

func (i *identity) judge(n *notes, token tokenParts) {
	published, err := i.published()
	wrong := false
	fault := func(found, do string) {
		wrong = true
		n.add(Fault, found, do)
	}
	expected := i.cfg.Issuer
	if i.guessed {
		expected = published.Issuer
	}
	if token.Issuer != expected {
		fault(fmt.Sprintf("tokens name the issuer %q, ISM is configured with %q: every one is refused", token.Issuer, expected),
			fmt.Sprintf("set ISM_OIDC_ISSUER=%s for all services, or give the issuer a fixed name (Keycloak: KC_HOSTNAME), so that it does not depend on where a token is asked for", token.Issuer))
	}
	if len(i.cfg.Audience) > 0 && !slices.ContainsFunc(i.cfg.Audience, func(a string) bool { return slices.Contains(token.Audience, a) }) {
		fault(fmt.Sprintf("tokens have the audience %q, ISM_OIDC_AUDIENCE wants one of %q", token.Audience, i.cfg.Audience),
			"give the client an audience mapper for it (Keycloak: Client scopes), or correct ISM_OIDC_AUDIENCE")
	}
	if len(i.cfg.Algorithms) > 0 && !slices.Contains(i.cfg.Algorithms, token.Algorithm) {
		fault(fmt.Sprintf("tokens are signed with %q, which ISM_OIDC_ALGORITHMS does not have", token.Algorithm), "have the realm sign with one of "+strings.Join(i.cfg.Algorithms, ", "))
	}
	if usable, unusable := split(published.Keys); err == nil && token.KeyID != "" && !slices.Contains(usable, token.KeyID) {
		fault(fmt.Sprintf("the token is signed with the key %q, which is not among the issuer's usable keys (%s)%s", token.KeyID, strings.Join(usable, ", "), reasons(unusable)),
			"the realm's key has expired or was rotated: keep the old one published until its tokens have expired (Keycloak: passive, not disabled), and restart what caches the key set on the way; the services fetch it every ISM_OIDC_REFRESH_INTERVAL")
	}
	if !wrong {
		n.ok("the token of %s names the issuer, and key %s, which is published", i.doctor.user, token.KeyID)
	}
}

// lookAtClock takes the time of a token's making; without a token, what the issuer says with its answers, as not all do.
func (i *identity) lookAtClock(ctx context.Context, n *notes) {
	if token, err := i.token(); err == nil {
		if read, err := readToken(token.text); err == nil && read.IssuedAt > 0 {
			i.doctor.judgeClock(n, "the issuer", time.Unix(read.IssuedAt, 0), token.before, token.after)
			return
		}
	}
	i.doctor.lookAtClock(ctx, n, strings.TrimSuffix(i.address(), "/")+"/.well-known/openid-configuration", "the issuer")
}

// lookAtPublicAddress reaches for the issuer where browsers do.
func (i *identity) lookAtPublicAddress(ctx context.Context, n *notes) {
	at := strings.TrimSuffix(i.cfg.Issuer, "/") + "/.well-known/openid-configuration"
	got, err := ask(ctx, i.doctor.public, at, "")
	const do = "browsers sign in there: see that it is reached from outside, with ism doctor -issuer URL -target URL"
	switch {
	case err != nil:
		n.add(Warning, fmt.Sprintf("%s: %s", at, explain(err)), do)
	case got.status != http.StatusOK:
		n.add(Warning, fmt.Sprintf("%s: %s", at, got.looks()), do)
	default:
		n.ok("%s is reached", i.cfg.Issuer)
	}
}
