package bus

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/ism-chat/ism/libs/certificates"
	"github.com/ism-chat/ism/libs/config"
)

// oauthBearer is the mechanism of RFC 7628, whose tokens an OAuth 2.0 server gives.
const oauthBearer = "OAUTHBEARER"

// Security says who a client is to the brokers, and how it knows them. It is embedded beside the protocol, wherever brokers are configured.
type Security struct {
	SASLMechanism    string            `envconfig:"SASL_MECHANISM" desc:"PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"`
	SASLUsername     string            `envconfig:"SASL_USERNAME" desc:"user name for PLAIN and SCRAM"`
	SASLPassword     config.Secret     `envconfig:"SASL_PASSWORD" desc:"password for PLAIN and SCRAM"`
	SASLPasswordFile config.SecretFile `of:"SASL_PASSWORD"`
	OAuth            OAuth             `envconfig:"OAUTH"`
	CAFile           string            `envconfig:"CA_FILE" desc:"certificate authority of the brokers, PEM; empty: the system's"`
	CertFile         string            `envconfig:"CERT_FILE" desc:"certificate that clients show the brokers (mTLS), PEM, with those between it and its authority behind it; empty: none"`
	KeyFile          string            `envconfig:"KEY_FILE" desc:"key of the certificate, PEM"`
	KeyPassword      config.Secret     `envconfig:"KEY_PASSWORD" desc:"password of the key, if it has one"`
}

// OAuth is the client of an OAuth 2.0 server that gets the tokens for OAUTHBEARER, by the grant of client credentials (RFC 6749, section 4.4).
type OAuth struct {
	TokenURL         string            `envconfig:"TOKEN_URL" desc:"token endpoint of the OAuth 2.0 server, for OAUTHBEARER"`
	ClientID         string            `envconfig:"CLIENT_ID" desc:"client at that server, with the grant of client credentials"`
	ClientSecret     config.Secret     `envconfig:"CLIENT_SECRET" desc:"the client's secret"`
	ClientSecretFile config.SecretFile `of:"CLIENT_SECRET"`
	Scope            string            `envconfig:"SCOPE" desc:"scope that is asked for, blanks between several; empty: the server's default"`
	Extensions       string            `envconfig:"EXTENSIONS" desc:"extensions for the brokers, as KEY=value,KEY=value; Confluent Cloud needs logicalCluster and identityPoolId"`
	CAFile           string            `envconfig:"CA_FILE" desc:"certificate authority of the token endpoint, PEM; empty: the system's"`
}

// Set are the variables, as the tags name them, that are set.
func (s Security) Set() []string {
	var set []string
	for _, of := range []struct{ variable, value string }{
		{"SASL_MECHANISM", s.SASLMechanism},
		{"SASL_USERNAME", s.SASLUsername},
		{"SASL_PASSWORD", s.SASLPassword.Reveal()},
		{"OAUTH_TOKEN_URL", s.OAuth.TokenURL},
		{"OAUTH_CLIENT_ID", s.OAuth.ClientID},
		{"OAUTH_CLIENT_SECRET", s.OAuth.ClientSecret.Reveal()},
		{"OAUTH_SCOPE", s.OAuth.Scope},
		{"OAUTH_EXTENSIONS", s.OAuth.Extensions},
		{"OAUTH_CA_FILE", s.OAuth.CAFile},
		{"CA_FILE", s.CAFile},
		{"CERT_FILE", s.CertFile},
		{"KEY_FILE", s.KeyFile},
		{"KEY_PASSWORD", s.KeyPassword.Reveal()},
	} {
		if of.value != "" {
			set = append(set, of.variable)
		}
	}
	return set
}

// Faults says what is wrong with the settings for a protocol. Those that it does not use are wrong, too: whoever sets them believes the connection
// to be safer than it is.
func (s Security) Faults(protocol string) []config.Fault {
	if !slices.Contains([]string{"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}, protocol) {
		return []config.Fault{{Variable: "SECURITY_PROTOCOL", Problem: fmt.Sprintf("%q is unknown; allowed: plaintext, ssl, sasl_plaintext, sasl_ssl", protocol)}}
	}
	return slices.Concat(s.saslFaults(protocol), s.tlsFaults(protocol))
}

func (s Security) saslFaults(protocol string) []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
	}
	set := s.Set()
	ofPassword := slices.Contains(set, "SASL_USERNAME") || slices.Contains(set, "SASL_PASSWORD")
	ofOAuth := slices.IndexFunc(set, func(variable string) bool { return strings.HasPrefix(variable, "OAUTH_") })
	switch {
	case !strings.HasPrefix(protocol, "sasl_"):
		if s.SASLMechanism != "" || ofPassword || ofOAuth >= 0 {
			fault("SECURITY_PROTOCOL", "%s takes no SASL settings; with them it is sasl_plaintext or sasl_ssl", protocol)
		}
		return faults
	case s.SASLMechanism == oauthBearer:
		if ofPassword {
			fault("SASL_USERNAME", "and SASL_PASSWORD are not used with %s, which takes ISM_…_OAUTH_CLIENT_ID and …_CLIENT_SECRET", oauthBearer)
		}
		return append(faults, s.OAuth.faults()...)
	case !slices.Contains([]string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, s.SASLMechanism):
		fault("SASL_MECHANISM", "%q is unknown; allowed: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, %s", s.SASLMechanism, oauthBearer)
	}
	if s.SASLUsername == "" || s.SASLPassword == "" {
		fault("SASL_USERNAME", "and SASL_PASSWORD beside it are needed for %s", protocol)
	}
	if ofOAuth >= 0 {
		fault(set[ofOAuth], "is used with the mechanism %s only", oauthBearer)
	}
	return faults
}

