package shape

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docker is what up is given for Docker: an engine that has no images, and a compose that reads the stack's files but builds nothing. What it is asked
// to build is written down.
const docker = `#!/usr/bin/env bash
case "$1 $2" in
  "compose version") exit ;;
  "compose -f")
    if [ "$4" = build ]; then echo "${*:5} ROOMS_REVISION=$ROOMS_REVISION RUNTIME_DIGEST=$RUNTIME_DIGEST" >>"$BUILT"; exit; fi
    case "${*:4}" in
      config) exit ;; # what doors looks at, which has tests of its own
      "config --variables") [ -s "$BUILT.variables" ] || "$DOCKER" "$@" >"$BUILT.variables" || exit 1; exec cat "$BUILT.variables" ;;
    esac
    exec "$DOCKER" "$@" ;;
  "info "*) exit ;;
  "version "*) echo linux/amd64; exit ;;
  "image inspect") [ "$3" = -f ] && [ -n "$BASE_ID" ] && echo "$BASE_ID" && exit; exit 1 ;;
esac
exit 1
`

// checkout is the source in a repository of its own, which up builds from.
type checkout struct {
	folder, bin, env string
	environ          []string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	real, err := exec.LookPath("docker")
	if err != nil {
		t.Fatalf("docker with its compose plugin is needed, which reads the stack's files without an engine: %v", err)
	}
	folder := t.TempDir()
	c := &checkout{folder: filepath.Join(folder, "source"), bin: filepath.Join(folder, "bin"), env: filepath.Join(folder, "env")}
	for _, path := range []string{
		".dockerignore", ".gitignore", "deploy", "libs/go.mod", "libs/events/golden_test.go", "libs/retry", "clients/go/go.mod", "services/rooms/go.mod",
		"services/messages/go.mod", "services/realtime/go.mod", "services/notifications/go.mod", "services/media/go.mod", "cmd/ism/go.mod",
	} {
		to := filepath.Join(c.folder, filepath.Dir(path))
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if from := filepath.Join(top, path); exists(path) {
			c.do(t, "cp", "-r", from, to)
		}
	}
	_ = os.Remove(filepath.Join(c.folder, "deploy/compose/.env"))
	_ = os.Remove(filepath.Join(c.folder, "deploy/compose/images.lock"))
	c.do(t, "git", "-C", c.folder, "init", "-q")
	c.commit(t)
	if err := os.MkdirAll(c.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.bin, "docker"), []byte(docker), 0o755); err != nil {
		t.Fatal(err)
	}
	c.environ = []string{"PATH=" + c.bin + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "COMPOSE_ENV_FILES=" + c.env, "DOCKER=" + real, "BUILT=" + filepath.Join(folder, "built")}
	return c
}

func (c *checkout) do(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (c *checkout) commit(t *testing.T) {
	t.Helper()
	c.do(t, "git", "-C", c.folder, "add", "-A")
	c.do(t, "git", "-C", c.folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", "x")
}

func (c *checkout) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, path), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// up runs up build, and gives what it said, what it built, and the settings that it leaves.
func (c *checkout) up(t *testing.T, environ ...string) (out, built string, code int) {
	t.Helper()
	record := filepath.Join(filepath.Dir(c.folder), "built")
	_ = os.Remove(record)
	cmd := exec.CommandContext(t.Context(), filepath.Join(c.folder, "deploy/compose/up"), "build")
	cmd.Env = slices.Concat(c.environ, environ)
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	asked, _ := os.ReadFile(record)
	return string(text), string(asked), cmd.ProcessState.ExitCode()
}

var tagOfRooms = regexp.MustCompile(`(?m)^ROOMS_BUILT=(0\.1\.0-[0-9a-f]{12})$`)

// tag is that which up gives rooms' image.
func (c *checkout) tag(t *testing.T, environ ...string) string {
	t.Helper()
	out, built, code := c.up(t, environ...)
	settings, err := os.ReadFile(c.env)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := tagOfRooms.FindAllStringSubmatch(string(settings), -1)
	if code != 0 || len(found) != 1 || !strings.Contains(built, "rooms messages realtime notifications media") {
		t.Fatalf("up ends with %d, has built %q and left %v: %s", code, built, found, out)
	}
	return found[0][1]
}

// Whatever makes another image gives it another name, and what makes the same one does not.
func TestEverySourceHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	first := c.tag(t)
	seen := map[string]string{first: "as it was"}
	if again := c.tag(t); again != first {
		t.Errorf("the same source is called %s and %s", first, again)
	}
	other := func(what, tag string) {
		t.Helper()
		if former, known := seen[tag]; known {
			t.Errorf("%s: it is called %s, as is the source %s", what, tag, former)
		}
		seen[tag] = what
	}
	c.write(t, "services/rooms/new.go", "package rooms\n")
	other("a file that git does not know", c.tag(t))
	c.write(t, "services/rooms/new.go", "package rooms // changed\n")
	dirty := c.tag(t)
	other("a file that is changed", dirty)
	if _, built, _ := c.up(t); !strings.Contains(built, "-changed ") {
		t.Errorf("what is not committed is said to be a commit: %s", built)
	}
	c.commit(t)
	if committed := c.tag(t); committed != dirty {
		t.Errorf("a commit alone gives it another name: %s, %s", dirty, committed)
	}
	c.write(t, "services/rooms/new_test.go", "package rooms\n")
	c.write(t, "services/messages/of_another.go", "package messages\n")
	if tag := c.tag(t); tag != dirty {
		t.Error("tests, and another service, give it another name")
	}
	c.write(t, "libs/new.go", "package libs\n")
	other("a library", c.tag(t))
	c.write(t, "deploy/images/new.go", "package images\n")
	other("what describes it", c.tag(t))
	dockerfile := read(t, "deploy/Dockerfile")
	c.write(t, "deploy/Dockerfile", dockerfile+"# changed\n")
	other("the Dockerfile", c.tag(t))
	other("another image to build in", c.tag(t, "GO_IMAGE=golang:1.26-trixie"))
	other("another image to run in", c.tag(t, "RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot"))
	other("another image under the same tag", c.tag(t, "BASE_ID=sha256:1"))
	other("another platform", c.tag(t, "DOCKER_DEFAULT_PLATFORM=linux/arm64"))
	if err := os.Remove(filepath.Join(c.folder, "services/rooms/new.go")); err != nil {
		t.Fatal(err)
	}
	other("a file that is gone", c.tag(t))
}

