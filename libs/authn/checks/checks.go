// Package checks gives what `ism doctor` checks of the token issuer: what it publishes, what a token says, and its clock.
package checks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/authn/subject"
	"github.com/ism-chat/ism/libs/config"
	"github.com/ism-chat/ism/libs/examine"
)

const (
	group         = "identity"
	discoveryPath = "/.well-known/openid-configuration"
	// noticeable is the difference of clocks from which it is worth a word.
	noticeable = 5 * time.Second
)

// Issuer is the issuer as it is looked at, with a token of its own, which other checks need, too.
type Issuer struct {
	cfg       authn.Config
	guessed   bool
	told      bool // the environment has the settings of the services
	malformed config.Faults
	user      User
	http      *http.Client
	public    *http.Client
	now       func() time.Time

	published func() published
	token     func() token
}

// User is who the token is for.
type User struct {
	Name  string
	Given bool // by who runs the doctor: that there is no token is a fault then
	Token func(ctx context.Context, client *http.Client, issuer string) (string, error)
}

type published struct {
	authn.Published
	err error
}

// token is a token, and between what moments it was given.
type token struct {
	text          string
	err           error
	before, after time.Time
}

// NewIssuer prepares the look at an issuer, with now as the clock here. guessed says that nobody configured which issuer it is.
func NewIssuer(cfg authn.Config, guessed bool, found config.Findings, user User, target examine.Target, now func() time.Time) *Issuer {
	i := &Issuer{
		cfg: cfg, guessed: guessed, told: found.Has("ISM_OIDC_ISSUER"), malformed: found.Malformed.Under("ISM_OIDC_"), user: user,
		http: examine.NewClient(), public: target.PublicClient(), now: now,
	}
	i.published = examine.Once(func(ctx context.Context) published {
		found, err := authn.Inspect(ctx, cfg)
		return published{found, err}
	})
	i.token = examine.Once(func(ctx context.Context) token {
		before := now()
		text, err := user.Token(ctx, i.http, i.address())
		return token{text, err, before, now()}
	})
	return i
}

// address is where the issuer is reached.
func (i *Issuer) address() string { return cmp.Or(i.cfg.Address, i.cfg.Issuer) }

// WithToken looks only if there is a token.
func (i *Issuer) WithToken(look func(ctx context.Context, n *examine.Notes, token string)) examine.Look {
	return func(ctx context.Context, n *examine.Notes) {
		token := i.token()
		if token.err != nil {
			n.Add(examine.NotChecked, "there is no token, see identity", "")
			return
		}
		look(ctx, n, token.text)
	}
}

// Secrets are the token, if there is one, whole and by its parts.
func (i *Issuer) Secrets() []string {
	token := i.token()
	return append(strings.Split(token.text, "."), token.text)
}

// Checks are the looks at the issuer.
func (i *Issuer) Checks() []examine.Check {
	checks := []examine.Check{
		{Group: group, Name: "issuer", Look: i.lookAtIssuer},
		{Group: group, Name: "transport", Look: i.lookAtTransport},
		{Group: group, Name: "whose tokens", Look: i.lookAtWhoseTokens},
		{Group: group, Name: "keys", Look: i.lookAtKeys},
		{Group: group, Name: "token", Look: i.lookAtToken},
		{Group: group, Name: "clock", Look: i.lookAtOwnClock},
	}
	if i.cfg.Address != "" && i.cfg.Address != i.cfg.Issuer {
		checks = append(checks, examine.Check{Group: group, Name: "public address", Look: i.lookAtPublicAddress})
	}
	return append(checks, i.furtherChecks()...)
}

func (i *Issuer) lookAtIssuer(_ context.Context, n *examine.Notes) {
	if len(i.malformed) > 0 {
		n.Add(examine.NotChecked, i.malformed[0].Variable+" cannot be used, see configuration", "")
		return
	}
	found := i.published()
	switch {
	case found.Issuer == "" && i.guessed:
		n.Add(examine.NotChecked, "nobody said which issuer it is, and there is none at "+i.cfg.Issuer, "give it with -issuer URL, or set ISM_OIDC_ISSUER")
	case found.Issuer == "":
		n.Add(examine.Fault, fmt.Sprintf("%s: %s", found.Document, explainIssuer(found.err)), "start the issuer, or correct ISM_OIDC_ISSUER; if it is reached from the services at another address than from browsers, that address goes into ISM_OIDC_ADDRESS")
	case found.Issuer == i.cfg.Issuer:
		n.OK("%s is reached, and speaks for %s", i.address(), found.Issuer)
	case i.guessed:
		n.OK("%s speaks for %s; whether the services are configured with it is seen from inside", i.address(), found.Issuer)
	default:
		n.Add(examine.Fault, fmt.Sprintf("%s speaks for the issuer %q, ISM is configured with %q: every token is refused", found.Document, found.Issuer, i.cfg.Issuer),
			fmt.Sprintf("set ISM_OIDC_ISSUER=%s for all services, or have the issuer name itself as configured (Keycloak: KC_HOSTNAME); they must be equal letter by letter", found.Issuer))
	}
}

