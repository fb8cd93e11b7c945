package deployment

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gatewayProcess is nginx with the configuration of the compose stack, which the official image makes from the same
// templates.
func gatewayProcess(t testing.TB, dir, address string, upstreams map[string]string) *process {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !exists(nginx) {
			t.Fatal("nginx is not installed: run make test")
		}
	}
	source := filepath.Join(root(t), "deploy", "compose", "gateway")
	variables := map[string]string{"GATEWAY_LISTEN": address, "GATEWAY_SERVICES": filepath.Join(source, "services")}
	for name, upstream := range upstreams {
		variables[strings.ToUpper(name)+"_UPSTREAM"] = upstream
	}
	conf := filepath.Join(dir, "gateway")
	for _, sub := range []string{"conf.d", "tmp"} {
		if err := os.MkdirAll(filepath.Join(conf, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	render(t, filepath.Join(source, "templates"), filepath.Join(conf, "conf.d"), variables)
	main := filepath.Join(conf, "nginx.conf")
	render(t, filepath.Join(source, "test"), conf, map[string]string{"GATEWAY_DIR": conf})
	return &process{
		name: "gateway", path: nginx, args: []string{"-c", main, "-p", conf, "-g", "daemon off;"},
		env: os.Environ(), readyURL: baseURL(address) + "/health", logFile: filepath.Join(dir, "gateway.log"), infrastructure: true,
	}
}

var reference = regexp.MustCompile(`\$\{([A-Z_]+)\}`)

// render writes the templates of a folder to another, with the variables filled in and the suffix .template gone, as the
// official nginx image does at its start.
func render(t testing.TB, from, to string, variables map[string]string) {
	t.Helper()
	templates, err := filepath.Glob(filepath.Join(from, "*.template"))
	if err != nil || len(templates) == 0 {
		t.Fatalf("find the gateway's templates in %s: %v", from, err)
	}
	for _, template := range templates {
		raw, err := os.ReadFile(template)
		if err != nil {
			t.Fatal(err)
		}
		text := reference.ReplaceAllStringFunc(string(raw), func(match string) string {
			value, ok := variables[match[2:len(match)-1]]
			if !ok {
				t.Fatalf("%s refers to %s, which is not set", template, match)
			}
			return value
		})
		name := strings.TrimSuffix(filepath.Base(template), ".template")
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
