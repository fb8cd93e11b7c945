package devidp_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
	"github.com/ism-chat/ism/libs/servicetest"
)

func TestOnlyOnLoopbackAndWithoutAnIssuer(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5403": true, "127.8.9.10:5403": true, "[::1]:5403": true, "localhost:5403": true, "[::ffff:127.0.0.1]:5403": true, "127.0.0.1:0": true,
		":5403": false, "0.0.0.0:5403": false, "[::]:5403": false, "192.168.1.2:5403": false, "localhost.example.com:5403": false,
		"example.com:5403": false, "": false, "127.0.0.1": false, "5403": false, "[fe80::1%lo]:5403": false,
	} {
		if got := devidp.Loopback(address); got != want {
			t.Errorf("%q: got %t", address, got)
		}
	}
	for _, test := range []struct {
		address, issuer string
		want            []string
	}{
		{"127.0.0.1:5403", "", nil},
		{":5403", "", []string{"ISM_HTTP_ADDRESS"}},
		{"127.0.0.1:5403", "https://id.example.com/realms/ism", []string{"ISM_OIDC_ISSUER"}},
		{":5403", "https://id.example.com/realms/ism", []string{"ISM_OIDC_ISSUER", "ISM_HTTP_ADDRESS"}},
	} {
		var got []string
		for _, fault := range devidp.Validate(test.address, test.issuer) {
			got = append(got, fault.Variable)
		}
		if strings.Join(got, " ") != strings.Join(test.want, " ") {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestFaultyConfigurations(t *testing.T) {
	for _, cfg := range []devidp.Config{
		{},
		{Dir: t.TempDir()},
		{Issuer: "http://127.0.0.1:5403/realms/ism"},
		{Dir: t.TempDir(), Issuer: "http://127.0.0.1:5403"},
		{Dir: t.TempDir(), Issuer: "http://127.0.0.1:5403/realms/ism/"},
		{Dir: t.TempDir(), Issuer: "/realms/ism"},
	} {
		if _, err := devidp.New(cfg); err == nil {
			t.Errorf("%+v is allowed", cfg)
		}
	}
}

func TestItWarnsLoudly(t *testing.T) {
	var log servicetest.Log
	_, err := devidp.New(devidp.Config{
		Settings: devidp.Settings{BackendSecret: "do-not-log-me"},
		Dir:      t.TempDir(), Issuer: "http://127.0.0.1:5403/realms/ism", Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "DEVELOPMENT IDENTITY PROVIDER") {
		t.Errorf("logged %q", text)
	}
	if strings.Contains(log.String(), "do-not-log-me") {
		t.Error("the secret is in the log")
	}
}
