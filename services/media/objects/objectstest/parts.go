package objectstest

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ism-chat/ism/services/media/objects"
)

// begin begins an upload in parts, which is aborted at the end of the test.
func (s *suite) begin(t *testing.T, upload objects.Upload) (id string) {
	t.Helper()
	id, err := s.BeginParts(t.Context(), upload)
	check(t, err)
	return id
}

func (s *suite) sign(t *testing.T, part objects.PartUpload) objects.Request {
	t.Helper()
	signed, err := s.PresignPart(t.Context(), part, lifetime)
	check(t, err)
	return signed
}

func (s *suite) sendPart(t *testing.T, signed objects.Request, content []byte) answer {
	t.Helper()
	return s.send(t, signed.Method, signed.URL, signed.Headers, content)
}

// putPart uploads a part that is taken.
func (s *suite) putPart(t *testing.T, key, id string, number int, content []byte) objects.Request {
	t.Helper()
	signed := s.sign(t, objects.PartUpload{Key: key, UploadID: id, Number: number, Size: int64(len(content))})
	if got := s.sendPart(t, signed, content); got.status != http.StatusOK || got.header.Get("Etag") == "" {
		t.Fatalf("part %d is answered with %s", number, got)
	}
	return signed
}

func numbers(parts []objects.Part) (all []int) {
	for _, part := range parts {
		all = append(all, part.Number)
	}
	return all
}

func (s *suite) testParts(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789abcdef"), 2*objects.MinPartSize/16)
	whole = append(whole, "the end"...)
	upload := objects.Upload{Key: s.key("original"), Type: "video/mp4", Size: int64(len(whole))}
	id := s.begin(t, upload)
	first, last := whole[:objects.MinPartSize], whole[2*objects.MinPartSize:]
	s.putPart(t, upload.Key, id, 1, first)
	s.putPart(t, upload.Key, id, 3, last)
	has, err := s.Parts(t.Context(), upload.Key, id)
	check(t, err)
	if !slices.Equal(numbers(has), []int{1, 3}) || has[0].Size != objects.MinPartSize || has[1].Size != int64(len(last)) {
		t.Fatalf("it has %+v", has)
	}
	if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("before it is completed the object is told as %v", err)
	}
	s.putPart(t, upload.Key, id, 2, first) // wrong
	s.putPart(t, upload.Key, id, 2, whole[objects.MinPartSize:2*objects.MinPartSize])
	has, err = s.Parts(t.Context(), upload.Key, id)
	check(t, err)
	late := s.sign(t, objects.PartUpload{Key: upload.Key, UploadID: id, Number: 2, Size: int64(len(content))})
	check(t, s.CompleteParts(t.Context(), upload.Key, id, has))
	info, err := s.Stat(t.Context(), upload.Key)
	check(t, err)
	if info.Size != upload.Size || info.Type != upload.Type || info.SHA256 != nil && string(info.SHA256) != string(digest(whole)) {
		t.Errorf("it is %+v", info)
	}
	if got := s.read(t, upload.Key, objects.Range{}); got != string(whole) {
		t.Errorf("it has %d other bytes", len(got))
	}
	if got := s.sendPart(t, late, content); got.status != http.StatusNotFound {
		t.Errorf("a part after the end is answered with %s", got)
	}
	if err := s.CompleteParts(t.Context(), upload.Key, id, has); err != nil && !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("to complete it again is told as %v", err)
	}
	if got := s.read(t, upload.Key, objects.Range{Offset: upload.Size - 7}); got != "the end" {
		t.Errorf("it ends with %q", got)
	}
}

func (s *suite) testPartRefusals(t *testing.T) {
	part := objects.PartUpload{Key: s.key("original"), Number: 1, Size: int64(len(content))}
	part.UploadID = s.begin(t, objects.Upload{Key: part.Key, Type: "image/png", Size: part.Size})
	defer func() { check(t, s.AbortParts(t.Context(), part.Key, part.UploadID)) }()
	replaced := func(old, with string) objects.Request {
		signed := s.sign(t, part)
		signed.URL = strings.Replace(signed.URL, old, with, 1)
		return signed
	}
	for name, test := range map[string]struct {
		signed  objects.Request
		content []byte
	}{
		"another number": {replaced("partNumber=1", "partNumber=2"), content},
		"another key":    {replaced("/original", "/upload"), content},
		"another upload": {replaced(part.UploadID, strings.Repeat("0", len(part.UploadID))), content},
		"no upload":      {s.sign(t, objects.PartUpload{Key: part.Key, UploadID: "3f2a7a3e-0000-4000-8000-000000000000", Number: 1, Size: part.Size}), content},
		"another method": {objects.Request{Method: http.MethodGet, URL: s.sign(t, part).URL}, nil},
		"longer life":    {replaced("xpires=", "xpires=9"), content},
	} {
		if got := s.sendPart(t, test.signed, test.content); !got.refused() {
			t.Errorf("%s: it is answered with %s", name, got)
		}
	}
	if s.Capabilities().PartSize {
		for name, sent := range map[string][]byte{"larger": append(content[:len(content):len(content)], 'x'), "smaller": content[1:], "empty": nil} {
			if got := s.sendPart(t, s.sign(t, part), sent); !got.refused() {
				t.Errorf("%s: it is answered with %s", name, got)
			}
		}
	}
	has, err := s.Parts(t.Context(), part.Key, part.UploadID)
	check(t, err)
	if len(has) > 0 {
		t.Errorf("it has %+v", has)
	}
}

