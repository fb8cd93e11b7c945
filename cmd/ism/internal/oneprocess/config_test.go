package oneprocess

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// environment has the variables and no other of ours.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "ISM_") {
			t.Setenv(name, value) // restores it
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// development are the variables and the one that asks for the development identity provider.
func development(variables map[string]string) map[string]string {
	all := map[string]string{"ISM_DEV_IDP_ENABLED": "true"}
	maps.Copy(all, variables)
	return all
}

func TestSomebodyIsSaidToGiveTokens(t *testing.T) {
	const issuer, enabled = "ISM_OIDC_ISSUER", "ISM_DEV_IDP_ENABLED"
	for name, c := range map[string]struct {
		variables   map[string]string
		says        []string // of faults
		development bool
	}{
		"an issuer":                  {map[string]string{issuer: "https://id.example.com"}, nil, false},
		"an issuer, and not the one": {map[string]string{issuer: "https://id.example.com", enabled: "false"}, nil, false},
		"the one for development":    {map[string]string{enabled: "true"}, nil, true},
		"nobody":                     {nil, []string{issuer + ": is required", enabled + "=true"}, false},
		"nobody, and empty":          {map[string]string{issuer: "", enabled: ""}, []string{issuer + ": is required", enabled + "=true"}, false},
		"nobody, said so":            {map[string]string{enabled: "false"}, []string{issuer + ": is required", enabled + "=true"}, false},
		"nobody, and more faults":    {map[string]string{"ISM_LOG_LEVEL": "loud"}, []string{issuer + ": is required", "ISM_LOG_LEVEL"}, false},
		"both":                       {map[string]string{issuer: "https://id.example.com", enabled: "true"}, []string{issuer + ": is set, and " + enabled + " is too"}, false},
		"neither yes nor no":         {map[string]string{enabled: "please"}, []string{enabled + `: "please" is not true or false`}, false},
		"for everybody":              {map[string]string{enabled: "true", "ISM_HTTP_ADDRESS": ":5403"}, []string{"ISM_HTTP_ADDRESS", issuer}, false},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, c.variables)
			cfg, development, err := load()
			if (err != nil) != (c.says != nil) || development != c.development || cfg.DevIDP.Enabled != c.development {
				t.Errorf("%t, %v", development, err)
			}
			for _, want := range c.says {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("without %q: %v", want, err)
				}
			}
		})
	}
}

func TestPagesOnThisMachineMayCallInDevelopmentOnly(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		loopback  bool
		origins   []string
	}{
		"nothing else is set":              {development(nil), true, nil},
		"an issuer":                        {map[string]string{"ISM_OIDC_ISSUER": "https://id.example.com/realms/ism"}, false, nil},
		"origins":                          {development(map[string]string{"ISM_HTTP_CORS_ORIGINS": "https://app.example.com"}), false, []string{"https://app.example.com"}},
		"no origins, explicitly":           {development(map[string]string{"ISM_HTTP_CORS_ORIGINS": ""}), false, nil},
		"an issuer, and origins beside it": {map[string]string{"ISM_OIDC_ISSUER": "https://id.example.com", "ISM_HTTP_CORS_ORIGINS": "https://a.example.com"}, false, []string{"https://a.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, c.variables)
			cfg, _, err := load()
			if err != nil || cfg.HTTP.CORSLoopback != c.loopback || !slices.Equal(cfg.HTTP.CORSOrigins, c.origins) {
				t.Errorf("loopback %t, origins %q, %v", cfg.HTTP.CORSLoopback, cfg.HTTP.CORSOrigins, err)
			}
		})
	}
}

func TestTheLargestLimitsThatGoTogetherAreTaken(t *testing.T) {
	for _, variables := range []map[string]string{
		{"ISM_ROOMS_MAX_MEMBERS": "6689"},
		{"ISM_ROOMS_MAX_MEMBERS": "1648", "ISM_HTTP_BODY_LIMIT": "65536"},
		{"ISM_REALTIME_DRAIN": "10s"},
		{"ISM_LIFECYCLE_STOP_TIMEOUT": "15s"},
	} {
		environment(t, development(variables))
		if _, _, err := load(); err != nil {
			t.Errorf("%v: %v", variables, err)
		}
		for name := range variables {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Nobody else writes to the broker in the process.
func TestATopicOfABackendIsReadFromItsBrokers(t *testing.T) {
	environment(t, development(map[string]string{"ISM_NOTIFICATIONS_KAFKA_IN": "true"}))
	if _, _, err := load(); err == nil || !strings.Contains(err.Error(), "ISM_NOTIFICATIONS_KAFKA_IN_BROKERS") {
		t.Errorf("without brokers: %v", err)
	}
	t.Setenv("ISM_NOTIFICATIONS_KAFKA_IN_BROKERS", "kafka.example.com:9092")
	if cfg, _, err := load(); err != nil || cfg.Notifications.KafkaInFrom.Topic != "user-notification-events" {
		t.Errorf("with brokers: %+v, %v", cfg.Notifications.KafkaInFrom, err)
	}
}
