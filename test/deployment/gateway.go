package deployment

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gatewayOrigins are the origins of pages that can read the gateway's own refusals.
const gatewayOrigins = "https://app.example.com, capacitor://localhost"

// gatewayProcess is nginx with the configuration of the compose stack, which the official image makes from the same
// templates. Settings go over those that tests have.
func gatewayProcess(t testing.TB, dir, address string, upstreams map[string]string, settings ...map[string]string) *process {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !exists(nginx) {
			t.Fatal("nginx is not installed: run make test")
		}
	}
	source := filepath.Join(root(t), "deploy", "compose", "gateway")
	conf := filepath.Join(dir, "gateway")
	variables := map[string]string{
		"GATEWAY_LISTEN": address, "GATEWAY_LISTEN_TLS": FreeAddress(t), "GATEWAY_TLS": dir,
		"GATEWAY_SERVICES": filepath.Join(source, "services"), "GATEWAY_CONF": filepath.Join(conf, "conf.d"),
		"GATEWAY_RESOLVER":      "127.0.0.1", // nothing is asked: the upstreams are addresses
		"GATEWAY_OTLP_ENDPOINT": "127.0.0.1:4317", "GATEWAY_TRACE_PERCENT": "100", "GATEWAY_TRACE_CONTEXT": "inject",
		"GATEWAY_CORS_ORIGINS": gatewayOrigins,
		"GATEWAY_RATE_ADDRESS": "10000", "GATEWAY_BURST_ADDRESS": "10000",
		"GATEWAY_CONNECTIONS_ADDRESS": "10000", "GATEWAY_STREAMS_ADDRESS": "10000", "GATEWAY_TRUSTED_PROXIES": "",
		"GATEWAY_STATUS":    FreeAddress(t),
		"GATEWAY_WEB_FILES": filepath.Join(root(t), "clients", "web", "dist"), "GATEWAY_WEB_ISSUER": baseURL(address) + "/realms/ism", "GATEWAY_WEB_MEDIA": baseURL(address),
		"GATEWAY_WEB_CLIENT_ID": "ism-web", "GATEWAY_WEB_SCOPE": "openid profile",
		"GATEWAY_HTTP": FreeAddress(t), "GATEWAY_HTTPS": FreeAddress(t), // where nginx passes connections on by itself
	}
	for name, upstream := range upstreams {
		variables[strings.ToUpper(name)+"_UPSTREAM"] = upstream
	}
	for _, given := range settings {
		maps.Copy(variables, given)
	}
	for _, sub := range []string{"conf.d", "tmp"} {
		if err := os.MkdirAll(filepath.Join(conf, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	variables = settled(t, nginx, filepath.Join(source, "entrypoint", "15-settings.envsh"), variables)
	unknown := newer
	if variables["GATEWAY_UPSTREAMS"] == "groups" { // an nginx that is as new as the image's
		unknown = module
	}
	variables["GATEWAY_UPSTREAMS"] = "groups"
	render(t, filepath.Join(source, "templates"), filepath.Join(conf, "conf.d"), variables, unknown)
	main := filepath.Join(conf, "nginx.conf")
	render(t, filepath.Join(source, "test"), conf, map[string]string{"GATEWAY_DIR": conf}, unknown)
	return &process{
		name: "gateway", path: nginx, args: []string{"-c", main, "-p", conf, "-g", "daemon off;"},
		env: os.Environ(), readyURL: baseURL(address) + "/health", logFile: filepath.Join(dir, "gateway.log"), infrastructure: true,
	}
}

// settled are the variables after the script that the image sources before it fills in the templates.
func settled(t testing.TB, nginx, script string, variables map[string]string) map[string]string {
	t.Helper()
	cmd := exec.Command("sh", "-eu", "-c", `. "$1" && env -0`, "sh", script)
	cmd.Env = []string{"PATH=" + filepath.Dir(nginx) + ":" + os.Getenv("PATH")}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("source %s: %v\n%s", script, err, stderr.String())
	}
	after := map[string]string{}
	for _, pair := range strings.Split(string(out), "\x00") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			after[name] = value
		}
	}
	return after
}

var reference = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)

// render writes the templates of a folder to another, with the variables filled in and the suffix .template gone, as the
// official nginx image does at its start. What the nginx that is here does not know is left out.
func render(t testing.TB, from, to string, variables map[string]string, unknown *regexp.Regexp) {
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
		text = unknown.ReplaceAllString(text, "")
		name := strings.TrimSuffix(filepath.Base(template), ".template")
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What an nginx may not know. The compose test has the image read all of it.
var (
	// module is what the OpenTelemetry module has, which is the official image's.
	module = regexp.MustCompile(`(?m)^\s*(load_module|otel_\w+) .*\n|\$otel_(?:trace|span)_id`)
	// newer is that, and what came after the nginx of the distribution.
	newer = regexp.MustCompile(`(?m)^\s*(load_module|otel_\w+|http2) .*\n| resolve\b|\$otel_(?:trace|span)_id`)
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
