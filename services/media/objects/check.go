package objects

import (
	"crypto/sha256"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"time"
)

const uuidPattern = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

var keyPattern = regexp.MustCompile(`^` + uuidPattern + `/` + uuidPattern + `/[a-z0-9][a-z0-9_-]{0,31}(\.[a-z0-9]{1,8})?$`)

// CheckKey reports whether a key is one: ROOM/MEDIUM/NAME, the first two UUIDs in lower case, the name of small letters, digits, - and _, with
// an extension or none. No user chooses any of it. The error is ErrInvalid.
func CheckKey(key string) error {
	if !keyPattern.MatchString(key) {
		return fmt.Errorf("%w: no key: %.120q", ErrInvalid, key)
	}
	return nil
}

// CheckForm reports whether an upload by a form can be signed. The error is ErrInvalid.
func (u Upload) CheckForm(lifetime time.Duration) error {
	if u.Size > MaxFormSize {
		return fmt.Errorf("%w: %d bytes are more than a form takes", ErrInvalid, u.Size)
	}
	if lifetime < time.Second || lifetime > MaxFormLifetime {
		return fmt.Errorf("%w: a form for %s", ErrInvalid, lifetime)
	}
	return u.Check()
}

// Check reports whether an upload is one. The error is ErrInvalid.
func (u Upload) Check() error {
	if err := CheckKey(u.Key); err != nil {
		return err
	}
	if u.Size < 1 {
		return fmt.Errorf("%w: an object of %d bytes", ErrInvalid, u.Size)
	}
	// Types stand in policies, headers and signatures: nothing in one may need quotes there.
	if kind, parameters, err := mime.ParseMediaType(u.Type); err != nil || !strings.Contains(kind, "/") || len(parameters) > 0 || kind != u.Type || len(kind) > MaxTypeLength {
		return fmt.Errorf("%w: no media type in small letters and without parameters: %.120q", ErrInvalid, u.Type)
	}
	return checkSum(u.SHA256)
}

// Check reports whether a part can be signed. The error is ErrInvalid.
func (p PartUpload) Check(lifetime time.Duration) error {
	if err := CheckKey(p.Key); err != nil {
		return err
	}
	switch {
	case p.UploadID == "":
		return fmt.Errorf("%w: a part of no upload", ErrInvalid)
	case p.Number < 1 || p.Number > MaxParts:
		return fmt.Errorf("%w: part %d", ErrInvalid, p.Number)
	case p.Size < 1 || p.Size > MaxPartSize:
		return fmt.Errorf("%w: a part of %d bytes", ErrInvalid, p.Size)
	}
	if err := CheckLifetime(lifetime); err != nil {
		return err
	}
	return checkSum(p.SHA256)
}

// CheckLifetime reports whether a signed request can be usable for so long. The error is ErrInvalid.
func CheckLifetime(lifetime time.Duration) error {
	if lifetime < time.Second || lifetime > MaxLifetime {
		return fmt.Errorf("%w: a signed request for %s", ErrInvalid, lifetime)
	}
	return nil
}

// CheckListing reports whether a listing can be asked for. The error is ErrInvalid.
func CheckListing(limit int) error {
	if limit < 1 || limit > MaxListed {
		return fmt.Errorf("%w: a listing of %d", ErrInvalid, limit)
	}
	return nil
}

// Check reports whether a range is one. The error is ErrInvalid.
func (r Range) Check() error {
	if r.Offset < 0 || r.Length < 0 {
		return fmt.Errorf("%w: the range of %d from %d", ErrInvalid, r.Length, r.Offset)
	}
	return nil
}

// ReadLimit is how long reading so many bytes may take: half a minute, and a second for each 64 KiB.
func ReadLimit(size int64) time.Duration {
	return 30*time.Second + time.Duration(size>>16)*time.Second
}

func checkSum(sum []byte) error {
	if sum != nil && len(sum) != sha256.Size {
		return fmt.Errorf("%w: a SHA-256 of %d bytes", ErrInvalid, len(sum))
	}
	return nil
}

// CheckParts reports whether an upload can be completed with the parts. The error is ErrInvalid.
func CheckParts(parts []Part) error {
	if len(parts) < 1 || len(parts) > MaxParts {
		return fmt.Errorf("%w: an object of %d parts", ErrInvalid, len(parts))
	}
	for i, part := range parts[1:] {
		if part.Number <= parts[i].Number {
			return fmt.Errorf("%w: part %d behind part %d", ErrInvalid, part.Number, parts[i].Number)
		}
	}
	return nil
}
