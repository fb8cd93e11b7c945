// Package sbom writes what a program of the suite is made of as an SPDX 2.3 document: its Go modules as the linker recorded them, the C libraries that
// are linked in with librdkafka, and the image that it runs in. The same program gives the same bytes.
package sbom

import (
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
)

const (
	unknown     = "NOASSERTION"
	source      = "https://github.com/ism-chat/ism"
	libraryOfC  = "github.com/confluentinc/confluent-kafka-go/v2" // the module that librdkafka comes with
	ourLicence  = "Apache-2.0"
	golangProxy = "https://proxy.golang.org/"
)

// Program is what is described.
type Program struct {
	Name, Version, Revision string
	File                    string    // the executable
	Made                    time.Time // of the source, not of the build: the same source gives the same document
	Modules                 string    // GOMODCACHE, with the modules' licences and the archive of librdkafka
	Base                    string    // the image that it runs in, with its digest where that is known
	Root                    string    // the files of that image; empty: what is in it is not looked at
}

// Write describes a program.
func Write(out io.Writer, of Program) error {
	info, err := buildinfo.ReadFile(of.File)
	if err != nil {
		return fmt.Errorf("read what the linker has recorded in %s: %w", of.File, err)
	}
	sum, err := sumOf(of.File)
	if err != nil {
		return err
	}
	d := describing(of, sum)
	if d.arch, err = machineOf(of.File); err != nil {
		return err
	}
	d.add("DOCUMENT", "DESCRIBES", &spdx.Package{
		PackageName: of.Name, PackageVersion: of.Version, PackageDownloadLocation: "git+" + source + ".git@" + of.Revision, PackageFileName: filepath.Base(of.File),
		PackageLicenseDeclared: ourLicence, PackageChecksums: []spdx.Checksum{{Algorithm: spdx.SHA256, Value: sum}}, PrimaryPackagePurpose: "APPLICATION",
		PackageSourceInfo: fmt.Sprintf("built from %s of %s with %s %s", info.Path, of.Revision, info.GoVersion, strings.Join(settings(info), " ")),
	}, "")
	d.add(d.program, "STATIC_LINK", &spdx.Package{
		PackageName: "stdlib", PackageVersion: strings.TrimPrefix(info.GoVersion, "go"), PackageLicenseDeclared: "BSD-3-Clause",
		PackageDownloadLocation: "https://go.dev/dl/" + info.GoVersion + ".src.tar.gz", PrimaryPackagePurpose: "LIBRARY",
	}, "pkg:golang/stdlib@"+strings.TrimPrefix(info.GoVersion, "go"))
	for _, module := range info.Deps {
		if err := d.addModule(of, module); err != nil {
			return err
		}
	}
	if err := d.addBase(of.Base, of.Root); err != nil {
		return err
	}
	if err := spdxjson.Write(d.Document, out, spdxjson.Indent(" "), spdxjson.EscapeHTML(false)); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	return nil
}

// settings are the flags of the build that decide what it makes.
func settings(info *debug.BuildInfo) []string {
	var found []string
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" || setting.Key == "GOARCH" || setting.Key == "GOAMD64" || setting.Key == "CGO_ENABLED" || setting.Key == "-trimpath" {
			found = append(found, setting.Key+"="+setting.Value)
		}
	}
	return found
}

func machineOf(file string) (elf.Machine, error) {
	program, err := elf.Open(file)
	if err != nil {
		return 0, fmt.Errorf("read for which machine %s is: %w", file, err)
	}
	defer func() { _ = program.Close() }()
	return program.Machine, nil
}

func sumOf(file string) (string, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("open the program: %w", err)
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// document is one that is being written.
type document struct {
	*spdx.Document

	program spdx.ElementID
	arch    elf.Machine
}

func describing(of Program, sum string) *document {
	return &document{&spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: "ISM " + of.Name + " " + of.Version,
		DocumentNamespace: source + "/spdx/" + of.Name + "-" + sum,
		CreationInfo: &spdx.CreationInfo{
			Created:  of.Made.UTC().Format("2006-01-02T15:04:05Z"),
			Creators: []spdx.Creator{{CreatorType: "Organization", Creator: "ISM"}, {CreatorType: "Tool", Creator: "ism-describe"}},
		},
	}, identifier(of.Name, of.Version), elf.EM_X86_64}
}

// add adds a package that something stands in a relationship to.
func (d *document) add(from spdx.ElementID, relationship string, p *spdx.Package, purl string) {
	p.PackageSPDXIdentifier = identifier(p.PackageName, p.PackageVersion)
	p.PackageLicenseConcluded, p.PackageCopyrightText = unknown, unknown
	p.PackageLicenseDeclared = orUnknown(p.PackageLicenseDeclared)
	p.PackageDownloadLocation = orUnknown(p.PackageDownloadLocation)
	if purl != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: purl}}
	}
	d.Packages = append(d.Packages, p)
	d.Relationships = append(d.Relationships, &spdx.Relationship{
		RefA: spdx.DocElementID{ElementRefID: from}, RefB: spdx.DocElementID{ElementRefID: p.PackageSPDXIdentifier}, Relationship: relationship,
	})
}

func orUnknown(text string) string {
	if text == "" {
		return unknown
	}
	return text
}

var notInIDs = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// identifier is an element's, of letters, digits, dots and hyphens. The sum keeps two apart that differ in other characters alone.
func identifier(name, version string) spdx.ElementID {
	sum := sha256.Sum256([]byte(name + "@" + version))
	return spdx.ElementID("Package-" + notInIDs.ReplaceAllString(name+"-"+version, "-") + "-" + hex.EncodeToString(sum[:4]))
}
