package oneprocess

import (
	"strings"
	"testing"
)

func TestWhereMediaAreFollowsFromWhereTheAPIIs(t *testing.T) {
	for name, c := range map[string]struct {
		variables              map[string]string
		api, address, contents string
		onThisMachine          bool
	}{
		"nothing is set":      {development(nil), "http://localhost:5403", "127.0.0.1:5404", "http://localhost:5404", true},
		"another port":        {development(map[string]string{"ISM_HTTP_ADDRESS": "127.0.0.1:8080"}), "http://localhost:8080", "127.0.0.1:8081", "http://localhost:8081", true},
		"another host":        {map[string]string{"ISM_HTTP_ADDRESS": "10.1.2.3:80", "ISM_OIDC_ISSUER": "https://id.example.com"}, "http://10.1.2.3:80", "10.1.2.3:81", "http://10.1.2.3:81", true},
		"an issuer":           {map[string]string{"ISM_OIDC_ISSUER": "https://id.example.com"}, "http://localhost:5403", ":5404", "http://localhost:5404", true},
		"an address of media": {development(map[string]string{"ISM_MEDIA_DIRECTORY_ADDRESS": "127.0.0.1:9999"}), "http://localhost:5403", "127.0.0.1:9999", "http://localhost:9999", true},
		"public addresses": {map[string]string{
			"ISM_OIDC_ISSUER": "https://id.example.com", "ISM_MEDIA_PUBLIC_URL": "https://chat.example.com", "ISM_MEDIA_DIRECTORY_PUBLIC_URL": "https://media.example.com",
		}, "https://chat.example.com", ":5404", "https://media.example.com", false},
		"the one of contents alone": {development(map[string]string{"ISM_MEDIA_DIRECTORY_PUBLIC_URL": "https://media.example.com"}), "http://localhost:5403", "127.0.0.1:5404", "https://media.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, c.variables)
			cfg, _, err := load()
			if got := cfg.Media; err != nil || got.PublicURL != c.api || got.Directory.Address != c.address || got.Directory.PublicURL != c.contents || got.onThisMachine != c.onThisMachine {
				t.Errorf("%s, %+v, %t, %v", got.PublicURL, got.Directory, got.onThisMachine, err)
			}
		})
	}
}

func TestAddressesOfMediaThatCannotWorkAreFaults(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		variable  string
	}{
		"the API's alone": {map[string]string{"ISM_MEDIA_PUBLIC_URL": "https://chat.example.com"}, "ISM_MEDIA_DIRECTORY_PUBLIC_URL"},
		"no URL":          {map[string]string{"ISM_MEDIA_DIRECTORY_PUBLIC_URL": "media.example.com"}, "ISM_MEDIA_DIRECTORY_PUBLIC_URL"},
		"no port":         {map[string]string{"ISM_MEDIA_DIRECTORY_ADDRESS": "localhost"}, "ISM_MEDIA_DIRECTORY_ADDRESS"},
		"a port too high": {map[string]string{"ISM_MEDIA_DIRECTORY_ADDRESS": ":65536"}, "ISM_MEDIA_DIRECTORY_ADDRESS"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, development(c.variables))
			if _, _, err := load(); err == nil || !strings.Contains(err.Error(), c.variable) {
				t.Errorf("%v", err)
			}
		})
	}
}
