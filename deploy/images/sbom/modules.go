package sbom

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	"github.com/spdx/tools-golang/spdx"
	"golang.org/x/mod/module"
)

// addModule adds a module, and what is linked in with it.
func (d *document) addModule(of Program, dep *debug.Module) error {
	if strings.HasPrefix(dep.Path, "github.com/ism-chat/ism/") { // its version is that of the program
		d.add(d.program, "STATIC_LINK", &spdx.Package{
			PackageName: dep.Path, PackageVersion: of.Revision, PackageLicenseDeclared: ourLicence, PackageDownloadLocation: "git+" + source + ".git@" + of.Revision,
			PrimaryPackagePurpose: "LIBRARY",
		}, "")
		return nil
	}
	if dep.Replace != nil {
		dep = dep.Replace
	}
	path, err := module.EscapePath(dep.Path)
	if err != nil {
		return fmt.Errorf("the module %s: %w", dep.Path, err)
	}
	version, err := module.EscapeVersion(dep.Version)
	if err != nil {
		return fmt.Errorf("the module %s: %w", dep.Path, err)
	}
	folder := filepath.Join(of.Modules, path+"@"+version)
	licence, err := licenceOf(folder)
	if err != nil {
		return fmt.Errorf("the module %s: %w", dep.Path, err)
	}
	d.add(d.program, "STATIC_LINK", &spdx.Package{
		PackageName: dep.Path, PackageVersion: dep.Version, PackageLicenseDeclared: licence, PackageDownloadLocation: golangProxy + path + "/@v/" + version + ".zip",
		PackageComment: "go.sum: " + dep.Sum, PrimaryPackagePurpose: "LIBRARY",
	}, "pkg:golang/"+dep.Path+"@"+dep.Version)
	if dep.Path == libraryOfC {
		return d.addLibrariesOfC(folder)
	}
	return nil
}

// Enough of a file must be a licence's text to count as such: what pkg.go.dev asks for.
const coverage = 75

// licenceOf gives what the files of a module say of its licence, as an SPDX expression, and "" where they say nothing that is known.
func licenceOf(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("look for its licence: %w", err)
	}
	var found []string
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if !entry.Type().IsRegular() || !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return "", fmt.Errorf("read its licence: %w", err)
		}
		scanned := licensecheck.Scan(text)
		if scanned.Percent < coverage {
			continue
		}
		for _, match := range scanned.Match {
			if !match.IsURL && !slices.Contains(found, match.ID) {
				found = append(found, match.ID)
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, " AND "), nil
}
