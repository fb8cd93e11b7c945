package checks

import (
	"context"
	"fmt"
	"strings"

	"github.com/ism-chat/ism/libs/authn"
	"github.com/ism-chat/ism/libs/examine"
)

// lookAtTransport warns where tokens and keys travel in the open.
func (i *Issuer) lookAtTransport(_ context.Context, n *examine.Notes) {
	if i.cfg.Plain() {
		n.Add(examine.Warning, i.cfg.Issuer+" is reached without TLS: whoever is on the way can take tokens, and pass for the issuer",
			"give the issuer an https URL; plain http is for this machine alone")
		return
	}
	n.OK("%s is this machine's own, or has TLS", i.cfg.Issuer)
}

// lookAtWhoseTokens warns where every application of the issuer is let in.
func (i *Issuer) lookAtWhoseTokens(_ context.Context, n *examine.Notes) {
	missing := authn.Missing(i.cfg)
	switch {
	case !i.told:
		n.Add(examine.NotChecked, "the services' settings are not known here; seen from inside, this says whose tokens are accepted", "")
	case len(missing) > 0:
		n.Add(examine.Fault, fmt.Sprintf("%s %s", missing[0].Variable, missing[0].Problem), "set ISM_OIDC_AUDIENCE or ISM_OIDC_CLIENTS for all services: without either they do not start")
	case i.cfg.ForAnyone():
		n.Add(examine.Warning, "the tokens of every application of the issuer are accepted: any is said, and nothing else",
			"set ISM_OIDC_AUDIENCE to an audience that the issuer gives to tokens for ISM alone, or ISM_OIDC_CLIENTS to the clients of ISM's users")
	default:
		n.OK("tokens must be meant for ISM: %s", strings.Join(i.demands(), "; "))
	}
}

// demands are what a token must have.
func (i *Issuer) demands() []string {
	all := []string{fmt.Sprintf("audience %s", strings.Join(i.cfg.Audience, " or ")), fmt.Sprintf("client %s", strings.Join(i.cfg.Clients, " or ")), "scope or role " + i.cfg.RequiredScope}
	var demanded []string
	for at, said := range []bool{len(i.cfg.Audience) > 0, len(i.cfg.Clients) > 0, i.cfg.RequiredScope != ""} {
		if said {
			demanded = append(demanded, all[at])
		}
	}
	return demanded
}

// furtherChecks look at the issuers beside the first. What is wrong with their file is a fault of the configuration, which names it.
func (i *Issuer) furtherChecks() []examine.Check {
	issuers, err := i.cfg.Issuers()
	if err != nil {
		return nil
	}
	var checks []examine.Check
	for _, cfg := range issuers[1:] {
		checks = append(checks, examine.Check{Group: group, Name: "issuer " + cfg.Issuer, Look: func(ctx context.Context, n *examine.Notes) { lookAtFurther(ctx, n, cfg) }})
	}
	return checks
}

func lookAtFurther(ctx context.Context, n *examine.Notes, cfg authn.Config) {
	const do = "see that it is reached from here, and that the name in the file of ISM_OIDC_ISSUERS_FILE is its own, letter by letter: its tokens are refused meanwhile"
	found, err := authn.Inspect(ctx, cfg)
	usable, reasons := split(found.Keys)
	switch {
	case found.Issuer == "":
		n.Add(examine.Fault, fmt.Sprintf("%s: %s", found.Document, explainIssuer(err)), do)
	case found.Issuer != cfg.Issuer:
		n.Add(examine.Fault, fmt.Sprintf("%s speaks for the issuer %q", found.Document, found.Issuer), do)
	case err != nil || len(usable) == 0:
		n.Add(examine.Fault, fmt.Sprintf("%s has no key that can verify a token%s", found.KeySet, reasons), do)
	case cfg.Plain():
		n.Add(examine.Warning, "it is reached without TLS: whoever is on the way can take tokens, and pass for the issuer", "give the issuer an https URL")
	case cfg.ForAnyone():
		n.Add(examine.Warning, "the tokens of all its applications are accepted: any is said, and nothing else", "name its audience or clients in the file")
	default:
		n.OK("it is reached, and %d of %d keys can verify tokens", len(usable), len(found.Keys))
	}
}
