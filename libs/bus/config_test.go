package bus

import (
	"slices"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestFaultsOfTheConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		faulty  []string
	}{
		"defaults":               {nil, nil},
		"several brokers":        {[]string{"ISM_KAFKA_BROKERS=a:1,[::1]:2"}, nil},
		"no port":                {[]string{"ISM_KAFKA_BROKERS=a:1,b"}, []string{"ISM_KAFKA_BROKERS"}},
		"unknown protocol":       {[]string{"ISM_KAFKA_SECURITY_PROTOCOL=tls"}, []string{"ISM_KAFKA_SECURITY_PROTOCOL"}},
		"an authority for plain": {[]string{"ISM_KAFKA_CA_FILE=/ca.pem"}, []string{"ISM_KAFKA_CA_FILE"}},
		"SASL for plain":         {[]string{"ISM_KAFKA_SASL_USERNAME=u"}, []string{"ISM_KAFKA_SECURITY_PROTOCOL"}},
		"SASL without a user": {
			[]string{"ISM_KAFKA_SECURITY_PROTOCOL=sasl_ssl", "ISM_KAFKA_SASL_MECHANISM=PLAIN"}, []string{"ISM_KAFKA_SASL_USERNAME"},
		},
		"SASL without a mechanism": {
			[]string{"ISM_KAFKA_SECURITY_PROTOCOL=sasl_ssl", "ISM_KAFKA_SASL_USERNAME=u", "ISM_KAFKA_SASL_PASSWORD=p"},
			[]string{"ISM_KAFKA_SASL_MECHANISM"},
		},
		"SASL over TLS": {
			[]string{
				"ISM_KAFKA_SECURITY_PROTOCOL=sasl_ssl", "ISM_KAFKA_SASL_MECHANISM=SCRAM-SHA-512", "ISM_KAFKA_SASL_USERNAME=u",
				"ISM_KAFKA_SASL_PASSWORD=p",
			}, nil,
		},
		"no replicas": {[]string{"ISM_KAFKA_REPLICATION=0", "ISM_KAFKA_PARTITIONS=-1"}, []string{"ISM_KAFKA_PARTITIONS", "ISM_KAFKA_REPLICATION"}},
	} {
		t.Run(name, func(t *testing.T) {
			if faulty := faultyOf(t, c.environ); !slices.Equal(faulty, c.faulty) {
				t.Errorf("faulty: %v, want %v", faulty, c.faulty)
			}
		})
	}
}

// faultyOf are the variables of which something is wrong.
func faultyOf(t *testing.T, environ []string) (faulty []string) {
	t.Helper()
	var cfg struct {
		Kafka Config `envconfig:"KAFKA"`
	}
	err := config.LoadFrom(&cfg, environ)
	if faults, ok := err.(config.Faults); ok { //nolint:errorlint // LoadFrom gives it as it is
		for _, fault := range faults {
			faulty = append(faulty, fault.Variable)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	return faulty
}