// A version that somebody names is built from this source neither by up nor by docker compose.
func TestAChosenVersionIsNotBuiltFromThisSource(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	if out, built, code := c.up(t, "IMAGE_TAG=0.0.9"); code == 0 || built != "" || !strings.Contains(out, "There is no image ism/rooms:0.0.9") {
		t.Errorf("code %d, built %q: %s", code, built, out)
	}
	if out, built, code := c.up(t, "IMAGE_TAG=0.0.9", "BASE_ID=there"); built != "" {
		t.Errorf("code %d, built %q: %s", code, built, out)
	}
	compose := read(t, composeFile)
	for _, name := range append(services(t), "ism") {
		chosen := `CHOSEN: "${` + strings.ToUpper(name) + `_VERSION:-${IMAGE_TAG:-}}"`
		if name == "ism" {
			chosen = `CHOSEN: "${IMAGE_TAG:-}"`
		}
		if !regexp.MustCompile(`PROGRAM: ` + name + `, .*` + regexp.QuoteMeta(chosen)).MatchString(compose) {
			t.Errorf("docker compose builds %s from this source also where it is to be another version: there is no %s", name, chosen)
		}
	}
	if !strings.Contains(read(t, "deploy/Dockerfile"), `RUN [ -z "$CHOSEN" ] ||`) {
		t.Error("the Dockerfile builds what is to be another version")
	}
}

func TestPinnedImagesAreUsedWhereNothingElseNamesThem(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	unpinned := c.tag(t)
	digest := "sha256:" + strings.Repeat("a", 64)
	const runtime = "RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot@"
	c.write(t, "deploy/compose/images.lock", "# made\nPOSTGRES_IMAGE=postgres:17@"+digest+"\nKAFKA_IMAGE=apache/kafka:4.1.1@"+digest+"\n"+runtime+digest+"\n")
	pinned := c.tag(t, "KAFKA_IMAGE=mine:1")
	settings := variablesOf(t, c.env)
	if settings["POSTGRES_IMAGE"] != "postgres:17@"+digest+" # images.lock" || settings["KAFKA_IMAGE"] != "" || pinned == unpinned {
		t.Errorf("the settings are %v", settings)
	}
	if out, built, _ := c.up(t, "KAFKA_IMAGE=mine:1"); !strings.Contains(out, "set otherwise: KAFKA_IMAGE") || !strings.Contains(built, "RUNTIME_DIGEST="+digest) {
		t.Errorf("built %s: %s", built, out)
	}
	cmd := exec.CommandContext(t.Context(), "docker", "compose", "-f", filepath.Join(c.folder, "deploy/compose/compose.yaml"), "--env-file", c.env, "config", "--images")
	cmd.Env = c.environ
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "postgres:17@"+digest+"\n") || !strings.Contains(string(out), "apache/kafka:4.1.1@"+digest) == strings.Contains(string(out), "mine:1") {
		t.Errorf("docker compose takes other images, %v: %s", err, out)
	}
	c.write(t, "deploy/compose/images.lock", "POSTGRES_IMAGE=postgres:16@"+digest+"\n")
	if out, built, code := c.up(t); code == 0 || built != "" || !strings.Contains(out, "make pin") {
		t.Errorf("a lock of another list: code %d, built %q: %s", code, built, out)
	}
	if err := os.Remove(filepath.Join(c.folder, "deploy/compose/images.lock")); err != nil {
		t.Fatal(err)
	}
	if tag := c.tag(t); tag != unpinned || strings.Contains(strings.Join(strings.Fields(string(mustRead(t, c.env))), " "), "images.lock") {
		t.Error("without the lock its images are still used")
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Where a lock is committed, it is of the list that stands beside it.
func TestTheLockIsOfTheList(t *testing.T) {
	t.Parallel()
	if !exists("deploy/compose/images.lock") {
		return
	}
	list := read(t, "deploy/compose/env.example")
	for line := range strings.Lines(read(t, "deploy/compose/images.lock")) {
		if pinned, _, _ := strings.Cut(line, "@"); !strings.HasPrefix(line, "#") && !strings.Contains(list, "\n"+pinned+"\n") {
			t.Errorf("images.lock pins %s, which env.example does not name: make pin", pinned)
		}
	}
}
