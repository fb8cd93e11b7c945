package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/services/media/objects"
)

// What the probe uploads: the content that it signs, one of the same size, and one of another.
const (
	probeType = "text/plain"
	signed    = "good"
	altered   = "evil"
	longer    = "goods"
)

// probe finds out what the object store does, by signed requests as clients make them, with objects of a few bytes under a room of no one, which
// it deletes. The error is that of a store that could not be asked.
func (s *Store) probe(ctx context.Context) (found objects.Capabilities, err error) {
	defer s.metrics.Observe("probe")(&err)
	p := probing{store: s, key: fmt.Sprintf("%s/%s/probe", uuid.Nil, uuid.NewString())}
	defer func() {
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		if deleted := s.Delete(cleaning, p.key); err == nil {
			err = deleted
		}
	}()
	for _, look := range []func(context.Context) error{p.forms, p.parts, p.origins, p.expiry} {
		if err := look(ctx); err != nil {
			return objects.Capabilities{}, err
		}
	}
	return p.found, nil
}

type probing struct {
	store *Store
	key   string
	found objects.Capabilities
}

func sum(content string) []byte {
	digest := sha256.Sum256([]byte(content))
	return digest[:]
}

// forms tries what a form takes.
func (p *probing) forms(ctx context.Context) error {
	upload := objects.Upload{Key: p.key, Type: probeType, Size: int64(len(signed)), SHA256: sum(signed)}
	takes := func(upload objects.Upload, content string, alter func(fields map[string]string)) (bool, error) {
		form, err := signForm(ctx, p.store.inside.Client, p.store.cfg.Bucket, upload, time.Minute)
		if err != nil {
			return false, err
		}
		alter(form.Fields)
		return p.post(ctx, form, content)
	}
	as := func(map[string]string) {}
	good, err := takes(upload, signed, as)
	if err != nil {
		return err
	}
	if good {
		evil, err := takes(upload, altered, as)
		if err != nil {
			return err
		}
		p.found.FormChecksum = !evil
	}
	upload.SHA256 = nil
	if good, err = takes(upload, signed, as); err != nil || !good {
		return err // it takes no forms
	}
	held := true
	for _, test := range []struct {
		content string
		alter   func(fields map[string]string)
	}{
		{longer, as},
		{signed[1:], as},
		{signed, func(fields map[string]string) { fields["Content-Type"] = "text/html" }},
		{signed, func(fields map[string]string) { fields["key"] += "-2" }},
	} {
		took, err := takes(upload, test.content, test.alter)
		if err != nil {
			return err
		}
		held = held && !took
	}
	p.found.FormLimits = held
	return nil
}

