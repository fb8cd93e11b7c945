// Package objects is the contract of where the bytes of media are: an S3-compatible object store (package s3) or, in one process, a directory
// (package directory). Package objectstest has the suite that both pass.
//
// No byte of an upload or a download goes through the services: clients get requests that are signed for them, and make these at the store.
// What is signed is fixed: the key, the size, the type, the checksum where the store checks it, and until when. The store refuses all else.
//
// # How an upload is taken
//
// Nothing in S3 keeps a client from using a form again until it expires, and so from replacing what has been examined: POST policies have no
// condition for that (If-None-Match is one of PutObject and CompleteMultipartUpload alone). So a form is for a key of its own, as
// ROOM/MEDIUM/upload, and [Store.Seal] copies what was examined, by its ETag, within the store, to the key that downloads are signed for, as
// ROOM/MEDIUM/original, for which no request that writes is ever signed. What is uploaded after that reaches nobody, and goes with the medium.
// An upload in parts needs no sealing: it becomes an object only by CompleteParts, of exactly the parts that were examined, and its signed
// requests end with it.
package objects

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors of a store, to be found with errors.Is. What none of them is, is a fault of the program.
var (
	// ErrUnavailable says that the store is not reached, is too slow or full, or refuses its keys. Trying again later may help.
	ErrUnavailable = errors.New("the object store is not available")
	// ErrNoBucket says that the bucket is not there.
	ErrNoBucket = errors.New("the bucket does not exist")
	// ErrNotFound says that there is no such object, or no such unfinished upload.
	ErrNotFound = errors.New("there is no such object")
	// ErrMismatch says that what is there is not what was named: another ETag, another size, another checksum, parts that are missing.
	ErrMismatch = errors.New("the object is not the one that was named")
	// ErrInvalid says that no store would take what was asked for: a key, a type, a size or a lifetime that is not allowed.
	ErrInvalid = errors.New("that cannot be asked of an object store")
)

const (
	// MaxFormLifetime is how long a form may be usable: versitygw takes none that was signed more than an hour ago, whatever its policy says.
	MaxFormLifetime = time.Hour
	// MaxLifetime is how long any other signed request may be usable (AWS, "Authenticating Requests: Using Query Parameters").
	MaxLifetime = 7 * 24 * time.Hour
	// MaxFormSize is the largest object of a single form, bytes (AWS, "PUT Object").
	MaxFormSize = 5 << 30
	// MinPartSize is the least size of all parts but the last, bytes (AWS, "Amazon S3 multipart upload limits").
	MinPartSize = 5 << 20
	// MaxPartSize is the largest size of any part, bytes.
	MaxPartSize = 5 << 30
	// MaxParts is how many parts an upload may have.
	MaxParts = 10_000
	// MaxTypeLength is the longest media type of an object, bytes (RFC 6838, section 4.2, has 127 for each half).
	MaxTypeLength = 127
	// MaxListed is the most that one listing gives.
	MaxListed = 1000
	// UnfinishedLifetime is how long an upload in parts is kept that nobody completes.
	UnfinishedLifetime = 24 * time.Hour
)

