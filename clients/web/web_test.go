package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ism-chat/ism/clients/web"
)

func client(t *testing.T, other ...string) *web.Client {
	t.Helper()
	c, err := web.New(web.Config{Issuer: "https://id.example.com/realms/ism", ClientID: "ism-web", Scope: "openid profile"}, other...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func header(t *testing.T, c *web.Client, name string) string {
	t.Helper()
	for _, one := range c.SecurityHeaders() {
		if one[0] == name {
			return one[1]
		}
	}
	t.Fatalf("there is no header %s", name)
	return ""
}

// All that was built is found, as what it is, and comes back from its gzip.
func TestWhatWasBuiltIsServed(t *testing.T) {
	c := client(t)
	files := 0
	err := fs.WalkDir(os.DirFS("dist"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile("dist/" + name)
		if err != nil {
			return err
		}
		file, found := c.Find(web.Path + name)
		if !found || !bytes.Equal(file.Content, content) || file.Type == "" || len(file.ETag) < 16 {
			t.Errorf("%s: %v, %s, %s, %d bytes", name, found, file.Type, file.ETag, len(file.Content))
		}
		if file.Gzipped == nil {
			return nil
		}
		reader, err := gzip.NewReader(bytes.NewReader(file.Gzipped))
		if err != nil {
			return err
		}
		if back, err := io.ReadAll(reader); err != nil || !bytes.Equal(back, content) {
			t.Errorf("%s: its gzip gives %d bytes, %v", name, len(back), err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

// The page is asked for each time; what it loads by a name with a hash never again.
func TestHowLongFilesAreKept(t *testing.T) {
	c := client(t)
	page, found := c.Find("/app/")
	if !found || page.CacheControl != "no-cache" || page.Type != "text/html; charset=utf-8" {
		t.Errorf("the page: %v, %+v", found, page.CacheControl)
	}
	for _, load := range regexp.MustCompile(`(?:src|href)="(?:\./)?([^":]+)"`).FindAllStringSubmatch(string(page.Content), -1) {
		file, found := c.Find("/app/" + strings.TrimPrefix(load[1], "/app/"))
		if !found {
			t.Errorf("the page loads %s, which there is not", load[1])
		}
		immutable := strings.Contains(file.CacheControl, "immutable")
		if named := regexp.MustCompile(`-[0-9A-Za-z]{8,}\.`).MatchString(load[1]); named != immutable {
			t.Errorf("%s is kept as %q", load[1], file.CacheControl)
		}
	}
	if worker, found := c.Find("/app/sw.js"); found && worker.CacheControl != "no-cache" {
		t.Errorf("the service worker is kept as %q: nobody would get a new version", worker.CacheControl)
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	c := client(t)
	for _, path := range []string{"", "/", "/app", "/app/nothing.js", "/app/../web.go", "/app/./index.html", "/app//index.html", "/app/index.html/", "index.html", "/other/index.html"} {
		if file, found := c.Find(path); found {
			t.Errorf("%q is %d bytes", path, len(file.Content))
		}
	}
}

func TestTheClientIsToldWhereItIs(t *testing.T) {
	file, found := client(t).Find("/app/config.json")
	var told map[string]string
	if err := json.Unmarshal(file.Content, &told); err != nil || !found || file.CacheControl != "no-cache" || file.Type != "application/json" {
		t.Fatalf("%v, %+v, %v", found, file, err)
	}
	want := map[string]string{"url": "", "issuer": "https://id.example.com/realms/ism", "clientId": "ism-web", "scope": "openid profile"}
	for name, value := range want {
		if told[name] != value || len(told) != len(want) {
			t.Errorf("it is told %v", told)
		}
	}
}

// documented is the policy that README.md asks for.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	policy := regexp.MustCompile(`default-src 'none';[^\x60]*trusted-types [a-z-]+\n`).Find(text)
	if policy == nil {
		t.Fatal("README.md has no policy")
	}
	return strings.Join(strings.Fields(string(policy)), " ")
}

func TestNothingRunsOrLoadsButTheClient(t *testing.T) {
	policy := header(t, client(t, "http://localhost:5404", "http://localhost:5404/media"), "Content-Security-Policy")
	want := strings.NewReplacer("ISSUER S3", "https://id.example.com http://localhost:5404", "ISSUER", "https://id.example.com").Replace(documented(t))
	if policy != want {
		t.Errorf("the policy is\n%s\nwant\n%s", policy, want)
	}
	if got := header(t, client(t), "Referrer-Policy"); got != "no-referrer" {
		t.Errorf("the address with the code of a sign-in is told by %q", got)
	}
}

func TestAddressesThatWouldChangeThePolicyAreRefused(t *testing.T) {
	for _, address := range []string{"", "localhost:5403", "javascript:alert(1)", "http://", "https://a.example.com;script-src *", "https://a.example.com,b", "https://*", "https://u:p@a.example.com"} {
		if _, err := web.New(web.Config{Issuer: address}); err == nil {
			t.Errorf("the issuer %q is taken", address)
		}
		if _, err := web.New(web.Config{Issuer: "https://id.example.com"}, address); err == nil && address != "" {
			t.Errorf("the origin %q is taken", address)
		}
	}
}
