package guard

import (
	"fmt"
	"net/netip"
	"slices"
)

// Policy says where webhooks may be sent.
type Policy struct {
	// Networks are allowed beside the public internet, for development and for receivers in the operator's own network.
	Networks []netip.Prefix
	// HTTP allows URLs without TLS.
	HTTP bool
}

// refused4 are the networks of IPv4 that are not the public internet, by IANA's registry of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry), and multicast. Metadata of clouds is at 169.254.169.254, 100.100.100.200 and
// 192.0.0.192, all of them in here.
var refused4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's wire server, a public address that only its machines reach
)

var (
	// global6 is all of IPv6 that is given out to the public internet (https://www.iana.org/assignments/ipv6-unicast-address-assignments).
	global6 = netip.MustParsePrefix("2000::/3")
	// refused6 are networks within it that are not, or that carry others: Teredo and the like, documentation, 6to4.
	refused6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
	// translated is where NAT64 puts IPv4 (RFC 6052): it is judged by the address of IPv4 in it.
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// Allows reports whether webhooks may be sent to the address.
func (p Policy) Allows(address netip.Addr) bool {
	if address.Zone() != "" {
		return false
	}
	address = address.Unmap()
	contains := func(network netip.Prefix) bool { return network.Contains(address) }
	switch {
	case !address.IsValid():
		return false
	case slices.ContainsFunc(p.Networks, contains):
		return true
	case address.Is4():
		return !slices.ContainsFunc(refused4, contains)
	case translated.Contains(address):
		last := address.As16()
		return p.Allows(netip.AddrFrom4([4]byte(last[12:])))
	default:
		return global6.Contains(address) && !slices.ContainsFunc(refused6, contains)
	}
}

// ParsePolicy gives the policy that settings say. The error names a network that is none, and what is allowed.
func ParsePolicy(http bool, networks []string) (Policy, error) {
	policy := Policy{HTTP: http}
	for _, text := range networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return Policy{}, fmt.Errorf("%q is no network; allowed: for example 10.1.0.0/16 or fd00::/8", text)
		}
		policy.Networks = append(policy.Networks, network)
	}
	return policy, nil
}
