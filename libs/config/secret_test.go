package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ism-chat/ism/libs/config"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	type holder struct {
		Password config.Secret
		List     []config.Secret
		Map      map[string]config.Secret
		pointer  *config.Secret
		private  config.Secret
	}
	secret := config.Secret("hunter2")
	held := holder{
		Password: secret, List: []config.Secret{secret}, Map: map[string]config.Secret{"key": secret}, pointer: &secret, private: secret,
	}
	exposed := held
	exposed.pointer, exposed.private = nil, ""
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08v", "%T %[1]v", "%!"} {
		fmt.Fprintf(&printed, verb+"\n", secret)
		fmt.Fprintf(&printed, verb+"\n", &secret)
		fmt.Fprintf(&printed, verb+"\n", exposed)
	}
	fmt.Fprintln(&printed, secret, secret.String(), secret.GoString(), fmt.Errorf("refused: %v", secret))
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&printed, nil), slog.NewTextHandler(&printed, nil)} {
		slog.New(handler).Info("message", "secret", secret, "exposed", exposed, "pointer", &secret, slog.Group("group", "secret", secret))
	}
	for _, value := range []any{secret, &secret, held} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(encoded)
	}
	text := strings.ToLower(printed.String())
	for _, leak := range []string{"hunter2", "68756e74657232", "104 117 110"} {
		if strings.Contains(text, leak) {
			t.Errorf("%q is in\n%s", leak, text)
		}
	}
	if secret.Reveal() != "hunter2" {
		t.Error("not revealed")
	}
}

type leaky struct {
	Short config.Secret
	Long  config.Secret
}

func (l leaky) Validate() []config.Fault {
	return []config.Fault{{Variable: "LONG", Problem: "cannot use " + l.Long.Reveal() + " with " + l.Short.Reveal()}}
}

func TestFaultsHaveNoSecrets(t *testing.T) {
	var cfg leaky
	err := config.LoadFrom(&cfg, []string{"ISM_SHORT=hunter2", "ISM_LONG=hunter2-and-more"})
	want := "the configuration has a fault:\n  ISM_LONG: cannot use [secret] with [secret]"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

type rotated struct {
	Inner struct {
		Password     config.Secret
		PasswordFile config.SecretFile `of:"PASSWORD"`
	}
	Other     config.Secret
	OtherFile config.SecretFile `of:"OTHER"`
}

// A file of a secret is replaced while a program runs.
func TestSecretIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first\n")
	var cfg rotated
	if err := config.LoadFrom(&cfg, []string{"ISM_INNER_PASSWORD_FILE=" + path, "ISM_OTHER=fixed"}); err != nil {
		t.Fatal(err)
	}
	if cfg.Inner.Password != "first" || string(cfg.Inner.PasswordFile) != path || cfg.OtherFile != "" {
		t.Errorf("%q of %q, %q", cfg.Inner.Password.Reveal(), cfg.Inner.PasswordFile, cfg.OtherFile)
	}
	put("second\n")
	if now, err := cfg.Inner.PasswordFile.Read(cfg.Inner.Password); now != "second" || err != nil {
		t.Errorf("%q, %v", now.Reveal(), err)
	}
	if now, err := cfg.OtherFile.Read(cfg.Other); now != "fixed" || err != nil {
		t.Errorf("%q, %v", now.Reveal(), err)
	}
	put("")
	if _, err := cfg.Inner.PasswordFile.Read("first"); err == nil {
		t.Error("an empty file is a secret")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Inner.PasswordFile.Read("first"); err == nil || strings.Contains(err.Error(), path) {
		t.Errorf("without the file: %v", err)
	}
}

func TestSecretFilesAreNoSettings(t *testing.T) {
	var cfg rotated
	if err := config.LoadFrom(&cfg, []string{"ISM_INNER_PASSWORDFILE=x"}); err == nil {
		t.Error("the file of a secret is set like a setting")
	}
	var reference bytes.Buffer
	if err := config.WriteReference(&reference, config.Section{Title: "t", Cfg: &cfg}); err != nil || strings.Contains(reference.String(), "PASSWORDFILE") {
		t.Errorf("%v\n%s", err, reference.String())
	}
}
