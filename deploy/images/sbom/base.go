package sbom

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spdx/tools-golang/spdx"
)

// addBase adds the image that the program runs in, and the Debian packages that it says it has.
func (d *document) addBase(base, root string) error {
	if base == "" {
		return nil
	}
	reference, digest, pinned := strings.Cut(base, "@")
	name, tag := reference, ""
	if at := strings.LastIndexByte(reference, ':'); at > strings.LastIndexByte(reference, '/') {
		name, tag = reference[:at], reference[at+1:]
	}
	p := &spdx.Package{PackageName: name, PackageVersion: tag, PrimaryPackagePurpose: "CONTAINER", PackageComment: "not pinned: whatever had the tag when it was built"}
	purl := ""
	if pinned {
		p.PackageComment, p.PackageChecksums = "", []spdx.Checksum{{Algorithm: spdx.SHA256, Value: strings.TrimPrefix(digest, "sha256:")}}
		purl = "pkg:oci/" + name[strings.LastIndexByte(name, '/')+1:] + "@" + url.QueryEscape(digest) + "?repository_url=" + url.QueryEscape(name) + "&tag=" + url.QueryEscape(tag)
	}
	d.add(d.program, "DEPENDS_ON", p, purl)
	if root == "" {
		return nil
	}
	packages, err := debianPackages(root)
	if err != nil {
		return err
	}
	for _, deb := range packages {
		d.add(p.PackageSPDXIdentifier, "CONTAINS", &spdx.Package{PackageName: deb["Package"], PackageVersion: deb["Version"], PrimaryPackagePurpose: "LIBRARY"},
			"pkg:deb/debian/"+url.QueryEscape(deb["Package"])+"@"+url.QueryEscape(deb["Version"])+"?arch="+url.QueryEscape(deb["Architecture"]))
	}
	return nil
}

// debianPackages reads the status of dpkg, one file, or, as distroless images have it, one for each package.
func debianPackages(root string) ([]map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "var/lib/dpkg/status.d/*"))
	if err != nil {
		return nil, fmt.Errorf("look for the image's packages: %w", err)
	}
	files = append(files, filepath.Join(root, "var/lib/dpkg/status"))
	var found []map[string]string
	for _, file := range files {
		if strings.HasSuffix(file, ".md5sums") {
			continue
		}
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the image's packages: %w", err)
		}
		for paragraph := range strings.SplitSeq(string(text), "\n\n") {
			fields := map[string]string{}
			for line := range strings.Lines(paragraph) {
				if name, value, is := strings.Cut(line, ": "); is && !strings.HasPrefix(line, " ") {
					fields[name] = strings.TrimSpace(value)
				}
			}
			if fields["Package"] != "" && fields["Version"] != "" {
				found = append(found, fields)
			}
		}
	}
	slices.SortFunc(found, func(a, b map[string]string) int { return strings.Compare(a["Package"], b["Package"]) })
	return found, nil
}