// Store keeps objects. Its methods are safe for concurrent use, and have deadlines of their own besides that of ctx.
type Store interface {
	// Run makes the store usable, trying again while it is not, and returns when ctx is done.
	Run(ctx context.Context) error
	// Ready reports what keeps the store from being used: ErrUnavailable, ErrNoBucket, or what it lacks.
	Ready(ctx context.Context) error
	// Capabilities is what the store does itself. It is the zero value until the store was ready once.
	Capabilities() Capabilities

	// PresignForm signs an upload by POST of multipart/form-data. The store is not asked. Errors: ErrInvalid; ErrUnavailable while the store
	// was never ready, and so what it checks is not known.
	PresignForm(ctx context.Context, upload Upload, lifetime time.Duration) (Form, error)

	// BeginParts begins an upload in parts and gives its id.
	BeginParts(ctx context.Context, upload Upload) (uploadID string, err error)
	// PresignPart signs the upload of one part. The store is not asked, so also not whether the upload still exists. Errors as PresignForm.
	PresignPart(ctx context.Context, part PartUpload, lifetime time.Duration) (Request, error)
	// Parts gives the parts that the store has, by their numbers: an upload is resumed with the others. Of a number that was uploaded twice
	// it gives the last. Errors: ErrNotFound.
	Parts(ctx context.Context, key, uploadID string) ([]Part, error)
	// CompleteParts makes the object of exactly these parts, given as Parts gave them, in the order of their numbers, and ends the upload.
	// Errors: ErrMismatch, where a part is no longer that one or is too small, and the upload goes on; ErrNotFound, also where it was
	// completed before: [Store.Stat] tells.
	CompleteParts(ctx context.Context, key, uploadID string, parts []Part) error
	// AbortParts ends an upload and deletes its parts. One that is not there is aborted.
	AbortParts(ctx context.Context, key, uploadID string) error
	// Unfinished lists uploads in parts that were neither completed nor aborted, in the order of keys: those of keys behind the one named, at
	// most limit. Where a page ends within a key, the rest of that key's is found from the beginning once these were aborted (versitygw cannot
	// go on within a key). Only for stores with the capability ListsUploads; others may give none.
	Unfinished(ctx context.Context, prefix, after string, limit int) ([]Unfinished, error)

	// PresignGet signs a download. The store is not asked, so also not whether the object exists.
	PresignGet(ctx context.Context, key string, download Download, lifetime time.Duration) (url string, err error)

	// Seal copies an object within the store, if its ETag is still this one, to a key for which nobody has a signed upload, and deletes the
	// first. It can be done again: where the first is gone and the second there, it was done. Errors: ErrNotFound, ErrMismatch.
	Seal(ctx context.Context, from, to, etag string) (Info, error)
	// Stat describes an object. Errors: ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// Open reads an object, or a range of it. The reader fails with ErrUnavailable where the store does, and where the reader is too slow:
	// it has half a minute, and a second for each 64 KiB. Whoever opens closes. Errors: ErrNotFound.
	Open(ctx context.Context, key string, part Range) (io.ReadCloser, Info, error)
	// Put writes an object that the service has made itself. It is there as a whole or not at all; what was there is replaced. The content
	// must have the size, and the checksum if there is one: otherwise ErrMismatch.
	Put(ctx context.Context, object Upload, content io.Reader) (Info, error)
	// Delete deletes objects. One that is not there is deleted. Where it fails, some may have been deleted.
	Delete(ctx context.Context, keys ...string) error
	// List gives objects whose keys begin with the prefix, in the order of keys, those after the key named, at most limit. Info has key, size
	// and time alone. Less than limit means that there are no more.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
}

// Upload is an object to be. All but the key and the size may be left out where the method says nothing else.
type Upload struct {
	Key    string // see [CheckKey]
	Type   string // media type, needed
	Size   int64  // bytes; at least 1
	SHA256 []byte // of the content, 32 bytes; or nil
	// PartChecksums says, at BeginParts, that every part will be signed with its checksum. S3 has one kind of upload for parts with and one
	// for parts without. SHA256 of the whole is checked by no store: that is the caller's, by reading the object.
	PartChecksums bool
}

// Form is a signed upload: a POST of multipart/form-data with all fields and then, last, the content in a field named "file". The store answers
// 204. What it refuses gets 400 or 403 and an error of S3 in XML.
type Form struct {
	URL    string            `json:"url"`
	Fields map[string]string `json:"fields"`
}

// PartUpload is one part of an upload in parts.
type PartUpload struct {
	Key, UploadID string
	Number        int    // from 1
	Size          int64  // bytes
	SHA256        []byte // needed if and only if the upload was begun with PartChecksums
}

// Request is a signed request, to be sent with these headers and a body of exactly the size that was signed. The answer has the part's ETag.
type Request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// Part is a part that the store has.
type Part struct {
	Number int
	Size   int64
	ETag   string
	SHA256 []byte // where the upload was begun with PartChecksums
}

// Unfinished is an upload in parts that was neither completed nor aborted.
type Unfinished struct {
	Key, UploadID string
	Begun         time.Time // or when it last got a part: stores differ
}

// Info describes an object.
type Info struct {
	Key      string
	Size     int64
	Type     string
	ETag     string // what tells this content from others under the key; nothing more may be made of it
	SHA256   []byte // of the whole content, where the store has checked and kept it; nil otherwise
	Modified time.Time
}

// Range is a part of an object. The zero value is all of it.
type Range struct {
	Offset int64 // bytes
	Length int64 // bytes; 0: to the end. What reaches beyond the end is cut
}

// Download is how an object is to be given to a client, see [Download.Served].
type Download struct {
	FileName string // as the user knows it; whatever is in it
	Type     string // as it was declared
	Inline   bool   // whether a browser may show it, if its type is one that never runs
}

// Capabilities is what a store does itself, found out at start by trying.
type Capabilities struct {
	FormLimits    bool // a form takes no other key, size or type
	FormChecksum  bool // a form with a checksum takes no other content
	PartSize      bool // a signed part takes no other size
	PartChecksum  bool // a signed part with a checksum takes no other content
	CORS          bool // pages of the configured origins may upload and download
	ExpireUploads bool // uploads in parts that nobody completes are deleted after UnfinishedLifetime
	ListsUploads  bool // Unfinished lists uploads in parts
}