func (s *suite) testPartChecksums(t *testing.T) {
	upload := objects.Upload{Key: s.key("original"), Type: "image/png", Size: int64(len(content)), PartChecksums: true}
	part := objects.PartUpload{Key: upload.Key, UploadID: s.begin(t, upload), Number: 1, Size: upload.Size, SHA256: digest(content)}
	evil := []byte(strings.ToUpper(string(content)))
	got := s.sendPart(t, s.sign(t, part), evil)
	if got.refused() != s.Capabilities().PartChecksum {
		t.Fatalf("another content is answered with %s, and the store says %+v", got, s.Capabilities())
	}
	unsummed := s.sign(t, part)
	unsummed.Headers = nil
	if got := s.sendPart(t, unsummed, evil); s.Capabilities().PartChecksum && !got.refused() {
		t.Errorf("another content without a checksum is answered with %s", got)
	}
	if got := s.sendPart(t, s.sign(t, part), content); got.status != http.StatusOK {
		t.Fatalf("the content is answered with %s", got)
	}
	has, err := s.Parts(t.Context(), upload.Key, part.UploadID)
	check(t, err)
	if len(has) != 1 || s.Capabilities().PartChecksum && string(has[0].SHA256) != string(part.SHA256) {
		t.Fatalf("it has %+v", has)
	}
	check(t, s.CompleteParts(t.Context(), upload.Key, part.UploadID, has))
	if got := s.read(t, upload.Key, objects.Range{}); got != string(content) {
		t.Errorf("it has %q", got)
	}
}

func (s *suite) testPartsMismatch(t *testing.T) {
	key := s.key("original")
	id := s.begin(t, objects.Upload{Key: key, Type: "image/png", Size: 2 * int64(len(content))})
	s.putPart(t, key, id, 1, content)
	examined, err := s.Parts(t.Context(), key, id)
	check(t, err)
	s.putPart(t, key, id, 1, bytes.ToUpper(content))
	for name, parts := range map[string][]objects.Part{
		"a part that was replaced": examined,
		"a part that is not there": {{Number: 2, ETag: examined[0].ETag}},
	} {
		if err := s.CompleteParts(t.Context(), key, id, parts); !errors.Is(err, objects.ErrMismatch) {
			t.Errorf("%s is told as %v", name, err)
		}
	}
	s.putPart(t, key, id, 2, content)
	small, err := s.Parts(t.Context(), key, id)
	check(t, err)
	if err := s.CompleteParts(t.Context(), key, id, small); !errors.Is(err, objects.ErrMismatch) {
		t.Errorf("a first part that is too small is told as %v", err)
	}
	for _, parts := range [][]objects.Part{nil, {small[1], small[0]}, {small[0], small[0]}} {
		if err := s.CompleteParts(t.Context(), key, id, parts); !errors.Is(err, objects.ErrInvalid) {
			t.Errorf("%v are told as %v", numbers(parts), err)
		}
	}
	check(t, s.CompleteParts(t.Context(), key, id, small[:1]))
	if got := s.read(t, key, objects.Range{}); got != string(bytes.ToUpper(content)) {
		t.Errorf("it has %q", got)
	}
}

func (s *suite) testAbort(t *testing.T) {
	key := s.key("original")
	upload := objects.Upload{Key: key, Type: "image/png", Size: int64(len(content))}
	id, other := s.begin(t, upload), s.begin(t, upload)
	signed := s.putPart(t, key, id, 1, content)
	if s.Capabilities().ListsUploads {
		all, err := s.Unfinished(t.Context(), s.room+"/", "", 10)
		check(t, err)
		if len(all) != 2 || all[0].Key != key || all[0].Begun.IsZero() || all[0].UploadID != id && all[1].UploadID != id {
			t.Errorf("unfinished are %+v", all)
		}
		one, err := s.Unfinished(t.Context(), s.room+"/", "", 1)
		check(t, err)
		rest, err := s.Unfinished(t.Context(), s.room+"/", key, 10)
		check(t, err)
		if len(one) != 1 || len(rest) != 0 {
			t.Errorf("unfinished are %+v and then %+v", one, rest)
		}
	}
	for range 2 {
		check(t, s.AbortParts(t.Context(), key, id))
	}
	if _, err := s.Parts(t.Context(), key, id); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("its parts are told as %v", err)
	}
	if got := s.sendPart(t, signed, content); got.status != http.StatusNotFound {
		t.Errorf("a part of it is answered with %s", got)
	}
	if err := s.CompleteParts(t.Context(), key, id, []objects.Part{{Number: 1, ETag: strings.Repeat("0", 32)}}); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("to complete it is told as %v", err)
	}
	s.putPart(t, key, other, 1, content)
	check(t, s.AbortParts(t.Context(), key, other))
	if s.Capabilities().ListsUploads {
		all, err := s.Unfinished(t.Context(), s.room+"/", "", 10)
		check(t, err)
		if len(all) != 0 {
			t.Errorf("unfinished are still %+v", all)
		}
	}
}
