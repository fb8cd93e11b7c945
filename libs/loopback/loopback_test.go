package loopback_test

import (
	"testing"

	"github.com/ism-chat/ism/libs/loopback"
)

func TestWhatIsOfThisMachineAlone(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "localhost.": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, ".": false, "localhost.example.com": false, "notlocalhost": false, "127.0.0.1.example.com": false, "10.0.0.1": false, "0.0.0.0": false, "::": false,
		"127.1": false, "2130706433": false, "keycloak": false, "/run/postgres": false, "localhost..": false, "[::1]": false,
	} {
		if loopback.Host(host) != want || loopback.Named(host) != want {
			t.Errorf("%q: %t, want %t", host, !want, want)
		}
	}
	for _, host := range []string{"id.localhost", "Id.Localhost."} {
		if loopback.Host(host) || !loopback.Named(host) {
			t.Errorf("%q is the machine's only where its owner has named it", host)
		}
	}
}
