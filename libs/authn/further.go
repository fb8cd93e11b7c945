package authn

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/ism-chat/ism/libs/authn/subject"
)

const (
	maxIssuers     = 32
	maxIssuersFile = 256 << 10 // bytes
)

// furtherIssuer is an issuer in [Config.IssuersFile]. What it leaves out is as for the first issuer, but for what gives power: its
// subjects are derived, and it has no administrators, no backends and no tenant but the one without a name, unless the file says otherwise.
type furtherIssuer struct {
	Issuer         string      `json:"issuer"`
	Address        string      `json:"address"`
	Audience       []string    `json:"audience"`
	Clients        []string    `json:"clients"`
	LogoutClients  []string    `json:"logoutClients"`
	RequiredScope  string      `json:"requiredScope"`
	Subjects       subject.How `json:"subjects"`
	NameClaims     []string    `json:"nameClaims"`
	PictureClaim   string      `json:"pictureClaim"`
	Tenant         string      `json:"tenant"`
	TenantClaim    string      `json:"tenantClaim"`
	AdminRole      string      `json:"adminRole"`
	BackendClients []string    `json:"backendClients"`
}

// Issuers are the configurations of all issuers whose tokens are accepted, the one of the environment first.
func (c Config) Issuers() ([]Config, error) {
	all := []Config{c}
	if c.IssuersFile == "" {
		return all, nil
	}
	further, err := c.further()
	if err != nil {
		return nil, fmt.Errorf("read ISM_OIDC_ISSUERS_FILE: %w", err)
	}
	return append(all, further...), nil
}

// further reads the file of further issuers. Its errors are those of a fault: they say what is wrong, and where.
func (c Config) further() ([]Config, error) {
	file, err := os.Open(c.IssuersFile)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", withoutPath(err))
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxIssuersFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", withoutPath(err))
	}
	if len(content) > maxIssuersFile {
		return nil, fmt.Errorf("names a file of more than %d bytes", maxIssuersFile)
	}
	listed, err := parseIssuers(content)
	if err != nil {
		return nil, err
	}
	names := []string{c.Issuer}
	var all []Config
	for _, l := range listed {
		if slices.Contains(names, l.Issuer) {
			return nil, fmt.Errorf("names the issuer %q, which is trusted already", l.Issuer)
		}
		names = append(names, l.Issuer)
		one, err := c.of(l)
		if err != nil {
			return nil, fmt.Errorf("the issuer %q: %w", l.Issuer, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func withoutPath(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}

func parseIssuers(content []byte) ([]furtherIssuer, error) {
	var listed []furtherIssuer
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&listed); err != nil {
		return nil, fmt.Errorf("names a file that is not as expected: %w; allowed: a JSON array of issuers, see docs/identity.md", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("names a file with something behind its array of issuers")
	}
	if len(listed) == 0 || len(listed) > maxIssuers {
		return nil, fmt.Errorf("names a file with %d issuers; allowed: 1 to %d", len(listed), maxIssuers)
	}
	return listed, nil
}

// of gives the configuration of a further issuer.
func (c Config) of(l furtherIssuer) (Config, error) {
	one := c
	one.IssuersFile = ""
	one.Issuer, one.Address, one.Audience, one.Clients, one.RequiredScope = l.Issuer, l.Address, l.Audience, l.Clients, cmp.Or(l.RequiredScope, c.RequiredScope)
	one.LogoutClients = l.LogoutClients
	one.Subjects, one.Tenant, one.TenantClaim = cmp.Or(l.Subjects, subject.Derived), l.Tenant, l.TenantClaim
	one.AdminRole, one.BackendClients = l.AdminRole, l.BackendClients
	one.PictureClaim = cmp.Or(l.PictureClaim, c.PictureClaim)
	if len(l.NameClaims) > 0 {
		one.NameClaims = l.NameClaims
	}
	for _, fault := range slices.Concat(one.addressFaults(), one.choiceFaults(), one.claimFaults()) {
		return Config{}, fmt.Errorf("%s %s", nameInFile(fault.Variable), fault.Problem)
	}
	switch {
	case l.Issuer == "":
		return Config{}, errors.New("has no name")
	case !one.settled():
		return Config{}, errors.New("needs audience or clients, or any in one of them")
	case l.Tenant != "" && l.TenantClaim != "":
		return Config{}, errors.New("has a tenant and a tenantClaim; allowed: one of them")
	case !IsTenant(l.Tenant):
		return Config{}, fmt.Errorf("the tenant %q is no name of one", l.Tenant)
	}
	return one, nil
}

// nameInFile is what the file calls a setting of the environment: nameClaims for NAME_CLAIMS.
func nameInFile(variable string) string {
	first, rest, _ := strings.Cut(strings.ToLower(variable), "_")
	if rest == "" {
		return first
	}
	return first + strings.ToUpper(rest[:1]) + rest[1:]
}
