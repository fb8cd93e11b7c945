package authn

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ism-chat/ism/libs/authn/subject"
)

// trust is an issuer whose tokens are accepted, with its keys and with what its tokens must say. Nothing of one counts for another.
type trust struct {
	cfg    Config
	log    *slog.Logger
	issuer *issuer
	keys   *keySet
	keyOf  func(ctx context.Context) jwt.Keyfunc
	parser *jwt.Parser
	// logouts parses logout tokens, whose exp older issuers leave out.
	logouts *jwt.Parser
}

func newTrust(cfg Config, log *slog.Logger, metrics metrics) (*trust, error) {
	log = log.With("issuer", cfg.Issuer)
	source := newIssuer(cfg.Issuer, cfg.Address, log)
	keys := newKeySet(source.keys, cfg.RefreshInterval, cfg.MaxKeyAge, log, metrics.fetches, metrics.fetched.WithLabelValues(cfg.Issuer))
	lookup, err := keyfunc.New(keyfunc.Options{Storage: keys})
	if err != nil {
		return nil, fmt.Errorf("prepare the key lookup: %w", err)
	}
	rules := []jwt.ParserOption{jwt.WithValidMethods(cfg.Algorithms), jwt.WithIssuer(cfg.Issuer), jwt.WithLeeway(cfg.Leeway), jwt.WithStrictDecoding()}
	return &trust{
		cfg: cfg, log: log, issuer: source, keys: keys, keyOf: lookup.KeyfuncCtx,
		parser:  jwt.NewParser(slices.Concat(rules, []jwt.ParserOption{jwt.WithExpirationRequired()})...),
		logouts: jwt.NewParser(rules...),
	}, nil
}

func (t *trust) run(ctx context.Context) {
	defer t.issuer.client.CloseIdleConnections()
	t.keys.run(ctx)
}

// warn says in the log what is allowed, but not as it should be.
func (t *trust) warn(ctx context.Context) {
	if t.cfg.ForAnyone() {
		t.log.WarnContext(ctx, "the tokens of every application of the issuer are accepted: ISM_OIDC_AUDIENCE and ISM_OIDC_CLIENTS name none")
	}
	if t.cfg.Plain() {
		t.log.WarnContext(ctx, "the issuer is reached without TLS: whoever is on the way can take tokens, and pass for the issuer")
	}
}

// principalOf verifies a token of the issuer.
func (t *trust) principalOf(ctx context.Context, token string) (Principal, error) {
	c := claims{names: claimNames{display: t.cfg.NameClaims, picture: t.cfg.PictureClaim, tenant: t.cfg.TenantClaim}}
	parsed, err := t.parser.ParseWithClaims(token, &c, t.keyOf(ctx))
	if err != nil {
		return Principal{}, err
	}
	access, err := checkHeader(parsed)
	if err != nil {
		return Principal{}, err
	}
	if err := c.checkKind(access); err != nil {
		return Principal{}, err
	}
	if err := c.checkLife(t.cfg.MaxTokenLife, t.cfg.Leeway, time.Now()); err != nil {
		return Principal{}, err
	}
	if err := t.cfg.Refusal(c.audience, c.client()); err != nil {
		return Principal{}, err
	}
	user, err := subject.UserID(t.cfg.Subjects, t.cfg.Issuer, c.subject)
	if err != nil {
		return Principal{}, err
	}
	if t.cfg.RequiredScope != "" && !c.has(t.cfg.RequiredScope) {
		return Principal{}, fmt.Errorf("%w: %s", ErrScope, t.cfg.RequiredScope)
	}
	principal := c.principal()
	principal.UserID, principal.Issuer = user, t.cfg.Issuer
	if t.cfg.Tenant != "" {
		principal.Tenant = t.cfg.Tenant
	}
	principal.Admin = c.has(t.cfg.AdminRole)
	principal.Backend = principal.Admin || principal.ClientID != "" && slices.Contains(t.cfg.BackendClients, principal.ClientID)
	return principal, nil
}
