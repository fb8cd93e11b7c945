package objectstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ism-chat/ism/services/media/objects"
)

func (s *suite) testDownload(t *testing.T) {
	for _, test := range []struct {
		download    objects.Download
		stored      string
		kind        string
		disposition string
		name        string
	}{
		{objects.Download{FileName: "picture.png", Type: "image/png", Inline: true}, "image/png", "image/png", "inline", "picture.png"},
		{objects.Download{FileName: "Grüße, 东京 & \"1\".png", Type: "image/png"}, "image/png", "image/png", "attachment", "Grüße, 东京 & _1_.png"},
		{objects.Download{FileName: "evil.html", Type: "text/html", Inline: true}, "text/html", "application/octet-stream", "attachment", "evil.html"},
		{objects.Download{FileName: "evil.svg", Type: "image/svg+xml", Inline: true}, "image/svg+xml", "application/octet-stream", "attachment", "evil.svg"},
	} {
		key := s.key("original")
		s.put(t, key, test.stored, "<script>alert(1)</script>")
		at, err := s.PresignGet(t.Context(), key, test.download, lifetime)
		check(t, err)
		got := s.send(t, http.MethodGet, at, map[string]string{"Origin": "https://app.example.com"}, nil)
		disposition, parameters, err := mime.ParseMediaType(got.header.Get("Content-Disposition"))
		check(t, err)
		if got.status != http.StatusOK || got.body != "<script>alert(1)</script>" || got.header.Get("Content-Type") != test.kind ||
			disposition != test.disposition || parameters["filename"] != test.name {
			t.Errorf("%+v is %s, %v", test.download, got, got.header)
		}
		if got.header.Get("Access-Control-Allow-Origin") == "" || !strings.HasPrefix(got.header.Get("Cache-Control"), "private") || got.header.Get("Etag") == "" {
			t.Errorf("it has %v", got.header)
		}
		part := s.send(t, http.MethodGet, at, map[string]string{"Range": "bytes=1-6"}, nil)
		if part.status != http.StatusPartialContent || part.body != "script" || part.header.Get("Content-Range") != "bytes 1-6/25" {
			t.Errorf("a range is %s, %v", part, part.header)
		}
		known := s.send(t, http.MethodGet, at, map[string]string{"If-None-Match": got.header.Get("Etag")}, nil)
		if known.status != http.StatusNotModified {
			t.Errorf("what is known is %s", known)
		}
	}
}

