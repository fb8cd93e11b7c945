package directory

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ism-chat/ism/services/media/objects"
)

const (
	maxUploads  = 64               // under way at once; more are told to come again
	idleTimeout = 30 * time.Second // in which some bytes of a request, or of an answer, must pass
	// maxUnwanted is how much is read of what is refused, bytes: who is still sending when the connection is closed does not see the answer.
	maxUnwanted = 1 << 20
)

// refusal is an answer that takes nothing, with S3's code.
type refusal struct {
	status        int
	code, message string
}

// Error implements error.
func (r *refusal) Error() string { return r.code + ": " + r.message }

// Is makes a refusal a proper answer in metrics.
func (r *refusal) Is(target error) bool { return target == objects.ErrInvalid }

var (
	errUnsigned  = &refusal{http.StatusForbidden, "AccessDenied", "The request is not signed"}
	errSignature = &refusal{http.StatusForbidden, "SignatureDoesNotMatch", "The request is not the one that was signed"}
	errExpired   = &refusal{http.StatusForbidden, "AccessDenied", "Request has expired"}
	errPolicy    = &refusal{http.StatusForbidden, "AccessDenied", "Invalid according to Policy: the fields of the form are not those that were signed"}
	errMalformed = &refusal{http.StatusBadRequest, "MalformedPOSTRequest", "The body is no multipart/form-data with the content last, in a field named file"}
	errTooSmall  = &refusal{http.StatusBadRequest, "EntityTooSmall", "The content is smaller than was signed"}
	errTooLarge  = &refusal{http.StatusBadRequest, "EntityTooLarge", "The content is larger than was signed"}
	errChecksum  = &refusal{http.StatusBadRequest, "XAmzContentChecksumMismatch", "The content has another checksum than was signed"}
	errLength    = &refusal{http.StatusLengthRequired, "MissingContentLength", "The request must say how long it is"}
	errNoKey     = &refusal{http.StatusNotFound, "NoSuchKey", "There is no such object"}
	errNoUpload  = &refusal{http.StatusNotFound, "NoSuchUpload", "There is no such upload: it was never begun, or has been completed or aborted"}
	errMethod    = &refusal{http.StatusMethodNotAllowed, "MethodNotAllowed", "There is nothing for this method"}
	errOrigin    = &refusal{http.StatusForbidden, "AccessForbidden", "CORSResponse: this origin is not allowed"}
	errBusy      = &refusal{http.StatusServiceUnavailable, "SlowDown", "Too many uploads are under way"}
	errStore     = &refusal{http.StatusServiceUnavailable, "ServiceUnavailable", "The content cannot be kept or read at the moment"}
	errBroken    = &refusal{http.StatusBadRequest, "IncompleteBody", "The body did not arrive"}
)

// Handler serves signed requests, beneath the path of the public address.
func (s *Store) Handler() http.Handler {
	handler := http.HandlerFunc(s.serve)
	if s.public.Path == "" {
		return handler
	}
	return http.StripPrefix(s.public.Path, handler)
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	allowed := s.allowOrigin(w.Header(), r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("Referrer-Policy", "no-referrer")
	var (
		operation string
		serve     func(w http.ResponseWriter, r *http.Request, key string) error
	)
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r, allowed)
		return
	case r.Method == http.MethodPost && key == "":
		operation, serve = "post_form", s.uploading(s.postForm)
	case r.Method == http.MethodPut && objects.CheckKey(key) == nil:
		operation, serve = "put_part", s.uploading(s.putSignedPart)
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && objects.CheckKey(key) == nil:
		operation, serve = "get", s.get
	case r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPut:
		refuse(w, errUnsigned)
		return
	default:
		refuse(w, errMethod)
		return
	}
	err := s.observed(operation, func() error { return serve(w, r, key) })
	if err != nil {
		refuse(w, s.answerTo(r, err))
	}
}

func (s *Store) observed(operation string, do func() error) (err error) {
	defer s.metrics.Observe(operation)(&err)
	return do()
}

// answerTo is what a client is told of an error.
func (s *Store) answerTo(r *http.Request, err error) *refusal {
	if answer, ok := errors.AsType[*refusal](err); ok {
		return answer
	}
	switch {
	case errors.Is(err, objects.ErrNotFound) && r.Method == http.MethodPut:
		return errNoUpload
	case errors.Is(err, objects.ErrNotFound):
		return errNoKey
	case errors.Is(err, objects.ErrUnavailable):
		s.log.ErrorContext(r.Context(), "a signed request cannot be served", "method", r.Method, "error", err.Error())
		return errStore
	default:
		return errBroken // the client's connection
	}
}

func refuse(w http.ResponseWriter, answer *refusal) {
	header := w.Header()
	for _, name := range []string{"Content-Disposition", "ETag", "Cache-Control", "Last-Modified"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/xml")
	if answer.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "2")
	}
	w.WriteHeader(answer.status)
	text, _ := xml.Marshal(struct { // strings alone
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: answer.code, Message: answer.message})
	_, _ = io.WriteString(w, xml.Header+string(text))
}

// allowOrigin says whether a page of the request's origin may read the answer. A request without an origin comes from no page.
func (s *Store) allowOrigin(header http.Header, r *http.Request) bool {
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return false
	case slices.Contains(s.cfg.CORSOrigins, "*"):
		origin = "*"
	case !slices.ContainsFunc(s.cfg.CORSOrigins, func(allowed string) bool { return strings.EqualFold(allowed, origin) }):
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "ETag, Content-Length, Content-Range, Content-Disposition")
	return true
}

