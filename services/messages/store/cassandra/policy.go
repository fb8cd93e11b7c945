package cassandra

import "github.com/gocql/gocql"

// anyRing is a policy that bears a ring without hosts. While the driver knows of none, because all have been taken for down, its token-aware policy
// asks whether no host, nil, is local (policies.go, Pick, in 1.7.0), and the policy of a datacenter panics at that.
type anyRing struct {
	gocql.HostSelectionPolicy
}

// IsLocal reports whether the host is in the configured datacenter; no host is not.
func (p anyRing) IsLocal(host *gocql.HostInfo) bool {
	return host != nil && p.HostSelectionPolicy.IsLocal(host)
}