func (s *suite) testDownloadRefusals(t *testing.T) {
	key, other := s.key("original"), s.key("original")
	s.put(t, key, "text/html", "<script>alert(1)</script>")
	s.put(t, other, "image/png", "secret")
	at, err := s.PresignGet(t.Context(), key, objects.Download{FileName: "a.html", Type: "text/html"}, lifetime)
	check(t, err)
	bare, _, _ := strings.Cut(at, "?")
	for name, altered := range map[string]string{
		"another key":         strings.Replace(at, key, other, 1),
		"a traversal":         strings.Replace(at, key, key+"/../../../"+other, 1),
		"another type":        strings.Replace(at, "application%2Foctet-stream", "text%2Fhtml", 1),
		"another disposition": strings.Replace(at, "attachment", "inline", 1),
		"longer life":         strings.Replace(at, "xpires=", "xpires=9", 1),
		"a type more":         at + "&response-content-type=text%2Fhtml",
		"nothing signed":      bare,
		"a listing":           strings.TrimSuffix(bare, key),
	} {
		if altered == at {
			t.Fatalf("%s: nothing was altered in %s", name, at)
		}
		if got := s.get(t, altered); !got.refused() || strings.Contains(got.body, "script>") || strings.Contains(got.body, "secret") {
			t.Errorf("%s: it is answered with %s", name, got)
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodPost} {
		if got := s.send(t, method, at, nil, []byte{}); !got.refused() {
			t.Errorf("%s: it is answered with %s", method, got)
		}
	}
	absent, err := s.PresignGet(t.Context(), s.key("original"), objects.Download{Type: "image/png"}, lifetime)
	check(t, err)
	if got := s.get(t, absent); got.status != http.StatusNotFound {
		t.Errorf("what is not there is answered with %s", got)
	}
}

func (s *suite) testContent(t *testing.T) {
	var keys []string
	for i := range 5 {
		medium := fmt.Sprintf("%s/00000000-0000-4000-8000-00000000000%d/", s.room, i)
		for _, name := range []string{"1024.jpg", "256.jpg", "original"} {
			keys = append(keys, medium+name)
		}
	}
	sum := digest([]byte("0123456789"))
	for _, key := range keys {
		info, err := s.Put(t.Context(), objects.Upload{Key: key, Type: "image/jpeg", Size: 10, SHA256: sum}, strings.NewReader("0123456789"))
		check(t, err)
		stat, err := s.Stat(t.Context(), key)
		check(t, err)
		if stat.Key != key || stat.Size != 10 || stat.Type != "image/jpeg" || stat.ETag != info.ETag || string(stat.SHA256) != string(sum) {
			t.Errorf("it is %+v", stat)
		}
	}
	for part, want := range map[objects.Range]string{
		{}: "0123456789", {Length: 4}: "0123", {Offset: 4}: "456789", {Offset: 4, Length: 2}: "45", {Offset: 8, Length: 9}: "89", {Offset: 10}: "", {Offset: 99, Length: 1}: "",
	} {
		if got := s.read(t, keys[0], part); got != want {
			t.Errorf("%+v is %q", part, got)
		}
	}
	var listed []string
	for after := ""; ; after = listed[len(listed)-1] {
		page, err := s.List(t.Context(), s.room+"/", after, 4)
		check(t, err)
		for _, info := range page {
			if info.Size != 10 || info.Modified.IsZero() {
				t.Errorf("listed is %+v", info)
			}
			listed = append(listed, info.Key)
		}
		if len(page) < 4 {
			break
		}
	}
	if strings.Join(listed, " ") != strings.Join(keys, " ") {
		t.Errorf("listed are %v", listed)
	}
	s.put(t, keys[0], "image/png", "replaced")
	if got := s.read(t, keys[0], objects.Range{}); got != "replaced" {
		t.Errorf("it has %q", got)
	}
	medium, err := s.List(t.Context(), strings.TrimSuffix(keys[3], "1024.jpg"), keys[3], 10)
	check(t, err)
	if len(medium) != 2 || medium[0].Key != keys[4] {
		t.Errorf("of one medium there are %+v", medium)
	}
	check(t, s.Delete(t.Context(), keys[0]))
	check(t, s.Delete(t.Context(), keys...)) // also the one that is not there
	check(t, s.Delete(t.Context(), keys[0]))
	check(t, s.Delete(t.Context()))
	if _, _, err := s.Open(t.Context(), keys[0], objects.Range{}); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("to open it is told as %v", err)
	}
	left, err := s.List(t.Context(), s.room+"/", "", 10)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("left are %+v", left)
	}
}

func (s *suite) testPutMismatch(t *testing.T) {
	key := s.key("original")
	s.put(t, key, "image/png", "before")
	for name, test := range map[string]struct {
		size    int64
		sum     []byte
		content string
	}{
		"smaller":          {10, nil, "012345678"},
		"larger":           {10, nil, "0123456789a"},
		"another checksum": {10, digest([]byte("9876543210")), "0123456789"},
	} {
		_, err := s.Put(t.Context(), objects.Upload{Key: key, Type: "image/png", Size: test.size, SHA256: test.sum}, strings.NewReader(test.content))
		if !errors.Is(err, objects.ErrMismatch) {
			t.Errorf("%s: it is told as %v", name, err)
		}
	}
	if got := s.read(t, key, objects.Range{}); got != "before" {
		t.Errorf("it has become %q", got)
	}
}

func (s *suite) testAtOnce(t *testing.T) {
	upload := objects.Upload{Key: s.key("upload"), Type: "image/png", Size: 1 << 20}
	form := s.form(t, upload)
	var running sync.WaitGroup
	for i := range 6 {
		running.Go(func() {
			if got := s.post(t, form, bytes.Repeat([]byte{byte('a' + i)}, 1<<20)); got.status != http.StatusNoContent && got.status != http.StatusConflict {
				t.Errorf("it is answered with %s", got)
			}
		})
	}
	running.Wait()
	got := s.read(t, upload.Key, objects.Range{})
	if len(got) != 1<<20 || strings.Count(got, got[:1]) != len(got) {
		t.Errorf("it has %d bytes of more than one", len(got))
	}
}

