package cassandra

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
)

// Config is part of the messages service's configuration, under CASSANDRA.
type Config struct {
	Hosts             []string          `envconfig:"HOSTS" default:"localhost:9042" desc:"contact points of Cassandra or ScyllaDB, host:port, comma-separated; all with the same port"`
	Keyspace          string            `envconfig:"KEYSPACE" default:"ism_messages" desc:"keyspace of the timelines"`
	Username          string            `envconfig:"USERNAME" desc:"user name; empty: none is sent"`
	Password          config.Secret     `envconfig:"PASSWORD" desc:"password"`
	PasswordFile      config.SecretFile `of:"PASSWORD"`
	CAFile            string            `envconfig:"CA_FILE" desc:"certificate authority of the nodes, PEM; empty: no TLS"`
	CertFile          string            `envconfig:"CERT_FILE" desc:"certificate that nodes are shown, PEM; empty: none"`
	KeyFile           string            `envconfig:"KEY_FILE" desc:"its key, PEM"`
	ServerName        string            `envconfig:"SERVER_NAME" desc:"name that the certificate of every node has; empty: each has the host or address that it is reached at"`
	Consistency       string            `envconfig:"CONSISTENCY" default:"LOCAL_QUORUM" desc:"consistency of reads and writes: ONE, LOCAL_ONE, TWO, THREE, QUORUM, LOCAL_QUORUM, EACH_QUORUM or ALL; a message is only sure to be read back where reads and writes overlap"`
	ReplicationFactor int               `envconfig:"REPLICATION_FACTOR" default:"1" desc:"replicas in the datacenter, where the keyspace is made"`
	Datacenter        string            `envconfig:"DATACENTER" desc:"datacenter of this deployable; empty: that of the first node reached"`
	Timeout           time.Duration     `envconfig:"TIMEOUT" default:"1s" desc:"deadline of a query, its repeats included"`
	Connections       int               `envconfig:"CONNECTIONS" default:"2" desc:"connections to each node; each carries thousands of queries at once"`
}

// keyspaceName is what needs no quotes in CQL.
var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// Validate implements [config.Validator].
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	refuse := func(variable, problem string) {
		faults = append(faults, config.Fault{Variable: variable, Problem: problem})
	}
	if len(c.Hosts) == 0 {
		refuse("HOSTS", "must name at least one node, host:port")
	}
	if !keyspaceName.MatchString(c.Keyspace) {
		refuse("KEYSPACE", "must be lower-case letters, digits and _, beginning with a letter, at most 48")
	}
	faults = append(faults, c.Certificates().Faults(certificates.Variables{Certificate: "CERT_FILE", Key: "KEY_FILE", Authority: "CA_FILE"})...)
	for variable, value := range map[string]string{"CERT_FILE": c.CertFile, "SERVER_NAME": c.ServerName} {
		if value != "" && c.CAFile == "" {
			refuse(variable, "is not used without CA_FILE, which switches TLS on")
		}
	}
	if _, err := c.consistency(); err != nil {
		refuse("CONSISTENCY", "must be ONE, LOCAL_ONE, TWO, THREE, QUORUM, LOCAL_QUORUM, EACH_QUORUM or ALL")
	}
	if c.ReplicationFactor < 1 {
		refuse("REPLICATION_FACTOR", "must be above 0")
	}
	if strings.ContainsAny(c.Datacenter, `'"\`) {
		refuse("DATACENTER", "must not contain quotes or backslashes")
	}
	if c.Timeout <= 0 {
		refuse("TIMEOUT", "must be above 0")
	}
	if c.Connections < 1 {
		refuse("CONNECTIONS", "must be above 0")
	}
	return faults
}

// Certificates are the files that TLS takes; without an authority there is none.
func (c Config) Certificates() certificates.Files {
	return certificates.Files{Certificate: c.CertFile, Key: c.KeyFile, Authority: c.CAFile}
}

func (c Config) consistency() (level gocql.Consistency, err error) {
	if err := level.UnmarshalText([]byte(strings.ToUpper(c.Consistency))); err != nil {
		return 0, fmt.Errorf("read consistency: %w", err)
	}
	if level == gocql.Any {
		return 0, errors.New("what is written at consistency ANY cannot be read")
	}
	return level, nil
}