func explainIssuer(err error) string {
	if err == nil {
		return "the discovery document names no issuer"
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return examine.Explain(err)
	}
	return err.Error()
}

func (i *Issuer) lookAtKeys(_ context.Context, n *examine.Notes) {
	found := i.published()
	if found.Issuer == "" {
		n.Add(examine.NotChecked, "the issuer does not say where its keys are", "")
		return
	}
	if found.err != nil {
		n.Add(examine.Fault, explainIssuer(found.err), "see that "+found.KeySet+" is reached from here; ISM_OIDC_ADDRESS replaces the issuer's own URL in it")
		return
	}
	usable, reasons := split(found.Keys)
	if len(usable) == 0 {
		n.Add(examine.Fault, fmt.Sprintf("none of the %d keys at %s can verify a token%s", len(found.Keys), found.KeySet, reasons),
			"give the realm an active signing key of one of ISM_OIDC_ALGORITHMS (Keycloak: Realm settings, Keys)")
		return
	}
	n.OK("%d of %d keys can verify tokens: %s", len(usable), len(found.Keys), strings.Join(usable, ", "))
}

// split gives the keys that can verify a token, and why the others cannot.
func split(keys []authn.PublishedKey) (usable []string, reasons string) {
	for _, key := range keys {
		if key.Unusable == "" {
			usable = append(usable, key.ID)
		} else {
			reasons += fmt.Sprintf("; %s: %s", key.ID, key.Unusable)
		}
	}
	return usable, reasons
}

// lookAtToken compares what a token says with what the services insist on.
func (i *Issuer) lookAtToken(_ context.Context, n *examine.Notes) {
	token := i.token()
	if token.err != nil {
		result := examine.NotChecked
		if i.user.Given {
			result = examine.Fault
		}
		n.Add(result, "there is no token: "+explainIssuer(token.err), "give a user with -user and -password, and with -client-id a client that may use the password grant")
		return
	}
	read, err := readToken(token.text)
	if err != nil {
		n.Add(examine.Fault, err.Error(), "configure the client so that its access tokens are JWTs with a sub; some providers give JWTs only to clients that ask for an API by its audience")
		return
	}
	i.compareToken(n, read)
}

func (i *Issuer) compareToken(n *examine.Notes, token accessToken) {
	published := i.published()
	wrong := false
	fault := func(found, do string) {
		wrong = true
		n.Add(examine.Fault, found, do)
	}
	expected := i.cfg.Issuer
	if i.guessed {
		expected = published.Issuer
	}
	if token.Issuer != expected {
		fault(fmt.Sprintf("tokens name the issuer %q, ISM is configured with %q: every one is refused", token.Issuer, expected),
			fmt.Sprintf("set ISM_OIDC_ISSUER=%s for all services, or give the issuer a fixed name (Keycloak: KC_HOSTNAME), so that it does not depend on where a token is asked for", token.Issuer))
	}
	if err := i.cfg.Refusal(token.Audience, cmp.Or(token.Azp, token.ClientID)); err != nil {
		fault(fmt.Sprintf("tokens are refused by ISM_OIDC_AUDIENCE or ISM_OIDC_CLIENTS: %v", err),
			"give the client an audience mapper for it (Keycloak: Client scopes), or correct ISM_OIDC_AUDIENCE and ISM_OIDC_CLIENTS")
	}
	if _, err := subject.UserID(i.cfg.Subjects, token.Issuer, token.Subject); err != nil {
		fault(fmt.Sprintf("tokens name nobody whom ISM can know: %v", err), "correct the client's sub, or ISM_OIDC_SUBJECTS")
	}
	if life := time.Duration((token.Expires - token.IssuedAt) * float64(time.Second)); token.IssuedAt > 0 && i.cfg.MaxTokenLife > 0 && life > i.cfg.MaxTokenLife {
		fault(fmt.Sprintf("tokens are valid for %s, ISM_OIDC_MAX_TOKEN_LIFE allows %s", life.Round(time.Second), i.cfg.MaxTokenLife),
			"have the issuer give tokens of a shorter life, which ends what a thief has, or raise ISM_OIDC_MAX_TOKEN_LIFE")
	}
	if len(i.cfg.Algorithms) > 0 && !slices.Contains(i.cfg.Algorithms, token.Algorithm) {
		fault(fmt.Sprintf("tokens are signed with %q, which ISM_OIDC_ALGORITHMS does not have", token.Algorithm), "have the realm sign with one of "+strings.Join(i.cfg.Algorithms, ", "))
	}
	if usable, reasons := split(published.Keys); published.err == nil && token.KeyID != "" && !slices.Contains(usable, token.KeyID) {
		fault(fmt.Sprintf("the token is signed with the key %q, which is not among the issuer's usable keys (%s)%s", token.KeyID, strings.Join(usable, ", "), reasons),
			"the realm's key has expired or was rotated: keep the old one published until its tokens have expired (Keycloak: passive, not disabled), and restart what caches the key set on the way; the services fetch it every ISM_OIDC_REFRESH_INTERVAL")
	}
	if !wrong {
		n.OK("the token of %s names the issuer, and key %s, which is published", i.user.Name, token.KeyID)
	}
}