func (o OAuth) faults() []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: "OAUTH_" + variable, Problem: fmt.Sprintf(format, args...)})
	}
	if o.ClientID == "" {
		fault("CLIENT_ID", "is needed for %s", oauthBearer)
	}
	if o.ClientSecret == "" {
		fault("CLIENT_SECRET", "is needed for %s", oauthBearer)
	}
	endpoint, err := url.Parse(o.TokenURL)
	if err != nil || endpoint.Host == "" || endpoint.User != nil || endpoint.Scheme != "https" && endpoint.Scheme != "http" {
		fault("TOKEN_URL", "is no token endpoint; allowed: for example https://id.example.com/realms/x/protocol/openid-connect/token")
	}
	for extension := range strings.SplitSeq(o.Extensions, ",") {
		if key, value, ok := strings.Cut(extension, "="); o.Extensions != "" && (!ok || key == "" || value == "") {
			fault("EXTENSIONS", "has an entry that is no KEY=value")
			break
		}
	}
	if err := readCertificates(o.CAFile); err != nil {
		fault("CA_FILE", "%v", err)
	}
	return faults
}

func (s Security) tlsFaults(protocol string) []config.Fault {
	var faults []config.Fault
	fault := func(variable, format string, args ...any) {
		faults = append(faults, config.Fault{Variable: variable, Problem: fmt.Sprintf(format, args...)})
	}
	if !strings.HasSuffix(protocol, "ssl") {
		for _, variable := range s.Set() {
			if slices.Contains([]string{"CA_FILE", "CERT_FILE", "KEY_FILE", "KEY_PASSWORD"}, variable) {
				fault(variable, "is not used with %s; with it the protocol is ssl or sasl_ssl", protocol)
			}
		}
		return faults
	}
	if err := readCertificates(s.CAFile); err != nil {
		fault("CA_FILE", "%v", err)
	}
	switch {
	case s.CertFile == "" && s.KeyFile == "" && s.KeyPassword != "":
		fault("KEY_PASSWORD", "is set without CERT_FILE and KEY_FILE beside it")
	case s.CertFile != "" && s.KeyFile == "":
		fault("KEY_FILE", "is needed with CERT_FILE")
	case s.CertFile == "" && s.KeyFile != "":
		fault("CERT_FILE", "is needed with KEY_FILE")
	case s.CertFile != "":
		faults = append(faults, s.pairFaults()...)
	}
	return faults
}

// pairFaults says what is wrong with a certificate and its key.
func (s Security) pairFaults() []config.Fault {
	if err := readCertificates(s.CertFile); err != nil {
		return []config.Fault{{Variable: "CERT_FILE", Problem: err.Error()}}
	}
	key, err := os.ReadFile(s.KeyFile)
	if err != nil {
		return []config.Fault{{Variable: "KEY_FILE", Problem: err.Error()}}
	}
	block, _ := pem.Decode(key)
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return []config.Fault{{Variable: "KEY_FILE", Problem: "has no key in PEM"}}
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return s.openKey()
	}
	if _, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile); err != nil {
		return []config.Fault{{Variable: "KEY_FILE", Problem: "does not go with CERT_FILE: " + err.Error()}}
	}
	return nil
}

// openKey has the client of the brokers open a key that has a password, which Go's library does not do.
func (s Security) openKey() []config.Fault {
	if s.KeyPassword == "" {
		return []config.Fault{{Variable: "KEY_PASSWORD", Problem: "is needed: the key of KEY_FILE has a password"}}
	}
	settings := kafka.ConfigMap{"security.protocol": "ssl", "log_level": 0}
	s.certificate(settings)
	client, err := kafka.NewProducer(&settings)
	if err != nil {
		return []config.Fault{{Variable: "KEY_PASSWORD", Problem: "does not open the key of KEY_FILE, or that does not go with CERT_FILE: " + err.Error()}}
	}
	client.Close()
	return nil
}

// readCertificates reports what is wrong with a file of certificates. An empty name is none.
func readCertificates(path string) error {
	if path == "" {
		return nil
	}
	_, err := Certificates(path)
	return err
}

// Certificates are those of a file in PEM, one at least.
func Certificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	all, err := certificates.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("has a faulty certificate: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("has no certificate in PEM")
	}
	return all, nil
}

// settings are those of a client of librdkafka.
func (s Security) settings() kafka.ConfigMap {
	settings := kafka.ConfigMap{}
	switch s.SASLMechanism {
	case "":
	case oauthBearer:
		settings["sasl.mechanisms"] = oauthBearer // the tokens are a bearer's
	default:
		settings["sasl.mechanisms"] = s.SASLMechanism
		settings["sasl.username"] = s.SASLUsername
		settings["sasl.password"] = s.SASLPassword.Reveal()
	}
	if s.CAFile != "" {
		settings["ssl.ca.location"] = s.CAFile
	}
	s.certificate(settings)
	return settings
}

// certificate is what a client shows the brokers.
func (s Security) certificate(settings kafka.ConfigMap) {
	if s.CertFile == "" {
		return
	}
	settings["ssl.certificate.location"], settings["ssl.key.location"] = s.CertFile, s.KeyFile
	if s.KeyPassword != "" {
		settings["ssl.key.password"] = s.KeyPassword.Reveal()
	}
}
