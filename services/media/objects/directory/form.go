package directory

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/ism-chat/ism/services/media/objects"
)

// What a form may have besides its content.
const (
	maxFields    = 20
	maxFieldSize = 8 << 10
)

// canonical are fields by their names in small letters, as S3 takes them.
func canonical(fields map[string]string) map[string]string {
	small := make(map[string]string, len(fields))
	for name, value := range fields {
		small[strings.ToLower(name)] = value
	}
	return small
}

// postForm takes an upload by a form (AWS, "POST Object"): fields, then the content, of which nothing is kept in memory.
func (s *Store) postForm(_ http.ResponseWriter, r *http.Request) (string, error) {
	at, err := s.opened()
	if err != nil {
		return "", err
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return "", errMalformed
	}
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	fields, content, err := readFields(parts)
	if err != nil {
		return "", err
	}
	signed, err := s.verifyForm(at, fields)
	if err != nil {
		return "", err
	}
	// What surrounds the content is small: of a request that is larger nothing more need be read.
	if r.ContentLength > signed.Size+maxFields*maxFieldSize {
		return "", errTooLarge
	}
	counted := &counting{content: content}
	info, err := s.put(r.Context(), objects.Upload{Key: signed.Key, Type: signed.Type, Size: signed.Size, SHA256: signed.SHA256}, counted)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "", errMalformed
	}
	return info.ETag, contentError(err, counted.read-signed.Size)
}

// readFields reads up to the content.
func readFields(parts *multipart.Reader) (fields map[string]string, content io.Reader, err error) {
	fields = map[string]string{}
	for range maxFields + 1 {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, nil, malformed(err)
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			return fields, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldSize+1))
		if err != nil {
			return nil, nil, malformed(err)
		}
		if _, twice := fields[name]; twice || name == "" || len(value) > maxFieldSize {
			return nil, nil, errMalformed
		}
		fields[name] = string(value)
	}
	return nil, nil, errMalformed
}

// malformed tells a form that is none from a connection that broke.
func malformed(err error) error {
	if _, timeout := errors.AsType[interface {
		error
		Timeout() bool
	}](err); timeout {
		return err
	}
	return errMalformed
}

// counting counts what is read.
type counting struct {
	content io.Reader
	read    int64
}

// Read implements [io.Reader].
func (c *counting) Read(into []byte) (int, error) {
	n, err := c.content.Read(into)
	c.read += int64(n)
	return n, err //nolint:wrapcheck // the content's own
}
