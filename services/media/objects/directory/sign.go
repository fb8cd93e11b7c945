package directory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ism-chat/ism/services/media/objects"
)

// Parameters of signed requests, besides those that S3 has.
const (
	expiresParameter   = "x-ism-expires" // seconds since 1970
	sizeParameter      = "x-ism-size"
	signatureParameter = "x-ism-signature"

	checksumHeader    = "x-amz-checksum-sha256"
	algorithmField    = "x-amz-checksum-algorithm"
	checksumAlgorithm = "SHA256"
	policyField       = "policy"
	partParameter     = "partNumber"
	uploadParameter   = "uploadId"
)

// signature is an HMAC-SHA256 of a method, a key and all parameters, in base64url. Each is of one line, and the parameters are in one order.
func (o *opened) signature(method, key, parameters string) string {
	mac := hmac.New(sha256.New, o.key)
	fmt.Fprintf(mac, "ISM1\n%s\n%s\n%s", method, key, parameters)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signed is the address of a request for a key with the parameters.
func (s *Store) signed(method, key string, parameters url.Values, lifetime time.Duration) (string, error) {
	at, err := s.opened()
	if err != nil {
		return "", err
	}
	parameters.Set(expiresParameter, strconv.FormatInt(s.now().Add(lifetime).Unix(), 10))
	query := parameters.Encode() // sorted
	return s.public.JoinPath(key).String() + "?" + query + "&" + signatureParameter + "=" + at.signature(method, key, query), nil
}

// verify gives the parameters of a request that was signed for the method and the key, and is not over.
func (s *Store) verify(at *opened, method, key, query string) (url.Values, error) {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return nil, errSignature
	}
	for _, values := range parameters {
		if len(values) != 1 {
			return nil, errSignature
		}
	}
	given := parameters.Get(signatureParameter)
	parameters.Del(signatureParameter)
	if given == "" {
		return nil, errUnsigned
	}
	if !hmac.Equal([]byte(given), []byte(at.signature(method, key, parameters.Encode()))) {
		return nil, errSignature
	}
	expires, err := strconv.ParseInt(parameters.Get(expiresParameter), 10, 64)
	if err != nil || s.now().Unix() >= expires {
		return nil, errExpired
	}
	return parameters, nil
}

// policy is what a form was signed for.
type policy struct {
	Expires int64  `json:"expires"` // seconds since 1970
	Key     string `json:"key"`
	Type    string `json:"type"`
	Size    int64  `json:"size"`
	SHA256  []byte `json:"sha256,omitempty"`
}

// fields are those of the form, without what signs it.
func (p policy) fields() map[string]string {
	fields := map[string]string{"key": p.Key, "Content-Type": p.Type}
	if p.SHA256 != nil {
		fields[algorithmField] = checksumAlgorithm
		fields[checksumHeader] = base64.StdEncoding.EncodeToString(p.SHA256)
	}
	return fields
}

// PresignForm implements [objects.Store].
func (s *Store) PresignForm(_ context.Context, upload objects.Upload, lifetime time.Duration) (objects.Form, error) {
	if err := upload.CheckForm(lifetime); err != nil {
		return objects.Form{}, err
	}
	at, err := s.opened()
	if err != nil {
		return objects.Form{}, err
	}
	p := policy{s.now().Add(lifetime).Unix(), upload.Key, upload.Type, upload.Size, upload.SHA256}
	text, err := json.Marshal(p)
	if err != nil {
		return objects.Form{}, fmt.Errorf("encode a policy: %w", err)
	}
	fields := p.fields()
	fields[policyField] = base64.StdEncoding.EncodeToString(text)
	fields[signatureParameter] = at.signature(http.MethodPost, "", fields[policyField])
	return objects.Form{URL: s.public.String() + "/", Fields: fields}, nil
}

// verifyForm gives what a form was signed for, where it has no fields but those of it.
func (s *Store) verifyForm(at *opened, fields map[string]string) (policy, error) {
	text := fields[policyField]
	switch given := fields[signatureParameter]; {
	case given == "" || text == "":
		return policy{}, errUnsigned
	case !hmac.Equal([]byte(given), []byte(at.signature(http.MethodPost, "", text))):
		return policy{}, errSignature
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	var p policy
	if err := errors.Join(err, json.Unmarshal(decoded, &p)); err != nil {
		return policy{}, errSignature // it was not made here
	}
	if s.now().Unix() >= p.Expires {
		return policy{}, errExpired
	}
	wanted := canonical(p.fields())
	for name, value := range fields {
		if name == policyField || name == signatureParameter {
			continue
		}
		if was, signed := wanted[name]; !signed || was != value {
			return policy{}, errPolicy
		}
		delete(wanted, name)
	}
	if len(wanted) > 0 {
		return policy{}, errPolicy
	}
	return p, nil
}

// PresignPart implements [objects.Store].
func (s *Store) PresignPart(_ context.Context, part objects.PartUpload, lifetime time.Duration) (objects.Request, error) {
	if err := part.Check(lifetime); err != nil {
		return objects.Request{}, err
	}
	parameters := url.Values{partParameter: {strconv.Itoa(part.Number)}, uploadParameter: {part.UploadID}, sizeParameter: {strconv.FormatInt(part.Size, 10)}}
	headers := map[string]string{}
	if part.SHA256 != nil {
		headers[checksumHeader] = base64.StdEncoding.EncodeToString(part.SHA256)
		parameters.Set(checksumHeader, headers[checksumHeader])
	}
	at, err := s.signed(http.MethodPut, part.Key, parameters, lifetime)
	if err != nil {
		return objects.Request{}, err
	}
	return objects.Request{Method: http.MethodPut, URL: at, Headers: headers}, nil
}

// PresignGet implements [objects.Store].
func (s *Store) PresignGet(_ context.Context, key string, download objects.Download, lifetime time.Duration) (string, error) {
	if err := errors.Join(objects.CheckKey(key), objects.CheckLifetime(lifetime)); err != nil {
		return "", err
	}
	kind, disposition := download.Served()
	return s.signed(http.MethodGet, key, url.Values{
		"response-content-type":        {kind},
		"response-content-disposition": {disposition},
		"response-cache-control":       {fmt.Sprintf("private, max-age=%d", int(lifetime.Seconds()))},
	}, lifetime)
}
