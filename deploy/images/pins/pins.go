// Package pins ties the images that the stack is made of to what registries have under their tags: a tag can be given to another image at any time,
// a digest is the image.
package pins

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Image is one that the stack is made of, by the variable that names it: POSTGRES_IMAGE, postgres:17.
type Image struct{ Variable, Reference string }

// Pin is an image with the digest that its tag had: of the index, where there is one for several platforms.
type Pin struct {
	Image

	Digest string // sha256:…
}

func (p Pin) String() string { return p.Variable + "=" + p.Reference + "@" + p.Digest }

var line = regexp.MustCompile(`^([A-Z0-9_]+_IMAGE)=(\S*)$`)

// ReadList reads the images of a file such as env.example: lines NAME_IMAGE=repository:tag. All other lines are passed over.
func ReadList(in io.Reader) ([]Image, error) {
	var images []Image
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		found := line.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		tag, err := name.NewTag(found[2])
		if err != nil || !strings.HasSuffix(found[2], ":"+tag.TagStr()) {
			return nil, fmt.Errorf("%s=%s is no image with a tag, such as postgres:17", found[1], found[2])
		}
		images = append(images, Image{found[1], found[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the images: %w", err)
	}
	if len(images) == 0 {
		return nil, errors.New("the list has no line such as POSTGRES_IMAGE=postgres:17")
	}
	return images, nil
}

// ReadLock reads pins from a file that [WriteLock] has written. A file that is not there has none.
func ReadLock(file string) ([]Pin, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	var pins []Pin
	for text := range strings.Lines(string(text)) {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		variable, pinned, _ := strings.Cut(text, "=")
		reference, digest, _ := strings.Cut(pinned, "@")
		if _, err := name.NewDigest(pinned); err != nil || !line.MatchString(variable+"="+reference) {
			return nil, fmt.Errorf("%s: %q is no pin, such as POSTGRES_IMAGE=postgres:17@sha256:…; remove it and pin again", file, text)
		}
		pins = append(pins, Pin{Image{variable, reference}, digest})
	}
	return pins, nil
}

const lockHead = `# The images that the stack is made of, by what a registry had under their tags: written by make pin, used by deploy/compose/up. Commit it.
`

// WriteLock writes all pins, or leaves the file as it was.
func WriteLock(file string, pins []Pin) error {
	var text strings.Builder
	text.WriteString(lockHead)
	for _, pin := range pins {
		text.WriteString(pin.String() + "\n")
	}
	written, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	defer func() { _ = os.Remove(written.Name()) }() // which is gone where it has become the file
	_, err = written.WriteString(text.String())
	if err := errors.Join(err, written.Chmod(0o644), written.Sync(), written.Close()); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	if err := os.Rename(written.Name(), file); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	return nil
}