func (s *suite) testInvalid(t *testing.T) {
	ctx, good := t.Context(), s.key("original")
	for _, key := range []string{
		"", "a", good + "/more", "../" + good, "/" + good, good + "\x00", strings.ToUpper(good), s.room + "/../" + good, strings.Replace(good, "original", "..", 1),
		strings.Replace(good, "original", "", 1), strings.Replace(good, "original", ".hidden", 1), strings.Replace(good, "original", "%2e", 1),
		strings.Replace(good, "original", strings.Repeat("a", 300), 1), strings.Replace(good, "original", "or\"iginal", 1), strings.Replace(good, "/", `\`, 2), good + "\n",
	} {
		upload := objects.Upload{Key: key, Type: "image/png", Size: 1}
		for name, do := range map[string]func() error{
			"PresignForm": func() error { _, err := s.PresignForm(ctx, upload, lifetime); return err },
			"PresignPart": func() error {
				_, err := s.PresignPart(ctx, objects.PartUpload{Key: key, UploadID: "1", Number: 1, Size: 1}, lifetime)
				return err
			},
			"PresignGet":    func() error { _, err := s.PresignGet(ctx, key, objects.Download{}, lifetime); return err },
			"BeginParts":    func() error { _, err := s.BeginParts(ctx, upload); return err },
			"Parts":         func() error { _, err := s.Parts(ctx, key, "1"); return err },
			"CompleteParts": func() error { return s.CompleteParts(ctx, key, "1", []objects.Part{{Number: 1}}) },
			"AbortParts":    func() error { return s.AbortParts(ctx, key, "1") },
			"Stat":          func() error { _, err := s.Stat(ctx, key); return err },
			"Open":          func() error { _, _, err := s.Open(ctx, key, objects.Range{}); return err },
			"Put":           func() error { _, err := s.Put(ctx, upload, strings.NewReader("1")); return err },
			"Delete":        func() error { return s.Delete(ctx, good, key) },
			"Seal from":     func() error { _, err := s.Seal(ctx, key, good, "1"); return err },
			"Seal to":       func() error { _, err := s.Seal(ctx, good, key, "1"); return err },
		} {
			if err := do(); !errors.Is(err, objects.ErrInvalid) {
				t.Errorf("%s of %q is told as %v", name, key, err)
			}
		}
	}
	for name, upload := range map[string]objects.Upload{
		"no size": {Type: "image/png"}, "less than nothing": {Type: "image/png", Size: -1}, "no type": {Size: 1}, "a type with parameters": {Type: "text/html; charset=x", Size: 1},
		"a type with quotes": {Type: `image/"png`, Size: 1}, "a type of two lines": {Type: "image/png\r\nX: y", Size: 1}, "a short checksum": {Type: "image/png", Size: 1, SHA256: []byte("x")},
	} {
		upload.Key = good
		if _, err := s.PresignForm(ctx, upload, lifetime); !errors.Is(err, objects.ErrInvalid) {
			t.Errorf("%s is told as %v", name, err)
		}
	}
	if _, err := s.PresignForm(ctx, objects.Upload{Key: good, Type: "image/png", Size: 1}, 2*objects.MaxFormLifetime); !errors.Is(err, objects.ErrInvalid) {
		t.Errorf("a long life is told as %v", err)
	}
	if _, err := s.List(ctx, "", "", 0); !errors.Is(err, objects.ErrInvalid) {
		t.Errorf("a listing of none is told as %v", err)
	}
}

func (s *suite) testOrigins(t *testing.T) {
	if !s.Capabilities().CORS {
		t.Fatal("the store lets no pages upload")
	}
	form := s.form(t, s.upload(nil))
	part := s.sign(t, objects.PartUpload{Key: s.key("original"), UploadID: "3f2a7a3e-0000-4000-8000-000000000000", Number: 1, Size: 1, SHA256: digest(nil)})
	for method, at := range map[string]string{http.MethodPost: form.URL, part.Method: part.URL} {
		got := s.send(t, http.MethodOptions, at, map[string]string{
			"Origin": "https://app.example.com", "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type,x-amz-checksum-sha256",
		}, nil)
		if got.status/100 != 2 || got.header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(got.header.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("%s: the browser's question is answered with %s %v", method, got, got.header)
		}
		if got.header.Get("Access-Control-Allow-Credentials") == "true" && got.header.Get("Access-Control-Allow-Origin") == "*" {
			t.Errorf("%s: cookies of any origin are wanted", method)
		}
	}
}

func (s *suite) testCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, objects.Upload{Key: s.key("original"), Type: "image/png", Size: 1}, strings.NewReader("1"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("it is told as %v", err)
	}
}