func preflight(w http.ResponseWriter, r *http.Request, allowed bool) {
	method := r.Header.Get("Access-Control-Request-Method")
	if !allowed || !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut}, method) {
		refuse(w, errOrigin)
		return
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT")
	if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
		header.Set("Access-Control-Allow-Headers", headers)
	}
	header.Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusOK)
}

// uploading bounds how many uploads are under way, and how long one may stand still.
func (s *Store) uploading(serve func(w http.ResponseWriter, r *http.Request) (etag string, err error)) func(http.ResponseWriter, *http.Request, string) error {
	return func(w http.ResponseWriter, r *http.Request, _ string) error {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			return errBusy
		}
		if r.ContentLength < 0 {
			return errLength // S3 takes none either
		}
		r.Body = &moving{r.Body, http.NewResponseController(w)}
		etag, err := serve(w, r)
		if err != nil {
			_, _ = io.CopyN(io.Discard, r.Body, maxUnwanted)
			return err
		}
		w.Header().Set("ETag", `"`+etag+`"`)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNoContent)
		}
		return nil
	}
}

// moving is a body of which some bytes must come in idleTimeout.
type moving struct {
	io.ReadCloser
	connection *http.ResponseController
}

// Read implements [io.Reader].
func (m *moving) Read(into []byte) (int, error) {
	_ = m.connection.SetReadDeadline(time.Now().Add(idleTimeout)) // a connection without deadlines is a test's
	return m.ReadCloser.Read(into)                                //nolint:wrapcheck // the connection's own
}

// putSignedPart takes a part.
func (s *Store) putSignedPart(_ http.ResponseWriter, r *http.Request) (string, error) {
	at, err := s.opened()
	if err != nil {
		return "", err
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	parameters, err := s.verify(at, r.Method, key, r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	part, err := partIn(key, parameters.Get)
	if err != nil {
		return "", err
	}
	if part.SHA256 != nil && r.Header.Get(checksumHeader) != parameters.Get(checksumHeader) {
		return "", errSignature // the header was signed
	}
	if r.ContentLength != part.Size {
		return "", errSignature // so was Content-Length
	}
	info, err := s.putPart(r.Context(), part, r.Body)
	return info.ETag, contentError(err, r.ContentLength-part.Size)
}

// partIn reads what was signed.
func partIn(key string, parameter func(name string) string) (objects.PartUpload, error) {
	number, numbered := strconv.Atoi(parameter(partParameter))
	size, sized := strconv.ParseInt(parameter(sizeParameter), 10, 64)
	part := objects.PartUpload{Key: key, UploadID: parameter(uploadParameter), Number: number, Size: size}
	var decoded error
	if sum := parameter(checksumHeader); sum != "" {
		part.SHA256, decoded = base64.StdEncoding.DecodeString(sum)
	}
	if err := errors.Join(numbered, sized, decoded, part.Check(time.Minute)); err != nil {
		return objects.PartUpload{}, errSignature // it was not signed for a part
	}
	return part, nil
}

// contentError names what is wrong with a content that is so many bytes larger than was signed.
func contentError(err error, more int64) error {
	switch {
	case !errors.Is(err, objects.ErrMismatch):
		return err
	case more < 0:
		return errTooSmall
	case more > 0:
		return errTooLarge
	default:
		return errChecksum
	}
}

// get gives an object, or ranges of it.
func (s *Store) get(w http.ResponseWriter, r *http.Request, key string) error {
	at, err := s.opened()
	if err != nil {
		return err
	}
	parameters, err := s.verify(at, r.Method, key, r.URL.RawQuery)
	if err != nil {
		return err
	}
	from, info, err := read(at.root, nameOf(key), key)
	if err != nil {
		return err
	}
	defer from.Close()
	header := w.Header()
	header.Set("ETag", `"`+info.ETag+`"`)
	for _, name := range []string{"Content-Type", "Content-Disposition", "Cache-Control"} {
		header.Set(name, parameters.Get("response-"+strings.ToLower(name)))
	}
	http.ServeContent(&draining{w, http.NewResponseController(w)}, r, "", info.Modified, io.NewSectionReader(from, 0, info.Size))
	return nil
}

// draining is an answer of which some bytes must be taken in idleTimeout.
type draining struct {
	http.ResponseWriter
	connection *http.ResponseController
}

// Write implements [io.Writer].
func (d *draining) Write(from []byte) (int, error) {
	_ = d.connection.SetWriteDeadline(time.Now().Add(idleTimeout)) // a connection without deadlines is a test's
	return d.ResponseWriter.Write(from)                            //nolint:wrapcheck // the connection's own
}

// Server serves signed requests at an address of its own: contents are larger, and take longer, than the API's listener allows.
type Server struct {
	address string
	store   *Store
}

// NewServer makes the server of a store at an address, host:port. It listens once it runs.
func NewServer(address string, store *Store) *Server { return &Server{address, store} }

// stopTimeout is how long what is under way may take when the server ends. Clients try again, as for S3.
const stopTimeout = 5 * time.Second

// Run serves until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Addr: s.address, Handler: s.store.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err := <-served:
		return fmt.Errorf("serve media on %s: %w", s.address, err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		_ = server.Close()
	}
	<-served
	return nil
}
