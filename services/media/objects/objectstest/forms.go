package objectstest

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ism-chat/ism/services/media/objects"
)

var content = []byte("no picture, but as good as one")

func (s *suite) upload(sum []byte) objects.Upload {
	return objects.Upload{Key: s.key("upload"), Type: "image/png", Size: int64(len(content)), SHA256: sum}
}

func (s *suite) testForm(t *testing.T) {
	for _, sum := range [][]byte{nil, digest(content)} {
		upload := s.upload(sum)
		got := s.post(t, s.form(t, upload), content)
		if got.status != http.StatusNoContent || got.header.Get("Etag") == "" || got.header.Get("Access-Control-Allow-Origin") == "" {
			t.Fatalf("the form is answered with %s %v", got, got.header)
		}
		info, err := s.Stat(t.Context(), upload.Key)
		check(t, err)
		if info.Key != upload.Key || info.Size != upload.Size || info.Type != upload.Type || info.ETag == "" || time.Since(info.Modified).Abs() > time.Minute {
			t.Errorf("it is %+v", info)
		}
		if info.SHA256 != nil && string(info.SHA256) != string(digest(content)) || sum != nil && s.Capabilities().FormChecksum && info.SHA256 == nil {
			t.Errorf("its checksum is %x", info.SHA256)
		}
		if got := s.read(t, upload.Key, objects.Range{}); got != string(content) {
			t.Errorf("it has %q", got)
		}
	}
}

func (s *suite) testFormRefusals(t *testing.T) {
	if !s.Capabilities().FormLimits {
		t.Fatal("forms are not held to what was signed: the store cannot be used")
	}
	other := s.form(t, s.upload(nil))
	for name, test := range map[string]struct {
		alter   func(fields map[string]string)
		content []byte
	}{
		"smaller":       {func(map[string]string) {}, content[1:]},
		"larger by one": {func(map[string]string) {}, append(content[:len(content):len(content)], 'x')},
		"much larger":   {func(map[string]string) {}, []byte(strings.Repeat("x", 100_000))},
		"empty":         {func(map[string]string) {}, nil},
		"another type":  {func(fields map[string]string) { fields["Content-Type"] = "text/html" }, content},
		"no type":       {func(fields map[string]string) { delete(fields, "Content-Type") }, content},
		"another key":   {func(fields map[string]string) { fields["key"] = other.Fields["key"] }, content},
		"a traversal":   {func(fields map[string]string) { fields["key"] = "../" + fields["key"] }, content},
		"no key":        {func(fields map[string]string) { delete(fields, "key") }, content},
		"a field more":  {func(fields map[string]string) { fields["Content-Disposition"] = "inline" }, content},
		"a redirect":    {func(fields map[string]string) { fields["success_action_redirect"] = "https://evil.example" }, content},
		"another's policy": {func(fields map[string]string) {
			fields["policy"] = other.Fields["policy"]
		}, content},
		"a longer policy": {func(fields map[string]string) {
			decoded, err := base64.StdEncoding.DecodeString(fields["policy"])
			check(t, err)
			year := time.Now().UTC().Format("2006") // the expiry stands first; a directory's is in seconds
			later := strings.Replace(strings.Replace(string(decoded), year, "2999", 1), `"expires":1`, `"expires":9`, 1)
			if later == string(decoded) {
				t.Fatalf("nothing was altered in %s", decoded)
			}
			fields["policy"] = base64.StdEncoding.EncodeToString([]byte(later))
		}, content},
		"no policy": {func(fields map[string]string) { delete(fields, "policy") }, content},
		"another signature": {func(fields map[string]string) {
			for name, value := range fields {
				if strings.HasSuffix(name, "signature") {
					fields[name] = strings.Repeat("a", len(value))
				}
			}
		}, content},
		"nothing signed": {func(fields map[string]string) {
			maps.DeleteFunc(fields, func(name, _ string) bool { return name != "key" && name != "Content-Type" })
		}, content},
	} {
		t.Run(name, func(t *testing.T) {
			upload := s.upload(nil)
			form := s.form(t, upload)
			test.alter(form.Fields)
			if got := s.post(t, form, test.content); !got.refused() || !strings.Contains(got.body, "<Code>") {
				t.Errorf("it is answered with %s", got)
			}
			if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
				t.Errorf("the object is told as %v", err)
			}
		})
	}
	if _, err := s.Stat(t.Context(), other.Fields["key"]); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("the other object is told as %v", err)
	}
}

