// Package objectstest is the suite that every store of media's bytes passes. What clients do is done by real HTTP, with what the store signed.
package objectstest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/objects"
)

const (
	timeout  = 30 * time.Second
	lifetime = time.Minute
)

// Run runs the suite. All tests have one store, and each a room of its own.
func Run(t *testing.T, store objects.Store) {
	t.Helper()
	client := &http.Client{
		Timeout: timeout, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for name, test := range map[string]func(s *suite, t *testing.T){
		"a form is taken":                                (*suite).testForm,
		"a form takes nothing else":                      (*suite).testFormRefusals,
		"a form holds to its checksum":                   (*suite).testFormChecksum,
		"what is signed ends":                            (*suite).testExpiry,
		"what is sealed stays as it was":                 (*suite).testSeal,
		"an upload in parts is resumed and completed":    (*suite).testParts,
		"a part takes nothing else":                      (*suite).testPartRefusals,
		"parts hold to their checksums":                  (*suite).testPartChecksums,
		"only the parts that were examined are joined":   (*suite).testPartsMismatch,
		"an upload in parts is aborted":                  (*suite).testAbort,
		"a download is named and never runs":             (*suite).testDownload,
		"a download gives nothing else":                  (*suite).testDownloadRefusals,
		"objects are put, read, listed and deleted":      (*suite).testContent,
		"objects are put as a whole or not at all":       (*suite).testPutMismatch,
		"of two uploads at once one is there as a whole": (*suite).testAtOnce,
		"what is no key is refused":                      (*suite).testInvalid,
		"pages of other origins may upload":              (*suite).testOrigins,
		"a call that is given up is no fault":            (*suite).testCanceled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&suite{Store: store, room: uuid.NewString(), client: client}, t)
		})
	}
}

type suite struct {
	objects.Store
	room   string
	client *http.Client
}

// key is one of a new medium.
func (s *suite) key(name string) string { return s.room + "/" + uuid.NewString() + "/" + name }

func digest(content []byte) []byte {
	sum := sha256.Sum256(content)
	return sum[:]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }

func (a answer) refused() bool { return a.status >= 400 && a.status < 500 }

func (s *suite) send(t *testing.T, method, at string, headers map[string]string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, at, bytes.NewReader(body))
	check(t, err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	check(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	check(t, err)
	return answer{response.StatusCode, response.Header, string(content)}
}

func (s *suite) get(t *testing.T, at string) answer {
	t.Helper()
	return s.send(t, http.MethodGet, at, nil, nil)
}

// post sends a form as a browser does.
func (s *suite) post(t *testing.T, form objects.Form, content []byte) answer {
	t.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for _, name := range slices.Sorted(maps.Keys(form.Fields)) {
		check(t, writer.WriteField(name, form.Fields[name]))
	}
	file, err := writer.CreateFormFile("file", `C:\fakepath\picture.png`)
	check(t, err)
	_, err = file.Write(content)
	check(t, err)
	check(t, writer.Close())
	return s.send(t, http.MethodPost, form.URL, map[string]string{"Content-Type": writer.FormDataContentType(), "Origin": "https://app.example.com"}, body.Bytes())
}

func (s *suite) form(t *testing.T, upload objects.Upload) objects.Form {
	t.Helper()
	form, err := s.PresignForm(t.Context(), upload, lifetime)
	check(t, err)
	return form
}

// put puts an object.
func (s *suite) put(t *testing.T, key, kind, content string) objects.Info {
	t.Helper()
	info, err := s.Put(t.Context(), objects.Upload{Key: key, Type: kind, Size: int64(len(content))}, bytes.NewReader([]byte(content)))
	check(t, err)
	return info
}

// read reads a range of an object.
func (s *suite) read(t *testing.T, key string, part objects.Range) string {
	t.Helper()
	content, _, err := s.Open(t.Context(), key, part)
	check(t, err)
	defer content.Close()
	all, err := io.ReadAll(content)
	check(t, err)
	return string(all)
}
