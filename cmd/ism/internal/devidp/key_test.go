package devidp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ism-chat/ism/cmd/ism/internal/devidp"
)

// A restart keeps the key, so tokens and ids outlive it; only its owner can read it.
func TestTheKeyIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "identity")
	if _, err := devidp.New(devidp.Config{Dir: dir, Issuer: "http://127.0.0.1:5403/realms/ism", Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Fatalf("the directory holds %v, want the key alone", files)
	}
	path := filepath.Join(dir, files[0].Name())
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if about.Mode() != 0o600 {
		t.Errorf("the key has the mode %s", about.Mode())
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	issuer := serve(t, dir, devidp.Settings{})
	_, a := ask(t, issuer, password("alice", "alice"), nil)
	again := serve(t, dir, devidp.Settings{})
	response, err := http.Get(again + "/protocol/openid-connect/certs")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	token, _, err := jwt.NewParser().ParseUnverified(a.Token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || set.Keys[0]["kid"] != token.Header["kid"] {
		t.Errorf("publishes %v, want the one key %v", set.Keys, token.Header["kid"])
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if _, ok := set.Keys[0][private]; ok {
			t.Errorf("publishes the private part %s", private)
		}
	}
	second, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the key has changed")
	}
}

func TestFaultyKeysAreRefused(t *testing.T) {
	start := func(dir string) error {
		_, err := devidp.New(devidp.Config{Dir: dir, Issuer: "http://127.0.0.1:5403/realms/ism", Log: slog.New(slog.DiscardHandler)})
		return err
	}
	dir := t.TempDir()
	if err := start(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "development-signing-key.pem")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := start(dir); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Errorf("a key that others can read: %v", err)
	}
	for _, text := range []string{"", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := start(dir); err == nil || !strings.Contains(err.Error(), "remove it for a new one") {
			t.Errorf("a key file with %q: %v", text, err)
		}
	}
}

// Processes that start at once on an empty directory agree on one key.
func TestOneKeyForAll(t *testing.T) {
	dir := t.TempDir()
	errs := make([]error, 4)
	var starting sync.WaitGroup
	for i := range errs {
		starting.Go(func() {
			_, errs[i] = devidp.New(devidp.Config{Dir: dir, Issuer: "http://127.0.0.1:5403/realms/ism", Log: slog.New(slog.DiscardHandler)})
		})
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("the directory holds %v", files)
	}
}