// lookAtOwnClock takes the time of a token's making; without a token, what the issuer says with its answers, as not all do.
func (i *Issuer) lookAtOwnClock(ctx context.Context, n *examine.Notes) {
	token := i.token()
	if read, err := readToken(token.text); err == nil && read.IssuedAt >= 1 {
		i.compareClock(n, "the issuer", time.Unix(int64(read.IssuedAt), 0), token.before, token.after)
		return
	}
	i.LookAtClock(ctx, n, strings.TrimSuffix(i.address(), "/")+discoveryPath, "the issuer")
}

// LookAtClock compares the clock here with the Date of the server at an address, whose time decides over tokens, too.
func (i *Issuer) LookAtClock(ctx context.Context, n *examine.Notes, address, whose string) {
	before := i.now()
	got, err := examine.Get(ctx, i.http, address, "")
	after := i.now()
	if err != nil {
		n.Add(examine.NotChecked, whose+" does not answer", "")
		return
	}
	date, err := http.ParseTime(got.Header.Get("Date"))
	if err != nil {
		n.Add(examine.NotChecked, whose+" sends no Date", "")
		return
	}
	i.compareClock(n, whose, date, before, after)
}

// compareClock compares the clock here with a time in whole seconds that was given between two moments.
func (i *Issuer) compareClock(n *examine.Notes, whose string, given, before, after time.Time) {
	skew := given.Add(time.Second / 2).Sub(before.Add(after.Sub(before) / 2))
	leeway := i.cfg.Leeway
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	found := fmt.Sprintf("the clock of %s is %s %s this one", whose, skew.Abs().Round(time.Second), direction)
	const do = "synchronise both clocks by NTP: timedatectl set-ntp true, or chronyc makestep"
	switch {
	case skew.Abs() > leeway+time.Second/2:
		n.Add(examine.Fault, fmt.Sprintf("%s, more than ISM_OIDC_LEEWAY (%s): valid tokens are refused", found, leeway), do)
	case skew.Abs() > noticeable:
		n.Add(examine.Warning, found, do)
	default:
		n.OK("%s has the same time as this machine, within %s", whose, noticeable)
	}
}

// lookAtPublicAddress reaches for the issuer where browsers do.
func (i *Issuer) lookAtPublicAddress(ctx context.Context, n *examine.Notes) {
	at := strings.TrimSuffix(i.cfg.Issuer, "/") + discoveryPath
	got, err := examine.Get(ctx, i.public, at, "")
	const do = "browsers sign in there: see that it is reached from outside, with ism doctor -issuer URL -target URL"
	switch {
	case err != nil:
		n.Add(examine.Warning, fmt.Sprintf("%s: %s", at, examine.Explain(err)), do)
	case got.Status != http.StatusOK:
		n.Add(examine.Warning, fmt.Sprintf("%s: %s", at, got), do)
	default:
		n.OK("%s is reached", i.cfg.Issuer)
	}
}
