package sbom

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spdx/tools-golang/spdx"
)

// linked are the libraries that the archive of librdkafka brings along: the object of it that says which version it is, and how it says so.
func linked() []struct{ name, object, licence, cpe, home, says string } {
	return []struct{ name, object, licence, cpe, home, says string }{
		{"openssl", "libcrypto-lib-cversion.o", "Apache-2.0", "openssl:openssl", "https://www.openssl.org", `OpenSSL (\d+\.\d+\.\d+)`},
		{"zlib", "deflate.o", "Zlib", "zlib:zlib", "https://zlib.net", `deflate (\d+\.\d+(?:\.\d+)*) Copyright`},
		{"zstd", "zstd_common.o", "BSD-3-Clause OR GPL-2.0-only", "facebook:zstandard", "https://facebook.github.io/zstd", `\x00?(\d+\.\d+\.\d+)\x00`},
		{"lz4", "lz4.o", "BSD-2-Clause", "lz4_project:lz4", "https://lz4.org", `\x00?(\d+\.\d+\.\d+)\x00`},
		{"curl", "libcurl_la-version.o", "curl", "haxx:libcurl", "https://curl.se", `libcurl/(\d+\.\d+\.\d+)`},
	}
}

var versionOfKafka = regexp.MustCompile(`(?m)^#define RD_KAFKA_VERSION 0x([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})ff`)

// addLibrariesOfC adds librdkafka and what it brings along. Their versions are read from what is linked: no module names them.
func (d *document) addLibrariesOfC(folder string) error {
	vendored := filepath.Join(folder, "kafka", "librdkafka_vendor")
	header, err := os.ReadFile(filepath.Join(vendored, "rdkafka.h"))
	if err != nil {
		return fmt.Errorf("read librdkafka's version: %w", err)
	}
	digits := versionOfKafka.FindSubmatch(header)
	if digits == nil {
		return fmt.Errorf("rdkafka.h does not say the version of librdkafka as it did; look at %s", vendored)
	}
	var numbers []string
	for _, part := range digits[1:] {
		number, err := strconv.ParseUint(string(part), 16, 8)
		if err != nil {
			return fmt.Errorf("read librdkafka's version: %w", err)
		}
		numbers = append(numbers, strconv.FormatUint(number, 10))
	}
	d.addC("librdkafka", strings.Join(numbers, "."), "BSD-2-Clause", "https://github.com/confluentinc/librdkafka", "")
	archive, err := os.ReadFile(filepath.Join(vendored, "librdkafka_glibc_linux_"+archOf(d.arch)+".a"))
	if err != nil {
		return fmt.Errorf("read the archive of librdkafka: %w", err)
	}
	objects, err := objectsOf(archive)
	if err != nil {
		return err
	}
	for _, library := range linked() {
		version := ""
		for _, section := range constantsOf(objects[library.object]) {
			if found := regexp.MustCompile(library.says).FindSubmatch(section); found != nil {
				version = string(found[1])
				break
			}
		}
		if version == "" {
			return fmt.Errorf("the archive of librdkafka does not say the version of %s as it did (%s); look at %s", library.name, library.object, vendored)
		}
		d.addC(library.name, version, library.licence, library.home, library.cpe)
	}
	return nil
}

func (d *document) addC(name, version, licence, home, cpe string) {
	p := &spdx.Package{
		PackageName: name, PackageVersion: version, PackageLicenseDeclared: licence, PackageHomePage: home, PrimaryPackagePurpose: "LIBRARY",
		PackageSourceInfo: "linked statically, from the archive that comes with " + libraryOfC,
	}
	d.add(d.program, "STATIC_LINK", p, "pkg:generic/"+name+"@"+version)
	if cpe != "" {
		p.PackageExternalReferences = append(p.PackageExternalReferences, &spdx.PackageExternalReference{
			Category: "SECURITY", RefType: "cpe23Type", Locator: "cpe:2.3:a:" + cpe + ":" + version + ":*:*:*:*:*:*:*",
		})
	}
}

// archOf is what librdkafka's archives call an architecture: as Go does.
func archOf(machine elf.Machine) string {
	if machine == elf.EM_AARCH64 {
		return "arm64"
	}
	return "amd64"
}

// constantsOf are the read-only data of an object.
func constantsOf(object []byte) [][]byte {
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil // whose version is not found then
	}
	var all [][]byte
	for _, section := range file.Sections {
		if !strings.HasPrefix(section.Name, ".rodata") {
			continue
		}
		if data, err := section.Data(); err == nil {
			all = append(all, data)
		}
	}
	return all
}

// objectsOf splits an archive as GNU's ar writes it: a head of 60 bytes before each member, whose name, where it is long, stands in a table that is
// the member "//". https://www.man7.org/linux/man-pages/man5/ar.5.html
func objectsOf(archive []byte) (map[string][]byte, error) {
	const magic, head = "!<arch>\n", 60
	rest, is := bytes.CutPrefix(archive, []byte(magic))
	if !is {
		return nil, fmt.Errorf("the archive of librdkafka is none")
	}
	objects, names := map[string][]byte{}, ""
	for len(rest) >= head {
		name := strings.TrimRight(string(rest[:16]), " ")
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if err != nil || size < 0 || size > len(rest)-head {
			return nil, fmt.Errorf("the archive of librdkafka is cut off at %q", name)
		}
		data := rest[head : head+size]
		rest = rest[min(len(rest), head+size+size%2):]
		if name == "//" {
			names = string(data)
			continue
		}
		if at, err := strconv.Atoi(strings.TrimPrefix(name, "/")); err == nil && at < len(names) {
			name, _, _ = strings.Cut(names[at:], "\n")
		}
		objects[strings.TrimSuffix(name, "/")] = data
	}
	return objects, nil
}