// parts tries what a signed part takes, and whether the upload is listed.
func (p *probing) parts(ctx context.Context) error {
	s := p.store
	upload := objects.Upload{Key: p.key, Type: probeType, Size: int64(len(signed))}
	for _, upload.PartChecksums = range []bool{false, true} {
		id, err := s.BeginParts(ctx, upload)
		if err != nil {
			return err
		}
		err = p.part(ctx, id, upload.PartChecksums)
		cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		if aborted := s.AbortParts(cleaning, p.key, id); err == nil {
			err = aborted
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *probing) part(ctx context.Context, id string, checksums bool) error {
	part := objects.PartUpload{Key: p.key, UploadID: id, Number: 1, Size: int64(len(signed))}
	if checksums {
		part.SHA256 = sum(signed)
	}
	takes := func(content string, sized bool) (bool, error) {
		request, err := signPart(ctx, p.store.inside.Client, p.store.cfg.Bucket, part, sized, time.Minute)
		if err != nil {
			return false, err
		}
		return p.send(ctx, request, content)
	}
	if checksums {
		good, err := takes(signed, p.found.PartSize)
		if err != nil || !good {
			return err
		}
		evil, err := takes(altered, p.found.PartSize)
		p.found.PartChecksum = !evil && err == nil
		return err
	}
	good, err := takes(signed, true)
	if err != nil {
		return err
	}
	long, err := takes(longer, true)
	if err != nil {
		return err
	}
	p.found.PartSize = good && !long
	unfinished, err := p.store.Unfinished(ctx, uuid.Nil.String()+"/", "", objects.MaxListed)
	p.found.ListsUploads = err == nil && slices.ContainsFunc(unfinished, func(u objects.Unfinished) bool { return u.UploadID == id })
	return ctx.Err() //nolint:wrapcheck // a store that does not list uploads is one
}

// origins asks as a browser does before it uploads from a page of another origin (Fetch, CORS-preflight).
func (p *probing) origins(ctx context.Context) error {
	p.found.CORS = true
	for _, origin := range p.store.cfg.CORSOrigins {
		allowed, err := Allows(ctx, p.store.plain, p.store.inside.EndpointURL().String()+"/"+p.store.cfg.Bucket+"/", origin)
		if err != nil {
			return explained("ask which origins are allowed", err)
		}
		p.found.CORS = p.found.CORS && allowed
	}
	return nil
}

// Allows reports whether the bucket at an address lets pages of an origin upload to it. The origin * stands for any.
func Allows(ctx context.Context, client *http.Client, bucket, origin string) (bool, error) {
	return allows(ctx, client, bucket, origin, http.MethodPost, http.MethodPut)
}

// AllowsDownloads reports whether the bucket at an address lets pages of an origin read what they download from it.
func AllowsDownloads(ctx context.Context, client *http.Client, bucket, origin string) (bool, error) {
	return allows(ctx, client, bucket, origin, http.MethodGet)
}

func allows(ctx context.Context, client *http.Client, bucket, origin string, methods ...string) (bool, error) {
	if origin == "*" {
		origin = "https://any.example"
	}
	for _, method := range methods {
		request, err := http.NewRequestWithContext(ctx, http.MethodOptions, bucket, nil)
		if err != nil {
			return false, err //nolint:wrapcheck // the caller's address
		}
		request.Header.Set("Origin", origin)
		request.Header.Set("Access-Control-Request-Method", method)
		answer, err := client.Do(request)
		if err != nil {
			return false, err //nolint:wrapcheck // explained by the caller
		}
		drain(answer)
		allowed := answer.Header.Get("Access-Control-Allow-Origin")
		if answer.StatusCode/100 != 2 || allowed != origin && allowed != "*" {
			return false, nil
		}
	}
	return true, nil
}

// expiry sees whether the bucket deletes unfinished uploads itself. Who may not read that does not know.
func (p *probing) expiry(ctx context.Context) error {
	has, err := p.store.lifecycle(ctx)
	p.found.ExpireUploads = err == nil && expires(has)
	return ctx.Err() //nolint:wrapcheck // a store without lifecycles is one
}

// post uploads by a form.
func (p *probing) post(ctx context.Context, form objects.Form, content string) (bool, error) {
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for name, value := range form.Fields {
		_ = writer.WriteField(name, value) // into memory
	}
	file, _ := writer.CreateFormFile("file", "probe")
	_, _ = io.WriteString(file, content)
	_ = writer.Close()
	request := objects.Request{Method: http.MethodPost, URL: form.URL, Headers: map[string]string{"Content-Type": writer.FormDataContentType()}}
	return p.send(ctx, request, body.String())
}

// send makes a signed request and reports whether the store took it. A store that fails has not answered.
func (p *probing) send(ctx context.Context, signed objects.Request, content string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, bytes.NewReader([]byte(content)))
	if err != nil {
		return false, fmt.Errorf("try a signed request: %w", err)
	}
	for name, value := range signed.Headers {
		request.Header.Set(name, value)
	}
	answer, err := p.store.plain.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which is signed
	}
	if err != nil {
		return false, explained("try a signed request", err)
	}
	drain(answer)
	switch {
	case answer.StatusCode == http.StatusServiceUnavailable || answer.StatusCode == http.StatusTooManyRequests:
		return false, fmt.Errorf("try a signed request: %w: it answers %d", objects.ErrUnavailable, answer.StatusCode)
	default:
		return answer.StatusCode/100 == 2, nil
	}
}

func drain(answer *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // so that the connection can be used again
	_ = answer.Body.Close()
}