func (s *suite) testFormChecksum(t *testing.T) {
	upload := s.upload(digest(content))
	evil := []byte(strings.ToUpper(string(content)))
	got := s.post(t, s.form(t, upload), evil)
	if s.Capabilities().FormChecksum != got.refused() {
		t.Fatalf("another content is answered with %s, and the store says %+v", got, s.Capabilities())
	}
	if !s.Capabilities().FormChecksum {
		return
	}
	form := s.form(t, upload)
	for name := range form.Fields {
		if strings.HasPrefix(name, "x-amz-checksum") {
			delete(form.Fields, name)
		}
	}
	if got := s.post(t, form, evil); !got.refused() {
		t.Errorf("another content without a checksum is answered with %s", got)
	}
	if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("the object is told as %v", err)
	}
}

// testExpiry signs for a second, and tries until that is over.
func (s *suite) testExpiry(t *testing.T) {
	upload := s.upload(nil)
	form, err := s.PresignForm(t.Context(), upload, time.Second)
	check(t, err)
	part := objects.PartUpload{Key: s.key("original"), Number: 1, Size: int64(len(content))}
	part.UploadID, err = s.BeginParts(t.Context(), objects.Upload{Key: part.Key, Type: "image/png", Size: part.Size})
	check(t, err)
	signed, err := s.PresignPart(t.Context(), part, time.Second)
	check(t, err)
	key := s.key("original")
	s.put(t, key, "image/png", string(content))
	download, err := s.PresignGet(t.Context(), key, objects.Download{Type: "image/png"}, time.Second)
	check(t, err)
	for name, request := range map[string]func() answer{
		"form":     func() answer { return s.post(t, form, content) },
		"part":     func() answer { return s.send(t, signed.Method, signed.URL, signed.Headers, content) },
		"download": func() answer { return s.get(t, download) },
	} {
		t.Run(name, func(t *testing.T) {
			poll := time.NewTicker(100 * time.Millisecond)
			defer poll.Stop()
			for end := time.Now().Add(timeout); ; <-poll.C {
				got := request()
				if got.refused() {
					return
				}
				if got.status/100 != 2 || time.Now().After(end) {
					t.Fatalf("it is answered with %s", got)
				}
			}
		})
	}
	check(t, s.AbortParts(t.Context(), part.Key, part.UploadID))
}

func (s *suite) testSeal(t *testing.T) {
	upload := s.upload(nil)
	evil := []byte(strings.ToUpper(string(content)))
	sealed := strings.Replace(upload.Key, "/upload", "/original", 1)
	form := s.form(t, upload)
	post := func(content []byte) {
		t.Helper()
		if got := s.post(t, form, content); got.status != http.StatusNoContent {
			t.Fatalf("the form is answered with %s", got)
		}
	}
	if _, err := s.Seal(t.Context(), upload.Key, sealed, "1"); !errors.Is(err, objects.ErrNotFound) {
		t.Fatalf("what is not there is sealed with %v", err)
	}
	post(content)
	examined, err := s.Stat(t.Context(), upload.Key)
	check(t, err)
	post(evil) // a form can be used again
	if _, err := s.Seal(t.Context(), upload.Key, sealed, examined.ETag); !errors.Is(err, objects.ErrMismatch) {
		t.Fatalf("what was replaced is sealed with %v", err)
	}
	if _, err := s.Stat(t.Context(), sealed); !errors.Is(err, objects.ErrNotFound) {
		t.Fatalf("the sealed object is told as %v", err)
	}
	post(content)
	for range 2 { // as after a crash
		info, err := s.Seal(t.Context(), upload.Key, sealed, examined.ETag)
		check(t, err)
		if info.Key != sealed || info.Size != upload.Size || info.Type != upload.Type {
			t.Errorf("the sealed object is %+v", info)
		}
		if _, err := s.Stat(t.Context(), upload.Key); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("what was uploaded is told as %v", err)
		}
	}
	post(evil) // until it has expired
	if got := s.read(t, sealed, objects.Range{}); got != string(content) {
		t.Errorf("what was sealed has become %q", got)
	}
	listed, err := s.List(t.Context(), strings.TrimSuffix(upload.Key, "upload"), "", 10)
	check(t, err)
	if len(listed) != 2 {
		t.Errorf("of the medium there are %+v", listed) // what goes with it
	}
}
