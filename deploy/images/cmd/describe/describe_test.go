package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	intoto "github.com/in-toto/attestation/go/v1"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"
	"google.golang.org/protobuf/encoding/protojson"
)

// modules is where modules are.
func modules(t *testing.T) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// program builds one that has librdkafka linked in, as the suite's have.
func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, "../../internal/kafkaversion")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

func TestAProgramIsDescribed(t *testing.T) {
	t.Parallel()
	file := program(t)
	root, digest := t.TempDir(), strings.Repeat("a", 64)
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg/status.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"libc6": "Package: libc6\nVersion: 2.36-9+deb12u10\nArchitecture: amd64\nDescription: GNU C Library\n more: of it\n", "libc6.md5sums": "Package: none\nVersion: 1\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status.d", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	describe := func(args ...string) (bill, provenance []byte) {
		t.Helper()
		out := t.TempDir()
		args = append([]string{
			"-name", "rooms", "-version", "0.1.0", "-revision", strings.Repeat("b", 40), "-program", file, "-modules", modules(t), "-built-in", "golang:1.26-bookworm",
			"-base", "gcr.io/distroless/cc-debian12:nonroot@sha256:" + digest, "-root", root, "-sums", "../../go.sum", "-epoch", "1700000000", "-out", out,
		}, args...)
		if err := run(args); err != nil {
			t.Fatal(err)
		}
		for name, into := range map[string]*[]byte{"rooms.spdx.json": &bill, "rooms.provenance.json": &provenance} {
			text, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			*into = text
		}
		return bill, provenance
	}
	bill, provenance := describe()
	t.Run("what it is made of", func(t *testing.T) { checkBill(t, bill) })
	t.Run("how it was made", func(t *testing.T) { checkProvenance(t, provenance, digest) })
	if again, made := describe(); !bytes.Equal(again, bill) || !bytes.Equal(made, provenance) {
		t.Error("the same program is described otherwise the second time")
	}
	if _, made := describe("-revision", strings.Repeat("b", 40)+"-changed"); bytes.Contains(made, []byte("gitCommit")) {
		t.Error("source that differs from the commit is said to be it")
	}
}

func checkBill(t *testing.T, bill []byte) {
	t.Helper()
	document, err := spdxjson.Read(bytes.NewReader(bill))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Error(err)
	}
	if document.SPDXVersion != "SPDX-2.3" || document.CreationInfo.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("%s, made %s", document.SPDXVersion, document.CreationInfo.Created)
	}
	if described, err := spdxlib.GetDescribedPackageIDs(document); err != nil || len(described) != 1 {
		t.Errorf("it describes %v, %v", described, err)
	}
	found, ids := map[string]*spdx.Package{}, map[spdx.ElementID]bool{}
	for _, p := range document.Packages {
		if ids[p.PackageSPDXIdentifier] {
			t.Errorf("%s stands there twice", p.PackageSPDXIdentifier)
		}
		ids[p.PackageSPDXIdentifier] = true
		found[p.PackageName] = p
		if p.PackageVersion == "" || p.PackageLicenseDeclared == "" || p.PackageDownloadLocation == "" {
			t.Errorf("%s lacks what it must have: %+v", p.PackageName, p)
		}
	}
	if len(document.Relationships) != len(document.Packages) {
		t.Errorf("%d packages have %d relationships", len(document.Packages), len(document.Relationships))
	}
	for name, licence := range map[string]string{
		"rooms": "Apache-2.0", "stdlib": "BSD-3-Clause", "github.com/confluentinc/confluent-kafka-go/v2": "Apache-2.0", "librdkafka": "BSD-2-Clause",
		"openssl": "Apache-2.0", "zlib": "Zlib", "zstd": "BSD-3-Clause OR GPL-2.0-only", "lz4": "BSD-2-Clause", "curl": "curl",
		"gcr.io/distroless/cc-debian12": "NOASSERTION", "libc6": "NOASSERTION",
	} {
		p := found[name]
		if p == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		if p.PackageLicenseDeclared != licence || name != "rooms" && len(p.PackageExternalReferences) == 0 {
			t.Errorf("%s is under %s, known as %v", name, p.PackageLicenseDeclared, p.PackageExternalReferences)
		}
	}
	// librdkafka has the version of the module that it comes with.
	if kafka, c := found["github.com/confluentinc/confluent-kafka-go/v2"], found["librdkafka"]; kafka != nil && c != nil && kafka.PackageVersion != "v"+c.PackageVersion {
		t.Errorf("librdkafka is %s in %s", c.PackageVersion, kafka.PackageVersion)
	}
}

func checkProvenance(t *testing.T, text []byte, digest string) {
	t.Helper()
	var statement intoto.Statement
	if err := protojson.Unmarshal(text, &statement); err != nil {
		t.Fatal(err)
	}
	if err := statement.Validate(); err != nil {
		t.Error(err)
	}
	var read struct {
		Predicate struct {
			BuildDefinition struct {
				ResolvedDependencies []struct {
					URI, Name string
					Digest    map[string]string
				}
			}
		}
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	materials := read.Predicate.BuildDefinition.ResolvedDependencies
	if len(materials) != 4 || materials[0].Digest["gitCommit"] != strings.Repeat("b", 40) || materials[1].URI != "docker://golang:1.26-bookworm" || materials[1].Digest != nil ||
		materials[2].Digest["sha256"] != digest || len(materials[3].Digest["sha256"]) != 64 {
		t.Errorf("it is made of %+v", materials)
	}
}

func TestWhatCannotBeDescribed(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"no program":     {"-name", "rooms", "-program", none + "s"},
		"no Go program":  {"-name", "rooms", "-program", none},
		"no module":      {"-name", "rooms", "-program", program(t), "-modules", t.TempDir()},
		"an unknown one": {"-nobody", "rooms"},
	} {
		if err := run(append(args, "-out", t.TempDir())); err == nil {
			t.Errorf("%s is described", name)
		}
	}
}
